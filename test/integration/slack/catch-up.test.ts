import { afterEach, describe, expect, test, vi } from "vitest";
import { createSlackAdapter } from "../../../adapters/slack/index.ts";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import { contentToText } from "../../../src/envelope/content.ts";
import type { Envelope } from "../../../src/envelope/envelope.ts";
import { type Bench, createBench, type RecordingSink } from "./harness.ts";

let bench: Bench;
let successors: ChatAdapter[] = [];
afterEach(async () => {
  await Promise.all(successors.map((one) => one.stop()));
  successors = [];
  await bench.close();
});

const patient = { timeout: 8_000, interval: 20 };

/** Texts of messages that were taken, in the order in which they were. */
function texts(sink: RecordingSink): string[] {
  return sink.people().flatMap((envelope) => {
    if (envelope.kind !== "message_created" && envelope.kind !== "message_edited") return [];
    return [contentToText(envelope.body.content)];
  });
}

/** The event by which a text was taken. */
function taken(text: string): Envelope | undefined {
  return bench.sink.people().find((one) => one.kind === "message_created" && contentToText(one.body.content) === text);
}

const say = (text: string, threadTs?: string): string =>
  bench.slack.people.postAs(bench.person, bench.channel, text, threadTs === undefined ? {} : { threadTs }).ts;

/** Calls by which the history was read. */
const reads = (): number =>
  bench.slack.requests.count("conversations.history") + bench.slack.requests.count("conversations.replies");

/** Another adapter over HTTP in the place of the one before: its events come by another way, so here only its reading counts. */
async function succeed(config: { catchUpAfterMs?: number; backfillMaxMessages?: number } = {}): Promise<ChatAdapter> {
  const { workspace, slack, sink } = bench;
  const next = createSlackAdapter({
    organizationId: "main",
    mode: "http",
    botToken: workspace.bot.botToken,
    signingSecret: workspace.app.signingSecret,
    apiUrl: slack.apiUrl,
    pacing: false,
    catchUpAfterMs: 0,
    ...config,
  });
  successors.push(next);
  await next.start(sink, new AbortController().signal);
  return next;
}

async function isTaken(...expected: string[]): Promise<void> {
  await vi.waitFor(() => expect(texts(bench.sink)).toEqual(expect.arrayContaining(expected)), patient);
}

