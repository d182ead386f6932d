import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { contentToText } from "../../../src/envelope/content.ts";
import { MatrixPerson, RoomLog, type Synapse, startFaultProxy, startSynapse } from "../../support/matrix/index.ts";
import { AGENT, postsOf, type Running, startAdapter, targetOf, text, until } from "./harness.ts";

let synapse: Synapse;
let alice: MatrixPerson;
let log: RoomLog;
const running: Running[] = [];

beforeAll(async () => {
  synapse = await startSynapse();
  alice = await person("alice");
  log = new RoomLog(synapse.url, alice.account.accessToken);
}, 180_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

afterAll(async () => {
  await synapse?.stop();
});

async function person(name: string): Promise<MatrixPerson> {
  const localpart = `${name}-${Math.random().toString(36).slice(2, 8)}`;
  return new MatrixPerson(synapse.url, await synapse.register({ localpart, displayName: name }));
}

/** A bot account with an adapter on it, in a room with Alice. */
async function botInRoom(): Promise<{ bot: MatrixPerson; run: Running; room: string }> {
  const bot = await person("Parley");
  const run = await startAdapter({ homeserverUrl: synapse.url, accessToken: bot.account.accessToken });
  running.push(run);
  const room = await alice.createRoom({ name: "lab" });
  await alice.invite(room, bot.userId);
  await run.event("member_joined", ({ body }) => body.self);
  return { bot, run, room };
}

describe("a bot account", { timeout: 60_000 }, () => {
  test("follows an invitation, hears a message, answers in its thread, and marks it as read", async () => {
    const { bot, run, room } = await botInRoom();
    const messageId = await alice.say(room, "hello @guide");
    const heard = await run.event("message_created", ({ body }) => body.messageId === messageId);
    expect(heard).toMatchObject({
      conversation: { channel: { id: room, name: "lab", kind: "private", external: false } },
      sender: { id: alice.userId, kind: "human", name: "alice" },
      body: { mentions: { agents: ["guide"] } },
    });
    const [post] = postsOf(run, targetOf(run, heard, messageId), [text("hi **there** @alice:x.example")]);
    if (post === undefined) throw new Error("nothing was rendered");
    const receipt = await run.adapter.send(post);
    const again = await run.adapter.send(post);
    expect(again.messageId).toBe(receipt.messageId);
    const sent = (await log.events(room)).filter(
      (event) => event.sender === bot.userId && event.type === "m.room.message",
    );
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      event_id: receipt.messageId,
      content: {
        msgtype: "m.text",
        formatted_body: expect.stringContaining("<strong>there</strong>"),
        "m.mentions": {},
        "m.relates_to": { rel_type: "m.thread", event_id: messageId, is_falling_back: true },
      },
    });
    const found = await run.adapter.reconcile({
      target: post.target,
      idempotencyKey: post.idempotencyKey,
      attemptedSince: new Date(Date.now() - 1_000).toISOString(),
      identity: AGENT,
      preview: false,
      knownMessageIds: [],
      signal: post.signal,
    });
    expect(found).toMatchObject({ found: { messageId: receipt.messageId } });
  });

  test("marks what it has heard as read in the room and in each thread, and is seen writing while it works", async () => {
    const { bot, run, room } = await botInRoom();
    const root = await alice.say(room, "a question");
    const heard = await run.event("message_created", ({ body }) => body.messageId === root);
    const reads = async () => (await log.receipts(room)).filter(({ userId }) => userId === bot.userId);
    await until(
      async () => (await reads()).some(({ eventId, threadId }) => eventId === root && threadId === "main") || undefined,
      () => "the room is read: not in time",
    );
    const below = await alice.say(room, "in its thread", { thread: root });
    await run.event("message_created", ({ body }) => body.messageId === below);
    await until(
      async () => (await reads()).some(({ eventId, threadId }) => eventId === below && threadId === root) || undefined,
      () => "the thread is read: not in time",
    );
    expect((await reads()).some(({ eventId, threadId }) => eventId === root && threadId === "main")).toBe(true);
    const target = targetOf(run, heard, root);
    await run.adapter.features.status?.show(target, AGENT, "at work");
    await until(
      async () => (await log.typing(room)).includes(bot.userId) || undefined,
      () => "it is writing: not in time",
    );
    await run.adapter.features.status?.show(target, AGENT, "");
    await until(
      async () => (await log.typing(room)).length === 0 || undefined,
      () => "it writes no more: not in time",
    );
  });

  test("answers what was said between the invitation and the join, and keeps the rest for context", async () => {
    const bot = await person("Parley");
    const run = await startAdapter({ homeserverUrl: synapse.url, accessToken: bot.account.accessToken });
    const room = await alice.createRoom({ name: "old" });
    const before = await alice.say(room, "before");
    await run.stop();
    await alice.invite(room, bot.userId);
    const between = await alice.say(room, "between");
    const second = await startAdapter(
      { homeserverUrl: synapse.url, accessToken: bot.account.accessToken },
      run.sink.lasting,
    );
    running.push(second);
    await second.event("message_created", ({ body }) => body.messageId === between);
    await second.event("message_created", ({ body }) => body.messageId === before);
    const contexts = second.taken.flatMap(({ envelope, context }) =>
      envelope.kind === "message_created" ? [[envelope.body.messageId, context] as const] : [],
    );
    expect(new Map(contexts)).toEqual(
      new Map([
        [before, true],
        [between, false],
      ]),
    );
  });

  test("goes on where it was after a restart, also over a limited timeline, and answers nothing from before the first start", async () => {
    const { bot, run, room } = await botInRoom();
    const first = await alice.say(room, "one");
    await run.event("message_created", ({ body }) => body.messageId === first);
    await run.stop();
    const missed: string[] = [];
    for (let index = 0; index < 130; index++) missed.push(await alice.say(room, `missed ${index}`));
    const second = await startAdapter(
      { homeserverUrl: synapse.url, accessToken: bot.account.accessToken },
      run.sink.lasting,
    );
    running.push(second);
    await second.event("message_created", ({ body }) => body.messageId === missed.at(-1));
    const heard = second.taken.flatMap(({ envelope, context }) =>
      envelope.kind === "message_created" && !context ? [envelope] : [],
    );
    expect(heard.map(({ body }) => body.messageId)).toEqual(missed);
    const orders = heard.map(({ platformOrder }) => platformOrder);
    expect(orders.toSorted()).toEqual(orders);
    await second.stop();
    const fresh = await startAdapter({ homeserverUrl: synapse.url, accessToken: bot.account.accessToken });
    running.push(fresh);
    await fresh.event("message_created");
    expect(
      fresh.taken
        .map(({ context, envelope }) => `${context} ${envelope.kind} ${JSON.stringify(envelope.body).slice(0, 60)}`)
        .filter((line) => line.startsWith("false")),
    ).toEqual([]);
  });

  test("hears edits, deletions, reactions and files", async () => {
    const { run, room } = await botInRoom();
    const messageId = await alice.say(room, "first");
    await alice.edit(room, messageId, "second");
    const edited = await run.event("message_edited", ({ body }) => body.messageId === messageId);
    expect(contentToText(edited.body.content)).toBe("second");
    const reaction = await alice.react(room, messageId, "👍");
    await run.event("reaction_added", ({ body }) => body.reaction === "👍" && body.messageId === messageId);
    await alice.redact(room, reaction);
    await run.event("reaction_removed", ({ body }) => body.messageId === messageId);
    await alice.redact(room, messageId);
    await run.event("message_deleted", ({ body }) => body.messageId === messageId);
    await run.stop();
  });

  test("hears what a message says again once an edit of it is taken back, also over a restart", async () => {
    const { bot, run, room } = await botInRoom();
    const root = await alice.say(room, "root");
    const messageId = await alice.say(room, "first", { thread: root });
    const edits: string[] = [];
    for (const words of ["second", "third"]) {
      edits.push(await alice.edit(room, messageId, words));
      await run.event("message_edited", ({ body }) => contentToText(body.content) === words);
    }
    const said = ({ taken }: Running): string[] =>
      taken.flatMap(({ envelope }) =>
        envelope.kind === "message_edited" ? [contentToText(envelope.body.content)] : [],
      );
    await alice.redact(room, edits[1] ?? "");
    await until(
      () => (said(run).length === 3 ? true : undefined),
      () => JSON.stringify(said(run)),
    );
    expect(said(run)).toEqual(["second", "third", "second"]);
    await run.stop();
    await alice.redact(room, edits[0] ?? "");
    const second = await startAdapter(
      { homeserverUrl: synapse.url, accessToken: bot.account.accessToken },
      run.sink.lasting,
    );
    running.push(second);
    const back = await second.event("message_edited");
    expect(back).toMatchObject({
      sender: { id: alice.userId },
      conversation: { thread: { id: root } },
      body: { messageId },
    });
    expect(contentToText(back.body.content)).toBe("first");
    const [before] = run.taken.flatMap(({ envelope }) => (envelope.kind === "message_edited" ? [envelope] : []));
    expect(back.revision).toBeGreaterThan(before?.revision ?? 0);
    expect(second.taken.some(({ envelope }) => envelope.kind === "message_deleted")).toBe(false);
  });

  test("is synced by one process at a time; the next goes on where that one ended", async () => {
    const { bot, run, room } = await botInRoom();
    const config = { homeserverUrl: synapse.url, accessToken: bot.account.accessToken };
    const other = await startAdapter(config, run.sink.lasting);
    running.push(other);
    expect(other.adapter.health()).toMatchObject([
      { state: "connected", detail: "another process syncs this account" },
    ]);
    const first = await alice.say(room, "to the first");
    await run.event("message_created", ({ body }) => body.messageId === first);
    expect(other.taken).toEqual([]);
    await run.stop();
    const second = await alice.say(room, "to the second");
    await other.event("message_created", ({ body }) => body.messageId === second);
    const heard = other.taken.filter(({ envelope }) => envelope.kind === "message_created");
    expect(heard).toHaveLength(1);
  });

  test("knows after a restart what was redacted: the message's thread, and what a reaction said", async () => {
    const { bot, run, room } = await botInRoom();
    const root = await alice.say(room, "root");
    const inThread = await alice.say(room, "in the thread", { thread: root });
    const reaction = await alice.react(room, root, "🎉");
    await run.event("reaction_added");
    await run.stop();
    await alice.redact(room, inThread);
    await alice.redact(room, reaction);
    const second = await startAdapter(
      { homeserverUrl: synapse.url, accessToken: bot.account.accessToken },
      run.sink.lasting,
    );
    running.push(second);
    const deleted = await second.event("message_deleted");
    expect(deleted).toMatchObject({ conversation: { thread: { id: root } }, body: { messageId: inThread } });
    const removed = await second.event("reaction_removed");
    expect(removed.body).toEqual({ messageId: root, reaction: "🎉" });
  });

  test("takes what is said while something else reads who is in the room only when that is known", async () => {
    const { bot, run, room } = await botInRoom();
    const first = await alice.say(room, "hello @guide");
    const heard = await run.event("message_created", ({ body }) => body.messageId === first);
    await run.stop();
    const proxy = await startFaultProxy(() => synapse.url);
    const second = await startAdapter(
      { homeserverUrl: proxy.url, accessToken: bot.account.accessToken },
      run.sink.lasting,
    );
    running.push(second);
    const reading = { method: "GET", path: /\/state$/u, roomId: room };
    proxy.strike({ kind: "slow", delayMs: 2_000, match: reading });
    const [post] = postsOf(second, targetOf(second, heard, first), [text("what was waiting")]);
    if (post === undefined) throw new Error("nothing was rendered");
    const sending = second.adapter.send(post);
    await until(
      () => proxy.log.of(reading)[0],
      () => "the room's state was not asked for",
    );
    const later = await alice.say(room, "still there, @guide?");
    const { conversation } = await second.event("message_created", ({ body }) => body.messageId === later);
    expect(conversation.channel).toEqual(heard.conversation.channel);
    await sending;
    expect(proxy.log.of(reading)).toHaveLength(1);
    await second.stop();
    await proxy.close();
  });

  test("takes decisions by reaction and by command", async () => {
    const { bot, run, room } = await botInRoom();
    await alice.say(room, "deploy?");
    const heard = await run.event("message_created", ({ body }) => contentToText(body.content) === "deploy?");
    const [post] = postsOf(run, targetOf(run, heard), [
      {
        type: "approval_request",
        approvalId: "ap-7",
        prompt: "Deploy **now**?",
        options: [
          { id: "yes", label: "Deploy", effect: "allow" },
          { id: "no", label: "Stop", effect: "deny" },
        ],
      },
    ]);
    if (post === undefined) throw new Error("nothing was rendered");
    const { messageId } = await run.adapter.send(post);
    await until(
      async () => {
        const seeded = (await log.events(room)).filter(
          (event) => event.type === "m.reaction" && event.sender === bot.userId,
        );
        return seeded.length === 2 ? seeded : undefined;
      },
      () => "the signs were not put under the request",
    );
    await alice.react(room, messageId, "❌");
    const pressed = await run.event("action_submitted");
    expect(pressed.body).toMatchObject({ actionId: "ap-7", value: "no", messageId });
    const notice = (await log.events(room)).find((event) => event.event_id === messageId);
    const code = /!approve ([0-9a-f]{6})/u.exec(String(notice?.content["body"]))?.[1] ?? "";
    await alice.say(room, `!approve ${code}`);
    const commanded = await run.event("action_submitted", ({ body }) => body.value === "yes");
    expect(commanded.body).toMatchObject({ actionId: "ap-7", messageId });
  });
});
