import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  CALLS,
  type FaultProxy,
  MatrixPerson,
  RoomLog,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { AGENT, postsOf, type Running, startAdapter, targetOf, text, until } from "./harness.ts";

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

async function started(bot: MatrixPerson, more: object = {}): Promise<Running> {
  const run = await startAdapter({ homeserverUrl: proxy.url, accessToken: bot.account.accessToken, ...more });
  running.push(run);
  return run;
}

async function enter(run: Running, bot: MatrixPerson, room: string) {
  await alice.invite(room, bot.userId);
  await run.event("member_joined", ({ body, conversation }) => body.self && conversation.channel.id === room);
  const said = await alice.say(room, "hello @guide");
  return run.event("message_created", ({ body }) => body.messageId === said);
}

describe("a bot account at the edges", { timeout: 60_000 }, () => {
  test("with a wrong token says so once and asks no more", async () => {
    const run = await startAdapter({ homeserverUrl: proxy.url, accessToken: "wrong" });
    running.push(run);
    const before = proxy.log.entries.length;
    expect(run.adapter.health()).toMatchObject([
      { state: "failed", detail: expect.stringContaining("M_UNKNOWN_TOKEN") },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(proxy.log.entries.length).toBe(before);
    expect(run.sink.logged).toHaveLength(1);
  });

  test("whose token is taken back later is paused, with one line", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    await bot.api.call("POST", "/_matrix/client/v3/logout", { body: {} });
    await until(
      () => (run.adapter.health()[0]?.state === "paused" ? true : undefined),
      () => JSON.stringify(run.adapter.health()),
      20_000,
    );
    expect(run.sink.logged.filter((line) => JSON.stringify(line).includes("refuses the token"))).toHaveLength(1);
  });

  test("that is told to wait in one room waits there, and the others go on", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    const [slow, quick] = [await alice.createRoom({ name: "slow" }), await alice.createRoom({ name: "quick" })];
    const [inSlow, inQuick] = [await enter(run, bot, slow), await enter(run, bot, quick)];
    proxy.strike({ kind: "rate_limited", retryAfterMs: 1_500, match: { path: CALLS.send, roomId: slow }, times: 1 });
    const [first] = postsOf(run, targetOf(run, inSlow), [text("one")]);
    const [other] = postsOf(run, targetOf(run, inQuick), [text("two")]);
    if (first === undefined || other === undefined) throw new Error("nothing was rendered");
    await expect(run.adapter.send(first)).rejects.toMatchObject({
      code: "PLATFORM_RATE_LIMITED",
      delivery: "not_sent",
      retryAfterMs: 1_500,
    });
    const began = Date.now();
    await run.adapter.send(other);
    expect(Date.now() - began).toBeLessThan(1_000);
    await run.adapter.send(first);
    expect(Date.now() - began).toBeGreaterThan(1_000);
  });

  test("goes on after answers that make no sense, and takes what does", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    const room = await alice.createRoom({ name: "noise" });
    const last = await enter(run, bot, room);
    const junk = {
      "!x:parley.test": 7,
      nonsense: {},
      "!y": { timeline: { events: [1, null, "x", { type: 5 }], limited: "yes", prev_batch: {} }, state: 3 },
      "!z": { timeline: [], state: { events: {} }, ephemeral: null },
    };
    const changes: ((answer: Buffer) => Buffer | string)[] = [
      () => "<html>busy</html>",
      () => "{}",
      () => "[1]",
      () => Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
      (answer) => {
        const real = JSON.parse(answer.toString("utf8")) as { rooms?: { join?: object } }; // Synapse's own answer
        const rooms = {
          ...real.rooms,
          join: { ...real.rooms?.join, ...junk },
          invite: { "!q": { invite_state: 9 } },
          leave: [],
        };
        return JSON.stringify({
          ...real,
          rooms,
          account_data: { events: [{ type: "m.direct", content: { a: 1 } }] },
          to_device: 4,
        });
      },
    ];
    for (const change of changes) proxy.strike({ kind: "changed", change, match: { path: CALLS.sync } });
    const said = await alice.say(room, "after the noise");
    const heard = await run.event("message_created", ({ body }) => body.messageId === said);
    expect(heard.platformOrder > last.platformOrder).toBe(true);
    await until(
      () => (run.sink.malformed.length >= 4 ? true : undefined),
      () => `${run.sink.malformed.length} dead letters`,
      20_000,
    );
    const later = await alice.say(room, "and later");
    await run.event("message_created", ({ body }) => body.messageId === later);
    expect(run.adapter.health()).toMatchObject([{ state: "connected" }]);
  });

  test("declines the invitations of those who may not give them", async () => {
    const bot = await person("Parley");
    const run = await started(bot, { inviters: ["@nobody:parley.test"] });
    const room = await alice.createRoom({ name: "trap" });
    await alice.invite(room, bot.userId);
    await until(
      async () => ((await log.members(room)).get(bot.userId) === "leave" ? true : undefined),
      () => "the invitation was not declined",
    );
    expect(run.taken).toEqual([]);
  });

  test("writes nothing into an encrypted room while encryption is off", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    const room = await alice.createRoom({ name: "secret", encrypted: true });
    const heard = await enter(run, bot, room);
    const [post] = postsOf(run, targetOf(run, heard), [text("plain")]);
    if (post === undefined) throw new Error("nothing was rendered");
    await expect(run.adapter.send(post)).rejects.toMatchObject({ code: "PLATFORM_FORBIDDEN", delivery: "not_sent" });
    expect(
      (await log.events(room)).filter((event) => event.sender === bot.userId && event.type === "m.room.message"),
    ).toEqual([]);
  });

  test("sends files and reads them, voice messages too", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    const room = await alice.createRoom({ name: "files" });
    const heard = await enter(run, bot, room);
    const bytes = new Uint8Array(randomBytes(5_000));
    await alice.sendVoice(room, bytes, 1_000);
    const voice = await run.event("message_created", ({ body }) =>
      body.content.some((block) => block.type === "media"),
    );
    const [media] = voice.body.content.filter((block) => block.type === "media");
    expect(media).toMatchObject({ kind: "voice", mediaType: "audio/ogg", sizeBytes: 5_000 });
    const query = {
      installationId: run.installationId,
      mediaId: media?.mediaId ?? "",
      signal: AbortSignal.timeout(10_000),
    };
    const fetched = await run.adapter.features.media?.fetch({ ...query, maxBytes: 10_000 });
    expect(Buffer.from(fetched?.bytes ?? []).equals(bytes)).toBe(true);
    await expect(run.adapter.features.media?.fetch({ ...query, maxBytes: 100 })).rejects.toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
    const base64 = Buffer.from(bytes).toString("base64");
    const [post] = postsOf(run, targetOf(run, heard), [
      { type: "artifact", artifactId: "a", name: "data.bin", mediaType: "application/x-data", base64 },
    ]);
    if (post === undefined) throw new Error("nothing was rendered");
    const { messageId } = await run.adapter.send(post);
    const sent = (await log.events(room)).find((event) => event.event_id === messageId);
    expect(sent?.content).toMatchObject({ msgtype: "m.file", filename: "data.bin", info: { size: 5_000 } });
    expect(Buffer.from(await log.media(String(sent?.content["url"]))).equals(bytes)).toBe(true);
  });

  test("shows a growing answer by edits, and ends with the final text", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    const room = await alice.createRoom({ name: "live" });
    const heard = await enter(run, bot, room);
    const target = targetOf(run, heard);
    const { signal } = new AbortController();
    const preview = await run.adapter.features.preview?.open({
      target,
      identity: AGENT,
      idempotencyKey: "live-1",
      markdown: "So",
      conversation: target.conversation,
      signal,
    });
    preview?.offer("So far **so");
    await until(
      async () =>
        (await log.events(room)).some((event) => JSON.stringify(event.content).includes("So far")) ? true : undefined,
      () => "no edit",
    );
    await preview?.settle();
    const [post] = postsOf(run, target, [text("So far so good")]);
    if (post === undefined || preview === undefined) throw new Error("nothing was rendered");
    const edit = { messageId: preview.receipt.messageId, preview: true };
    expect((await run.adapter.send({ ...post, edit })).messageId).toBe(preview.receipt.messageId);
    const edits = (await log.events(room)).filter((event) => event.content["m.new_content"] !== undefined);
    expect(edits.at(-1)?.content).toMatchObject({
      "m.mentions": {},
      "m.new_content": { body: "So far so good", "m.mentions": {} },
      "m.relates_to": { rel_type: "m.replace", event_id: preview.receipt.messageId },
    });
  });

  test("knows the spaces above a room, when they say the same", async () => {
    const bot = await person("Parley");
    const run = await started(bot);
    const [space, room] = [
      await alice.createRoom({ name: "Firm", space: true }),
      await alice.createRoom({ name: "lab" }),
    ];
    await alice.addChild(space, room);
    await alice.setState(room, "m.space.parent", { via: ["parley.test"], canonical: true }, space);
    await alice.invite(space, bot.userId);
    await run.event("member_joined", ({ conversation }) => conversation.channel.id === space);
    const heard = await enter(run, bot, room);
    expect(heard.conversation).toMatchObject({ space: { id: space, name: "Firm" }, channel: { id: room } });
  });
});
