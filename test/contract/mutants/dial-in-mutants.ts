import type { DialInPort, DialInReceiver } from "../../../src/contracts/dial-in.ts";
import type { DialInCheck } from "../dial-in-checks.ts";

/** A hub that is broken in one way, by what stands between it and its sockets. */
export interface DialInMutant {
  readonly name: string;
  readonly breaks: readonly DialInCheck["id"][];
  readonly port: (hub: DialInPort) => DialInPort;
}

type Frame = Record<string, unknown>;

/** Changes what agents say; undefined keeps a frame from being heard. */
function hearing(change: () => (frame: Frame) => Frame | undefined): (hub: DialInPort) => DialInPort {
  return (hub) => ({
    verify: (token) => hub.verify(token),
    strangers: () => hub.strangers(),
    accept(socket, principal): DialInReceiver {
      const receiver = hub.accept(socket, principal);
      const heard = change();
      return {
        closed: () => receiver.closed(),
        tooLarge: () => receiver.tooLarge(),
        message(bytes) {
          const frame = heard(JSON.parse(Buffer.from(bytes).toString()) as Frame); // agents of the checks send objects alone
          if (frame !== undefined) receiver.message(Buffer.from(JSON.stringify(frame)));
        },
      };
    },
  });
}

export const DIAL_IN_MUTANTS: readonly DialInMutant[] = [
  {
    name: "forgets at a drop what it has heard",
    breaks: ["resume"],
    port: hearing(() => (frame) => (frame["type"] === "hello" ? { ...frame, turns: [] } : frame)),
  },
  {
    name: "takes every event for a new one",
    // Numbers that begin anew with each connection are those of the turn no more.
    breaks: ["dedupe", "gap", "resume"],
    port: hearing(() => {
      let n = 0;
      return (frame) => (frame["type"] === "event" ? { ...frame, n: (n += 1) } : frame);
    }),
  },
  {
    name: "keeps the older connection",
    breaks: ["replace"],
    port: (hub) => {
      let open = 0;
      return {
        verify: (token) => hub.verify(token),
        strangers: () => hub.strangers(),
        accept(socket, principal) {
          if (open > 0) {
            socket.close(4001, "there is one already");
            return { message: () => undefined, tooLarge: () => undefined, closed: () => undefined };
          }
          open += 1;
          const receiver = hub.accept(socket, principal);
          return {
            message: (bytes) => receiver.message(bytes),
            tooLarge: () => receiver.tooLarge(),
            closed() {
              open -= 1;
              receiver.closed();
            },
          };
        },
      };
    },
  },
  {
    name: "lets both connections stay",
    breaks: ["replace"],
    port: (hub) => ({
      verify: (token) => hub.verify(token),
      strangers: () => hub.strangers(),
      accept: (socket, principal) =>
        hub.accept(
          {
            get bufferedBytes() {
              return socket.bufferedBytes;
            },
            send: (sent) => socket.send(sent),
            close: () => undefined,
            terminate: () => undefined,
            pause: () => socket.pause(),
            resume: () => socket.resume(),
          },
          principal,
        ),
    }),
  },
  {
    name: "carries every call out",
    breaks: ["once"],
    port: hearing(() => {
      const apart = Math.random();
      return (frame) =>
        frame["type"] === "tool_call" ? { ...frame, callId: `${String(frame["callId"])}-${apart}` } : frame;
    }),
  },
];
