import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  CALLS,
  type FaultProxy,
  logIn,
  MatrixPerson,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { type Running, startAdapter, until } from "./harness.ts";

/** More than one sync answer holds of a room. */
const MANY = 60;
/** So many refusals take the adapter longer than it would wait for something that is broken. */
const LIMITED = 7;
const EVENT = /\/rooms\/[^/]+\/event\//u;

let synapse: Synapse;
let proxy: FaultProxy;
let alice: MatrixPerson;
const running: Running[] = [];

beforeAll(async () => {
  synapse = await startSynapse();
  proxy = await startFaultProxy(() => synapse.url);
  alice = await person("alice");
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

async function started(accessToken: string, before?: Running): Promise<Running> {
  const config = { homeserverUrl: proxy.url, accessToken, pollTimeoutMs: 1_000 };
  const run = await startAdapter(config, before?.sink.lasting);
  running.push(run);
  return run;
}

async function enter(run: Running, bot: MatrixPerson): Promise<string> {
  const room = await alice.createRoom({ name: "waiting" });
  await alice.invite(room, bot.userId);
  await run.event("member_joined", ({ body, conversation }) => body.self && conversation.channel.id === room);
  const said = await alice.say(room, "hello");
  await run.event("message_created", ({ body }) => body.messageId === said);
  return room;
}

/** Messages of a room as they were first taken, in that order. */
function messages(run: Running, room: string): string[] {
  const ids = run.taken.flatMap(({ envelope }) =>
    envelope.kind === "message_created" && envelope.conversation.channel.id === room ? [envelope.body.messageId] : [],
  );
  return [...new Set(ids)];
}

describe("a bot account that has to wait", { timeout: 90_000 }, () => {
  test("for the ledger in the middle of a long gap loses nothing of it, and keeps its order", async () => {
    const bot = await person("Parley");
    const run = await started(bot.account.accessToken);
    const room = await enter(run, bot);
    await proxy.goOffline();
    const said: string[] = [];
    for (let index = 0; index < MANY; index++) said.push(await alice.say(room, `message ${index}`));
    run.sink.rejectNext(3);
    await proxy.goOnline();
    await until(
      () => (messages(run, room).includes(said.at(-1) ?? "") ? true : undefined),
      () => `taken ${messages(run, room).length}`,
      40_000,
    );
    expect(messages(run, room).slice(1)).toEqual(said);
  });

  test("for what an edit is about waits as long as it is limited, and goes on in other rooms", async () => {
    const bot = await person("Parley");
    const first = await started(bot.account.accessToken);
    const [room, other] = [await enter(first, bot), await enter(first, bot)];
    const old = await alice.say(room, "old words");
    await first.event("message_created", ({ body }) => body.messageId === old);
    await first.stop();
    const second = await started(bot.account.accessToken, first);
    const limit = { kind: "rate_limited", retryAfterMs: 500, times: Number.POSITIVE_INFINITY } as const;
    const relent = proxy.strike({ ...limit, match: { path: EVENT, roomId: room } });
    const refused = () => proxy.log.of({ path: EVENT, roomId: room }).filter((call) => call.status === 429).length;
    await alice.edit(room, old, "new words");
    const after = await alice.say(room, "after the edit");
    await until(
      () => (refused() > 0 ? true : undefined),
      () => "nothing was looked up",
    );
    const meanwhile = await alice.say(other, "meanwhile");
    await second.event("message_created", ({ body }) => body.messageId === meanwhile);
    await until(
      () => (refused() >= LIMITED ? true : undefined),
      () => `refused ${refused()} times`,
      50_000,
    );
    expect(messages(second, room)).toEqual([]);
    relent();
    await second.event("message_edited", ({ body }) => body.messageId === old);
    await second.event("message_created", ({ body }) => body.messageId === after);
    expect(proxy.log.of({ path: CALLS.sync }).length).toBeGreaterThan(LIMITED);
  });

  test("for a new token answers what was said meanwhile, although the token belongs to another device", async () => {
    const bot = await person("Parley");
    const first = await started(bot.account.accessToken);
    const room = await enter(first, bot);
    await first.stop();
    const said = await alice.say(room, "while the token was changed");
    const { userId, password } = bot.account;
    const second = await started((await logIn(synapse.url, userId, password)).accessToken, first);
    await second.event("message_created", ({ body }) => body.messageId === said);
    expect(second.taken.filter(({ envelope }) => envelope.kind === "message_created")).toMatchObject([
      { envelope: { body: { messageId: said } }, context: false },
    ]);
  });
});
