import {
  ClientEvent,
  createClient,
  EventType,
  MemoryStore,
  MsgType,
  type Room,
  RoomEvent,
  SyncState,
} from "matrix-js-sdk";
import type { Logger } from "matrix-js-sdk/lib/logger.js";
import { answerCalls } from "./child-calls.ts";

/** A message as the person's own client shows it. */
export interface Shown {
  readonly eventId: string;
  readonly sender: string;
  readonly body: string;
  readonly type: string;
  readonly encrypted: boolean;
  readonly readable: boolean;
}

const { url, userId, accessToken, deviceId } = JSON.parse(process.argv[2] ?? "") as {
  url: string;
  userId: string;
  accessToken: string;
  deviceId: string;
}; // what the parent gave
const quiet = (): void => undefined;
const silent: Logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, getChild: () => silent };
const client = createClient({
  baseUrl: url,
  userId,
  accessToken,
  deviceId,
  store: new MemoryStore(),
  timelineSupport: true,
  logger: silent,
});
const ready = (async () => {
  await client.initRustCrypto({ useIndexedDB: false });
  await client.startClient({ initialSyncLimit: 1_000 });
  while (client.getSyncState() !== SyncState.Prepared && client.getSyncState() !== SyncState.Syncing)
    await new Promise((resolve) => client.once(ClientEvent.Sync, resolve));
})();

async function roomOf(roomId: string): Promise<Room> {
  await ready;
  for (;;) {
    const room = client.getRoom(roomId);
    if (room !== null) return room;
    await new Promise((resolve) => client.once(ClientEvent.Room, resolve));
  }
}

/** Once this long nothing changed in what is waited for, it is looked at again, in ms. */
const LOOK_EVERY_MS = 200;

async function until(holds: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) return false;
    const changed = new Promise<void>((resolve) => client.once(RoomEvent.Timeline, () => resolve()));
    await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))]);
  }
  return true;
}

function shown(room: Room): readonly Shown[] {
  return room
    .getLiveTimeline()
    .getEvents()
    .filter((event) => ["m.room.message", "m.room.encrypted", "m.reaction"].includes(event.getType()))
    .map((event) => ({
      eventId: event.getId() ?? "",
      sender: event.getSender() ?? "",
      body: String(event.getContent()["body"] ?? ""),
      type: event.getType(),
      encrypted: event.isEncrypted(),
      readable: !event.isDecryptionFailure() && !event.isBeingDecrypted(),
    }));
}

const functions = {
  /** Resolves when the person's client is there. */
  start: async (): Promise<void> => await ready,
  /** Sessions last for three messages, so that keys travel all the time. */
  createRoom: async (invite: readonly string[], encrypted: boolean): Promise<string> => {
    await ready;
    const encryption = {
      type: EventType.RoomEncryption,
      state_key: "",
      content: { algorithm: "m.megolm.v1.aes-sha2", rotation_period_msgs: 3 },
    };
    const { room_id: roomId } = await client.createRoom({
      invite: [...invite],
      initial_state: encrypted ? [encryption] : [],
    });
    await roomOf(roomId);
    return roomId;
  },
  encryptRoom: async (roomId: string): Promise<void> => {
    await client.sendStateEvent(roomId, EventType.RoomEncryption, { algorithm: "m.megolm.v1.aes-sha2" });
  },
  /** Waits until the person's client knows that somebody is in the room, so that keys are meant for them. */
  sees: async (roomId: string, other: string): Promise<boolean> => {
    const room = await roomOf(roomId);
    return await until(() => room.getMember(other)?.membership === "join", 20_000);
  },
  say: async (roomId: string, body: string): Promise<string> => {
    await roomOf(roomId);
    return (await client.sendMessage(roomId, { msgtype: MsgType.Text, body })).event_id;
  },
  /** The next message begins a new session, whose key has to be sent first. */
  rotate: async (roomId: string): Promise<void> => await client.getCrypto()?.forceDiscardSession(roomId),
  show: async (roomId: string): Promise<readonly Shown[]> => shown(await roomOf(roomId)),
  /** Waits for bodies of one sender; gives what of them is not there, or not readable, after the time. */
  missing: async (
    roomId: string,
    sender: string,
    bodies: readonly string[],
    timeoutMs: number,
  ): Promise<readonly string[]> => {
    const room = await roomOf(roomId);
    const open = (): readonly string[] => {
      const there = new Set(
        shown(room)
          .filter((one) => one.sender === sender && one.readable)
          .map((one) => one.body),
      );
      return bodies.filter((body) => !there.has(body));
    };
    await until(() => open().length === 0, timeoutMs);
    return open();
  },
  /** What the person's client knows of a device of somebody: signed by its owner or not. */
  device: async (other: string, device: string): Promise<{ known: boolean; signedByOwner: boolean }> => {
    await ready;
    await client.getCrypto()?.getUserDeviceInfo([other], true);
    const status = await client.getCrypto()?.getDeviceVerificationStatus(other, device);
    return { known: status !== null && status !== undefined, signedByOwner: status?.signedByOwner === true };
  },
};

export type PersonFunctions = typeof functions;

answerCalls(functions);