describe("away over HTTP for longer than Slack retries", () => {
  test("what was said is taken once and in order: channels, threads of before and of meanwhile, direct messages", async () => {
    bench = await createBench();
    const root = say("root");
    const direct = bench.slack.people.directMessageAs(bench.person, "direct before");
    await isTaken("root", "direct before");
    await bench.adapter.stop();
    say("missed 1");
    say("reply to before", root);
    const newer = say("missed 2");
    say("reply to meanwhile", newer);
    say("missed 3");
    bench.slack.people.postAs(bench.person, direct.channel, "direct missed");
    await bench.slack.deliveries.whenIdle();
    expect(texts(bench.sink)).toEqual(["root", "direct before"]);

    await succeed();
    const inChannel = ["missed 1", "reply to before", "missed 2", "reply to meanwhile", "missed 3"];
    await isTaken(...inChannel, "direct missed");
    expect(texts(bench.sink).filter((text) => inChannel.includes(text))).toEqual(inChannel);
    expect(taken("reply to before")).toMatchObject({ conversation: { thread: { id: root } } });
    expect(taken("reply to meanwhile")).toMatchObject({ conversation: { thread: { id: newer } } });
    expect(taken("missed 1")).toMatchObject({
      conversation: { channel: { name: "channel-1", kind: "public", external: false } },
    });
    expect(taken("direct missed")).toMatchObject({ conversation: { channel: { kind: "direct" } } });
    expect(new Set(texts(bench.sink)).size).toBe(texts(bench.sink).length);
  });

  test("of what changed meanwhile the newest text is taken, and a root that is gone is gone", async () => {
    bench = await createBench();
    const known = say("known, old");
    const root = say("a root");
    say("its reply", root);
    await isTaken("known, old", "its reply");
    await bench.adapter.stop();
    const missed = say("missed, old");
    for (const [ts, text] of [
      [known, "known, new"],
      [missed, "missed, new"],
    ] as const)
      bench.slack.people.editAs(bench.person, bench.channel, ts, text);
    bench.slack.people.deleteAs(bench.person, bench.channel, root);
    await bench.slack.deliveries.whenIdle();
    await succeed();
    await isTaken("known, new", "missed, new");
    await vi.waitFor(
      () =>
        expect(bench.sink.people()).toContainEqual(
          expect.objectContaining({ kind: "message_deleted", body: { messageId: root } }),
        ),
      patient,
    );
    expect(texts(bench.sink)).not.toContain("missed, old");
    const kinds = bench.sink
      .people()
      .flatMap((one) => ("messageId" in one.body && one.body.messageId === missed ? [one.kind] : []));
    expect(kinds).toEqual(["message_created"]);
  });

  test("nothing is read of a first run, nor of channels that were left, nor of what was said before the bot came", async () => {
    bench = await createBench({ channels: 2, startsLater: true });
    const [kept = "", left = ""] = bench.workspace.channels;
    const { people } = bench.slack;
    say("before the first run");
    await bench.adapter.start(bench.sink, new AbortController().signal);
    await vi.waitFor(() => expect(bench.sink.state.writes.length).toBeGreaterThan(0), patient);
    await bench.adapter.stop();
    expect(reads()).toBe(0);
    const { botUserId } = bench.workspace.bot;
    people.kick(bench.person, left, botUserId);
    people.postAs(bench.person, left, "where the bot is no more");
    const fresh = people.createChannel(bench.person, "fresh");
    people.postAs(bench.person, fresh, "before the bot came");
    people.invite(bench.person, fresh, botUserId);
    people.postAs(bench.person, fresh, "after the bot came");
    people.postAs(bench.person, kept, "where the bot stayed");
    await bench.slack.deliveries.whenIdle();
    await succeed();
    await isTaken("after the bot came", "where the bot stayed");
    expect(texts(bench.sink).filter((text) => !text.startsWith("before the first"))).toEqual(
      expect.not.arrayContaining(["where the bot is no more", "before the bot came"]),
    );
    expect(bench.slack.requests.of("conversations.history").map((one) => one.channel)).not.toContain(left);
    expect(bench.sink.envelopes).toContainEqual(
      expect.objectContaining({ kind: "member_joined", body: expect.objectContaining({ self: true }) }),
    );
  });

  test("a process that ends in the midst of reading is followed by one that reads the rest", async () => {
    bench = await createBench({ channels: 3 });
    const places = bench.workspace.channels;
    const inEach = (text: string): string[] =>
      places.map((channel, n) => {
        bench.slack.people.postAs(bench.person, channel, `${text} ${n}`);
        return `${text} ${n}`;
      });
    await isTaken(...inEach("before"));
    await bench.adapter.stop();
    const missed = [...inEach("missed a"), ...inEach("missed b")];
    await bench.slack.deliveries.whenIdle();
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.sink.gate = promise;
    const first = await succeed();
    await vi.waitFor(() => expect(bench.sink.ingesting).toBeGreaterThan(0), patient);
    bench.sink.failures = 2;
    const ended = first.stop();
    resolve();
    await ended;
    expect(texts(bench.sink)).not.toEqual(expect.arrayContaining(missed));
    await succeed({ catchUpAfterMs: 200_000 });
    await isTaken(...missed);
    expect(new Set(texts(bench.sink)).size).toBe(texts(bench.sink).length);
  });

  test("asked to wait by Slack, it waits and goes on", async () => {
    bench = await createBench();
    say("before");
    await isTaken("before");
    await bench.adapter.stop();
    say("missed");
    await bench.slack.deliveries.whenIdle();
    bench.slack.faults.add({ kind: "rate_limited", method: "conversations.history", retryAfterSeconds: 1, times: 1 });
    bench.slack.faults.add({ kind: "status_before", method: "users.conversations", times: 3 });
    await succeed();
    await isTaken("missed");
    expect(bench.slack.requests.callsBeforeRetryAfter()).toEqual([]);
  });
});

describe("while Parley runs", () => {
  test("what was said while no socket stood is taken, also what overlaps with live events, once", async () => {
    bench = await createBench({ mode: "socket" });
    const { slack, workspace } = bench;
    say("before");
    await isTaken("before");
    const refused = slack.faults.add({ kind: "status_before", method: "apps.connections.open" });
    slack.sockets.drop(workspace.app.appId);
    await vi.waitFor(() => expect(bench.adapter.health()).toMatchObject([{ state: "connecting" }]), patient);
    say("missed 1");
    say("missed 2");
    await slack.deliveries.whenIdle();
    expect(texts(bench.sink)).toEqual(["before"]);
    slack.faults.remove(refused);
    await vi.waitFor(() => expect(bench.adapter.health()).toMatchObject([{ state: "connected" }]), patient);
    say("live");
    await isTaken("missed 1", "missed 2", "live");
    expect(new Set(texts(bench.sink)).size).toBe(4);
  });

  test.each(["http", "socket"] as const)(
    "what Slack dropped over %s because there was too much is taken",
    async (mode) => {
      bench = await createBench({ mode });
      const { slack, workspace } = bench;
      say("before");
      await isTaken("before");
      slack.conditions.limitEvents(workspace.team.id, true);
      say("dropped 1");
      slack.conditions.limitEvents(workspace.team.id, false);
      say("live");
      await isTaken("dropped 1", "live");
      expect(texts(bench.sink)).toHaveLength(3);
    },
  );
});
