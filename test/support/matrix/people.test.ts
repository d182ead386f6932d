import { afterAll, beforeAll, expect, it } from "vitest";
import { isRedacted, MatrixPerson, RoomLog, relationOf, type Synapse, startSynapse } from "./index.ts";

let synapse: Synapse;
let alice: MatrixPerson;
let bob: MatrixPerson;
let eyesOfBob: RoomLog;

beforeAll(async () => {
  synapse = await startSynapse();
  alice = new MatrixPerson(synapse.url, await synapse.register({ displayName: "Alice" }));
  bob = new MatrixPerson(synapse.url, await synapse.register({ displayName: "Bob" }));
  eyesOfBob = new RoomLog(synapse.url, bob.account.accessToken);
});

afterAll(async () => {
  await synapse.stop();
});

async function sharedRoom(room: Parameters<MatrixPerson["createRoom"]>[0] = {}): Promise<string> {
  const roomId = await alice.createRoom({ invite: [bob.userId], ...room });
  await bob.join(roomId);
  return roomId;
}

it.each(["10", "11", "12"])("shows what people did in a room of version %s", async (version) => {
  const room = await sharedRoom({ name: "lab", version, power: { [bob.userId]: 50 } });
  const root = await alice.say(room, "root", { html: "<b>root</b>" });
  await bob.say(room, "in the thread", { thread: root, mentions: [alice.userId] });
  const edited = await alice.say(room, "frist");
  await alice.edit(room, edited, "first");
  const gone = await bob.say(room, "wrong room");
  await bob.redact(room, gone);
  await alice.react(room, root, "👀");
  await alice.setPower(room, { [bob.userId]: 0 });

  const events = await eyesOfBob.events(room);
  const redacted = events.filter(isRedacted).map((event) => event.event_id);
  expect(redacted).toEqual([gone]);
  expect(
    events.filter((event) => relationOf(event).event_id === root).map((event) => relationOf(event).rel_type),
  ).toEqual(["m.thread", "m.annotation"]);
  expect(events.find((event) => relationOf(event).rel_type === "m.replace")?.content["m.new_content"]).toMatchObject({
    body: "first",
  });
  expect((await eyesOfBob.members(room)).get(alice.userId)).toBe("join");
});

it("says who was notified by a mention, who reads and who writes", async () => {
  const room = await sharedRoom();
  const plain = await alice.say(room, "Bob, or @bob");
  const named = await alice.say(room, "you", { mentions: [bob.userId] });
  const everybody = await alice.say(room, "@room", { everyone: true });
  await bob.read(room, plain);
  await alice.typing(room, true);

  const told = (await eyesOfBob.notifications()).filter((one) => one.room_id === room);
  expect(told.filter((one) => one.highlight).map((one) => one.event.event_id)).toEqual([everybody, named]);
  expect(await eyesOfBob.receipts(room)).toContainEqual({ userId: bob.userId, eventId: plain });
  expect(await eyesOfBob.typing(room)).toEqual([alice.userId]);
});

it("keeps files, leads from an upgraded room to its successor, and knows spaces, kicks and direct messages", async () => {
  const room = await sharedRoom();
  const bytes = new Uint8Array([0, 255, 7]);
  const file = await alice.sendFile(room, { name: "x.bin", bytes, mediaType: "application/octet-stream" });
  const voice = await alice.sendVoice(room, bytes, 1_000);
  const events = await eyesOfBob.events(room);
  for (const id of [file, voice]) {
    const url = events.find((event) => event.event_id === id)?.content["url"];
    expect(await eyesOfBob.media(String(url))).toEqual(bytes);
  }
  const space = await alice.createRoom({ space: true, name: "team" });
  await alice.addChild(space, room);
  expect(await alice.state(space, "m.space.child", room)).toEqual({ via: [synapse.serverName] });
  const next = await alice.upgrade(room, "12");
  expect(await alice.state(room, "m.room.tombstone")).toMatchObject({ replacement_room: next });
  const direct = await alice.createRoom({ direct: true, invite: [bob.userId] });
  await bob.join(direct);
  await alice.kick(direct, bob.userId);
  expect((await new RoomLog(synapse.url, alice.account.accessToken).members(direct)).get(bob.userId)).toBe("leave");
});
