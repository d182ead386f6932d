import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { classOf } from "../../../adapters/matrix/access.ts";
import { RoomState } from "../../../adapters/matrix/room-state.ts";
import {
  type FaultProxy,
  MatrixPerson,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { type Running, startAdapter, until } from "./harness.ts";

const { signal } = new AbortController();
let synapse: Synapse;
let proxy: FaultProxy;
let run: Running;
let owner: MatrixPerson;
let bot: MatrixPerson;
let people = 0;

beforeAll(async () => {
  synapse = await startSynapse();
  owner = await person("owner");
  const account = await synapse.register({ localpart: "parley-bot", displayName: "Parley" });
  bot = new MatrixPerson(synapse.url, account);
  proxy = await startFaultProxy(() => synapse.url);
  run = await startAdapter({ homeserverUrl: proxy.url, accessToken: account.accessToken });
}, 120_000);
afterAll(async () => {
  await run.stop();
  await proxy.close();
  await synapse.stop();
});

async function person(name: string): Promise<MatrixPerson> {
  people += 1;
  return new MatrixPerson(synapse.url, await synapse.register({ localpart: `${name}-${people}`, displayName: name }));
}

/** Whether the homeserver itself shows the event to the person. */
async function shows(who: MatrixPerson, roomId: string, eventId: string): Promise<boolean> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(eventId)}`;
  return await who.api.call("GET", path).then(
    () => true,
    () => false,
  );
}

const target = (roomId: string) => ({
  organizationId: "main",
  installationId: run.installationId,
  conversation: {
    space: { id: synapse.serverName },
    channel: { id: roomId, kind: "private" as const, external: false },
  },
});

/** A room of that visibility with the bot in it from the beginning. */
async function roomOf(visibility: string): Promise<string> {
  const roomId = await owner.createRoom({ name: visibility });
  await owner.setState(roomId, "m.room.history_visibility", { history_visibility: visibility });
  await owner.invite(roomId, bot.userId);
  await until(
    async () =>
      (await owner.state<{ membership: string }>(roomId, "m.room.member", bot.userId)).membership === "join" ||
      undefined,
    () => "the bot did not join",
  );
  return roomId;
}

async function readable(roomId: string, who: readonly MatrixPerson[], messageIds: readonly string[]) {
  const found = await run.adapter.features.access?.couldRead?.({
    target: target(roomId),
    memberIds: who.map(({ userId }) => userId),
    messageIds,
    signal,
  });
  return who.map(({ userId }) => messageIds.map((id) => found?.get(id)?.has(userId) === true));
}

describe("whether somebody could read what was said before", { timeout: 60_000 }, () => {
  test.each([
    ["joined", 1],
    ["invited", 1],
    ["shared", 4],
    ["world_readable", 4],
  ] as const)("is judged as the homeserver does where history is %s", async (visibility, ofLate) => {
    const roomId = await roomOf(visibility);
    const [late, invited, back] = [await person("late"), await person("invited"), await person("back")];
    await owner.invite(roomId, back.userId);
    await back.join(roomId);
    const said = [await owner.say(roomId, "at first")];
    await owner.invite(roomId, invited.userId);
    said.push(await owner.say(roomId, "after the invitation"));
    await back.leave(roomId);
    said.push(await owner.say(roomId, "while one was away"));
    await owner.invite(roomId, late.userId);
    for (const one of [late, invited]) await one.join(roomId);
    await owner.invite(roomId, back.userId);
    await back.join(roomId);
    said.push(await owner.say(roomId, "to everybody"));
    const who = [late, invited, back];
    const expected = await Promise.all(
      who.map((one) => Promise.all(said.map((eventId) => shows(one, roomId, eventId)))),
    );
    expect(await readable(roomId, who, said)).toEqual(expected);
    expect(expected.map((one) => one.at(-1))).toEqual([true, true, true]);
    expect(expected[0]?.filter(Boolean)).toHaveLength(ofLate);
  });

  test("goes by what held when each was said, not by what holds now", async () => {
    const roomId = await roomOf("joined");
    const late = await person("late");
    const said = [await owner.say(roomId, "between us")];
    await owner.setState(roomId, "m.room.history_visibility", { history_visibility: "shared" });
    said.push(await owner.say(roomId, "for the books"));
    await owner.setState(roomId, "m.room.history_visibility", { history_visibility: "joined" });
    said.push(await owner.say(roomId, "between us again"));
    await owner.invite(roomId, late.userId);
    await late.join(roomId);
    const expected = await Promise.all(said.map((eventId) => shows(late, roomId, eventId)));
    expect(expected).toEqual([false, true, false]);
    expect(await readable(roomId, [late], said)).toEqual([expected]);
  });

  test("is judged by each message in a room that was closed once, and is open now", async () => {
    const roomId = await roomOf("joined");
    const late = await person("late");
    const said = [await owner.say(roomId, "between us")];
    await owner.setState(roomId, "m.room.history_visibility", { history_visibility: "shared" });
    said.push(await owner.say(roomId, "for the books"));
    await owner.invite(roomId, late.userId);
    await late.join(roomId);
    await run.event("message_created", ({ body }) => body.messageId === said[1]);
    const expected = await Promise.all(said.map((eventId) => shows(late, roomId, eventId)));
    expect(expected).toEqual([false, true]);
    expect(await readable(roomId, [late], said)).toEqual([expected]);
  });

  test("is asked once in a room that was open all along, however much is said there", async () => {
    const roomId = await roomOf("shared");
    const first = await owner.say(roomId, "first");
    await run.event("message_created", ({ body }) => body.messageId === first);
    expect(await readable(roomId, [owner], [first])).toEqual([[true]]);
    const before = proxy.log.of({ roomId, method: "GET" }).length;
    const second = await owner.say(roomId, "second");
    await run.event("message_created", ({ body }) => body.messageId === second);
    expect(await readable(roomId, [owner], [first, second])).toEqual([[true, true]]);
    const asked = proxy.log.of({ roomId, method: "GET" }).slice(before);
    expect(asked).toEqual([]);
  });

  test("is denied for what cannot be looked up", async () => {
    const roomId = await roomOf("joined");
    expect(await readable(roomId, [owner], ["$nothing-of-the-kind"])).toEqual([[false]]);
    expect(await readable("!nowhere:elsewhere.example", [owner], ["$nothing-of-the-kind"])).toEqual([[false]]);
  });
});

describe("who is what in a room", { timeout: 60_000 }, () => {
  test("goes by power level, and whoever is gone or only invited is not in it", async () => {
    const roomId = await roomOf("shared");
    const [moderator, member, gone, invited] = [
      await person("moderator"),
      await person("member"),
      await person("gone"),
      await person("invited"),
    ];
    for (const one of [moderator, member, gone, invited]) await owner.invite(roomId, one.userId);
    for (const one of [moderator, member, gone]) await one.join(roomId);
    await owner.setPower(roomId, { [moderator.userId]: 50 });
    await owner.kick(roomId, gone.userId);
    const classes = async () =>
      Object.fromEntries(
        ((await run.adapter.features.members?.list(target(roomId), signal)) ?? []).map((one) => [
          one.id,
          one.memberClass,
        ]),
      );
    await until(
      async () => ((await classes())[moderator.userId] === "admin" ? true : undefined),
      () => "the power is not seen",
    );
    expect(await classes()).toEqual({
      [owner.userId]: "admin",
      [moderator.userId]: "admin",
      [member.userId]: "member",
      [bot.userId]: "bot",
    });
    const access = run.adapter.features.access;
    for (const [who, rule] of [
      [gone, "not_member"],
      [invited, "invited"],
    ] as const)
      expect(await access?.check({ target: target(roomId), memberId: who.userId, signal })).toMatchObject({
        read: false,
        rule,
      });
  });

  test("of a server that is not trusted is external, whatever power the room gives", () => {
    const state = new RoomState("!r:home.example");
    state.take({
      type: "m.room.power_levels",
      state_key: "",
      content: { users: { "@a:away.example": 100, "@b:friend.example": 50 } },
    });
    const belonging = {
      isAgent: (id: string) => id === "@parley_guide:home.example",
      isSelf: (id: string) => id === "@parley:home.example",
      trustedServers: new Set(["home.example", "friend.example"]),
    };
    expect(
      [
        "@a:away.example",
        "@b:friend.example",
        "@c:home.example",
        "@parley:home.example",
        "@parley_guide:home.example",
      ].map((id) => classOf(state, id, belonging)),
    ).toEqual(["external", "admin", "member", "bot", "agent"]);
  });

  test("knows itself put out, though it heard nothing of it", async () => {
    const roomId = await roomOf("shared");
    expect(await run.adapter.features.members?.present(target(roomId), signal)).toBe(true);
    await owner.kick(roomId, bot.userId);
    expect(await run.adapter.features.members?.present(target(roomId), signal)).toBe(false);
  });

  test("says that nobody knows who reads what all the world can", async () => {
    const [open, closed] = [await roomOf("world_readable"), await roomOf("shared")];
    const reach = async (roomId: string) => await run.adapter.features.members?.reach?.(target(roomId), signal);
    // A room that the bot has just come into cannot be read for a moment, which is an error and no answer.
    const isKnown = async (roomId: string, complete: boolean) =>
      (await reach(roomId).catch(() => undefined))?.complete === complete ? true : undefined;
    await until(
      async () => ((await isKnown(open, false)) && (await isKnown(closed, true))) || undefined,
      () => "the visibility is not seen",
    );
    expect(await reach(open)).toEqual({ openToMembers: true, complete: false });
    expect(await reach(closed)).toEqual({ openToMembers: false, complete: true });
  });
});
