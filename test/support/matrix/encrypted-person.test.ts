import { afterAll, beforeAll, expect, it } from "vitest";
import { EncryptedPerson, RoomLog, type Synapse, startSynapse } from "./index.ts";

let synapse: Synapse;
let alice: EncryptedPerson;
let bob: EncryptedPerson;

beforeAll(async () => {
  synapse = await startSynapse();
  alice = await EncryptedPerson.start(synapse.url, await synapse.register({ displayName: "Alice" }));
  bob = await EncryptedPerson.start(synapse.url, await synapse.register({ displayName: "Bob" }));
});

afterAll(async () => {
  alice.stop();
  bob.stop();
  await synapse.stop();
});

it("writes, edits and sends files that others in the room read, and the homeserver does not", async () => {
  const room = await alice.createRoom({ invite: [bob.userId], encrypted: true });
  await bob.join(room);
  await alice.sees(room, [bob.userId]);
  await bob.sees(room, [alice.userId]);
  const bytes = new Uint8Array([1, 2, 255]);
  const said = await alice.say(room, "secret words", { mentions: [bob.userId] });
  const edit = await alice.edit(room, said, "other words");
  const file = await alice.sendFile(room, { name: "x.bin", bytes, mediaType: "application/octet-stream" });

  const events = await new RoomLog(synapse.url, bob.account.accessToken).events(room);
  const sealed = [said, edit, file].map((id) => events.find((event) => event.event_id === id));
  expect(sealed.map((event) => event?.type)).toEqual(Array.from({ length: 3 }, () => "m.room.encrypted"));
  expect(JSON.stringify(events)).not.toContain("words");
  const opened = await Promise.all(sealed.flatMap((event) => (event === undefined ? [] : bob.open(event))));
  expect(opened.map((event) => event.content["body"])).toEqual(["secret words", "* other words", "x.bin"]);
  expect(await bob.openFile(opened[2]?.content["file"])).toEqual(bytes);
  const mentions = await Promise.all(sealed.flatMap((event) => (event === undefined ? [] : bob.isMentionedBy(event))));
  expect(mentions).toEqual([true, false, false]);
});
