import { deflateRawSync } from "node:zlib";
import { frame, OPCODES, type RawWebSocket } from "./raw-web-socket.ts";

/** What a client may do to a WebSocket that breaks its bounds; ends when the line does, or when all was sent. */
export interface SocketAttack {
  readonly name: string;
  /** The client does not read; a server that is told nothing sees that by what it cannot send. */
  readonly isDeaf?: boolean;
  readonly run: (socket: RawWebSocket, size: number) => Promise<void>;
}

const MIB = 1024 ** 2;
const BATCH = 10_000;
const BOMB = deflateRawSync(Buffer.alloc(64 * MIB));

/** Sends many small frames, in pieces that a kernel takes, for as long as the line lasts. */
async function sendMany(socket: RawWebSocket, one: Buffer, count: number): Promise<void> {
  const batch = Buffer.concat(Array.from({ length: BATCH }, () => one));
  for (let sent = 0; sent < count && socket.isOpen; sent += BATCH) await socket.send(batch);
}

/** Security rule R13; `size` is how many frames the long ones have, a million in the whole. */
export const SOCKET_ATTACKS: readonly SocketAttack[] = [
  {
    name: "a frame of 2 MiB",
    run: (socket) => socket.send(frame(OPCODES.text, Buffer.alloc(2 * MIB, "x"))),
  },
  {
    name: "a frame that is announced with 1 TiB",
    run: (socket) => socket.send(frame(OPCODES.text, Buffer.alloc(1_000, "x"), { announced: 1024 ** 4 })),
  },
  {
    name: "a message of many fragments of one byte",
    async run(socket, size) {
      await socket.send(frame(OPCODES.text, Buffer.from("x"), { final: false }));
      await sendMany(socket, frame(OPCODES.continuation, Buffer.from("x"), { final: false }), size);
    },
  },
  {
    name: "a message of many empty fragments",
    async run(socket, size) {
      await socket.send(frame(OPCODES.text, Buffer.alloc(0), { final: false }));
      await sendMany(socket, frame(OPCODES.continuation, Buffer.alloc(0), { final: false }), size);
    },
  },
  {
    name: "a deflate bomb",
    run: (socket) => socket.send(frame(OPCODES.text, BOMB, { compressed: true })),
  },
  {
    name: "a flood of frames that say nothing",
    run: (socket, size) => sendMany(socket, frame(OPCODES.text, Buffer.from("{}")), size),
  },
  {
    name: "a flood of pings whose answers are not read",
    isDeaf: true,
    run: (socket, size) => sendMany(socket, frame(OPCODES.ping, Buffer.alloc(125, "x")), size),
  },
];
