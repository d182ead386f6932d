import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type FaultProxy,
  MatrixPerson,
  RoomLog,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { type Running, startAdapter, until } from "./harness.ts";

let synapse: Synapse;
let proxy: FaultProxy;
let alice: MatrixPerson;
let log: RoomLog;
const running: Running[] = [];

beforeAll(async () => {
  synapse = await startSynapse();
  proxy = await startFaultProxy(() => synapse.url);
  alice = await person("alice");
  log = new RoomLog(synapse.url, alice.account.accessToken);
}, 180_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

afterAll(async () => {
  await proxy?.close();
  await synapse?.stop();
});

async function person(name: string): Promise<MatrixPerson> {
  const localpart = `${name}-${randomBytes(3).toString("hex")}`;
  return new MatrixPerson(synapse.url, await synapse.register({ localpart, displayName: name }));
}

async function started(bot: MatrixPerson, lasting?: Parameters<typeof startAdapter>[1]): Promise<Running> {
  const run = await startAdapter({ homeserverUrl: proxy.url, accessToken: bot.account.accessToken }, lasting);
  running.push(run);
  return run;
}

/** A bot in a room that anybody may enter, as its successor may be. */
async function inRoom() {
  const bot = await person("Parley");
  const run = await started(bot);
  const room = await alice.createRoom({ name: "v11", version: "11", preset: "public_chat" });
  await alice.invite(room, bot.userId);
  await run.event("member_joined", ({ body, conversation }) => body.self && conversation.channel.id === room);
  return { bot, run, room };
}

const membershipIn = async (room: string, bot: MatrixPerson) => (await log.members(room)).get(bot.userId);

async function entered(room: string, bot: MatrixPerson, timeoutMs = 30_000): Promise<void> {
  await until(
    async () => ((await membershipIn(room, bot)) === "join" ? true : undefined),
    () => "the room that took the other's place was not entered",
    timeoutMs,
  );
}

describe("an upgraded room", { timeout: 90_000 }, () => {
  test("is followed, with nobody inviting the bot", async () => {
    const { bot, room } = await inRoom();
    const next = await alice.upgrade(room, "12");
    await entered(next, bot);
    expect(await membershipIn(next, bot)).toBe("join");
  });

  test.each([
    ["the homeserver fails", { kind: "status", status: 502, when: "before" } as const],
    ["it is told to wait", { kind: "rate_limited", retryAfterMs: 1_000 } as const],
  ])("is followed although %s at the first join", async (_what, fault) => {
    const { bot, room } = await inRoom();
    proxy.strike({ ...fault, match: { path: /\/join\// }, times: 1 });
    const next = await alice.upgrade(room, "12");
    await entered(next, bot);
    expect(await membershipIn(next, bot)).toBe("join");
  });

  test("is followed although the process ended before it was entered", async () => {
    const { bot, run, room } = await inRoom();
    const relent = proxy.strike({ kind: "silence", when: "before", match: { path: /\/join\// } });
    const next = await alice.upgrade(room, "12");
    await run.event("channel_archived", ({ conversation }) => conversation.channel.id === room);
    await run.stop();
    running.splice(running.indexOf(run), 1);
    relent();
    expect(await membershipIn(next, bot)).not.toBe("join");
    await started(bot, run.sink.lasting);
    await entered(next, bot);
  });

  test("that is a trap is left again", async () => {
    const { bot, run, room } = await inRoom();
    const trap = await alice.createRoom({ name: "trap", preset: "public_chat" });
    await alice.api.call("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/m.room.tombstone/`, {
      body: { body: "moved", replacement_room: trap },
    });
    await until(
      async () => ((await membershipIn(trap, bot)) === "leave" ? true : undefined),
      () => `the trap was not left: ${JSON.stringify(run.sink.logged)}`,
      30_000,
    );
    expect(JSON.stringify(run.sink.logged)).toContain("does not name it");
  });

  test("that lets nobody in is given up once it is refused", async () => {
    const { bot, run, room } = await inRoom();
    const closed = await alice.createRoom({ name: "closed", preset: "private_chat" });
    await alice.api.call("PUT", `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/m.room.tombstone/`, {
      body: { body: "moved", replacement_room: closed },
    });
    await until(
      () => (JSON.stringify(run.sink.logged).includes("did not let the account in") ? true : undefined),
      () => JSON.stringify(run.sink.logged),
      30_000,
    );
    await until(
      async () => ((await run.sink.state.read(run.installationId, "invite/")).size === 0 ? true : undefined),
      () => "the refused join is still to be tried",
    );
    expect(await membershipIn(closed, bot)).toBeUndefined();
  });
});
