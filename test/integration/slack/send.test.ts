import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ALL_SCOPES } from "../../support/slack/index.ts";
import { type Bench, createBench, failureOf, GUIDE } from "./harness.ts";

let bench: Bench;
afterEach(() => bench.close());

describe("a post", () => {
  test("appears once, under the agent's name, with a receipt, unfurling and notifying nothing it may not", async () => {
    bench = await createBench();
    const receipt = await bench.adapter.send(bench.post(`Hi <@${bench.person}> <!channel> https://evil.example/x`));
    const [entry] = bench.slack.log.posts({ by: "app" });
    expect(entry).toMatchObject({ ts: receipt.messageId, username: "Guide", notified: [bench.person] });
    expect(entry?.unfurled ?? []).toEqual([]);
    expect(receipt.occurredAt).toBe(new Date(Number(receipt.messageId) * 1000).toISOString());
    const [request] = bench.slack.requests.of("chat.postMessage");
    expect(request).toBeDefined();
  });

  test("goes into the thread, and 50 side by side keep the order of each conversation", async () => {
    bench = await createBench();
    const threads = Array.from(
      { length: 50 },
      (_, n) => bench.slack.people.postAs(bench.person, bench.channel, `thread ${n}`).ts,
    );
    await Promise.all(
      threads.flatMap((thread, t) =>
        [1, 2, 3].map((n) => bench.adapter.send(bench.post(`answer ${n}`, { thread, idempotencyKey: `${t}-${n}` }))),
      ),
    );
    for (const thread of threads)
      expect(bench.slack.log.posts({ by: "app", channel: bench.channel, thread }).map((entry) => entry.text)).toEqual([
        "answer 1",
        "answer 2",
        "answer 3",
      ]);
  });

  test("without the scope for names goes out under the app's own, and the next one does not ask again", async () => {
    bench = await createBench({ scopes: ALL_SCOPES.filter((scope) => scope !== "chat:write.customize") });
    // The workspace granted less than the app asks for, which only Slack's answer tells here.
    bench.sink.rows.forEach((row, id) =>
      bench.sink.rows.set(id, { ...row, settings: { ...row.settings, scopes: [] } }),
    );
    await bench.adapter.send(bench.post("one"));
    await bench.adapter.send(bench.post("two", { idempotencyKey: "two" }));
    const posts = bench.slack.log.posts({ by: "app" });
    expect(posts.map((entry) => [entry.text, entry.username])).toEqual([
      ["one", undefined],
      ["two", undefined],
    ]);
  });

  test("is edited in place, as often as one likes", async () => {
    bench = await createBench();
    const { messageId } = await bench.adapter.send(bench.post("first"));
    const edit = bench.post("second", { edit: { messageId, preview: false } });
    expect(await bench.adapter.send(edit)).toMatchObject({ messageId });
    expect(await bench.adapter.send(edit)).toMatchObject({ messageId });
    expect(bench.slack.log.posts({ by: "app" })).toHaveLength(1);
    expect(bench.slack.log.ofKind("update").map((entry) => entry.text)).toEqual(["second", "second"]);
  });

  test("of a file that Slack is slow to process waits for its message, and is not uploaded again", async () => {
    bench = await createBench({ standIn: { fileShareDelayMs: 8_000 } });
    const base64 = Buffer.from("slow").toString("base64");
    const [post] = bench.render({
      type: "artifact",
      artifactId: "f",
      name: "slow.txt",
      mediaType: "text/plain",
      base64,
    });
    if (post === undefined) throw new Error("nothing was rendered");
    const receipt = await bench.adapter.send(post);
    expect(bench.slack.log.posts({ by: "app" }).map((entry) => entry.ts)).toEqual([receipt.messageId]);
    expect(bench.slack.requests.count("files.completeUploadExternal")).toBe(1);
  });

  test("of a file is shared in the conversation, found by its receipt and by its mark", async () => {
    bench = await createBench({ standIn: { fileShareDelayMs: 150 } });
    const [post] = bench.render({
      type: "artifact",
      artifactId: "f",
      name: "notes.txt",
      mediaType: "text/plain",
      base64: Buffer.from("hello").toString("base64"),
    });
    if (post === undefined) throw new Error("nothing was rendered");
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "make a file").ts;
    const receipt = await bench.adapter.send({ ...post, target: bench.target(thread) });
    const [entry] = bench.slack.log.posts({ by: "app", thread });
    expect(entry?.ts).toBe(receipt.messageId);
    expect(await bench.reconcile(post.idempotencyKey, { target: bench.target(thread) })).toEqual({ found: receipt });
  });
});

describe("a failure says what is certain", () => {
  test.each([
    ["status_before", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["reset_before", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["hang_before", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["lost_response", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["status_after", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["hang_after", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["cut_response", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["html", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["rate_limited", "PLATFORM_RATE_LIMITED", "not_sent"],
  ] as const)("%s", async (kind, code, delivery) => {
    bench = await createBench({ config: { callTimeoutMs: 300 } });
    bench.slack.faults.add({ kind, method: "chat.postMessage", times: 1 });
    expect(await failureOf(bench.adapter.send(bench.post("hello")))).toMatchObject({ code, delivery });
    // No layer below may have tried again.
    expect(bench.slack.requests.count("chat.postMessage")).toBe(1);
    const appeared = bench.slack.log.posts({ by: "app" });
    const outcome = await bench.reconcile("key-0");
    const seen = "found" in outcome ? outcome.found.messageId : JSON.stringify(outcome);
    expect(seen).toBe(appeared[0]?.ts ?? JSON.stringify({ absent: true }));
  });

  test("a closed door is certainly not sent", async () => {
    bench = await createBench({ startsLater: true });
    await bench.slack.close();
    const free: Server = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const { port } = free.address() as AddressInfo; // a TCP server
    await new Promise((resolve) => free.close(resolve));
    await bench.close().catch(() => undefined);
    bench = await createBench();
    const row = [...bench.sink.rows.values()][0];
    expect(row).toBeDefined();
    const { createSlackAdapter } = await import("../../../adapters/slack/index.ts");
    const adapter = createSlackAdapter({
      organizationId: "main",
      mode: "http",
      receive: false,
      clientId: "c",
      clientSecret: "s",
      stateSecret: "x",
      signingSecret: "s",
      apiUrl: `http://127.0.0.1:${port}/api/`,
    });
    await adapter.start(bench.sink, new AbortController().signal);
    expect(await failureOf(adapter.send(bench.post("hello")))).toMatchObject({
      code: "PLATFORM_UNAVAILABLE",
      delivery: "not_sent",
    });
    await adapter.stop();
  });

  test("a refusal by name is a certain one", async () => {
    bench = await createBench();
    bench.slack.people.archive(bench.person, bench.channel);
    expect(await failureOf(bench.adapter.send(bench.post("hello")))).toMatchObject({
      code: "TARGET_NOT_FOUND",
      delivery: "not_sent",
    });
    const other = bench.slack.setup.addChannel(bench.workspace.team.id, { members: [bench.person] });
    const target = {
      ...bench.target(),
      conversation: {
        ...bench.target().conversation,
        channel: { id: other.id, kind: "public" as const, external: false },
      },
    };
    expect(await failureOf(bench.adapter.send(bench.post("hello", { target })))).toMatchObject({
      code: "PLATFORM_FORBIDDEN",
      delivery: "not_sent",
    });
  });

  test("a send that is called off ends within a second", async () => {
    bench = await createBench({ config: { callTimeoutMs: 30_000 } });
    bench.slack.faults.add({ kind: "hang_before", method: "chat.postMessage" });
    const controller = new AbortController();
    const started = performance.now();
    const first = failureOf(bench.adapter.send(bench.post("one", { signal: controller.signal })));
    const second = failureOf(
      bench.adapter.send(bench.post("two", { idempotencyKey: "two", signal: controller.signal })),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    controller.abort();
    expect(await first).toMatchObject({ code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" });
    expect(await second).toMatchObject({ code: "TURN_CANCELLED", delivery: "not_sent" });
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(bench.slack.requests.count("chat.postMessage")).toBe(1);
  });

  test("what is with Slack when it is called off is still asked what came of it, for a moment", async () => {
    bench = await createBench();
    bench.slack.faults.add({ kind: "slow", method: "chat.postMessage", delayMs: 250, times: 1 });
    const controller = new AbortController();
    const sent = bench.adapter.send(bench.post("one", { signal: controller.signal }));
    await expect.poll(() => bench.slack.requests.count("chat.postMessage")).toBe(1);
    controller.abort();
    expect(await sent).toMatchObject({ messageId: expect.any(String) });
  });

  test("neither text nor tokens are in errors and logs", async () => {
    bench = await createBench({ config: { callTimeoutMs: 300 } });
    const failures: string[] = [];
    for (const kind of ["status_before", "lost_response", "html", "rate_limited"] as const) {
      bench.slack.faults.add({ kind, method: "chat.postMessage", times: 1 });
      const error = await failureOf(bench.adapter.send(bench.post("the secret text", { idempotencyKey: kind })));
      failures.push(JSON.stringify(error), error.message, String(error.stack));
      await new Promise((resolve) => setTimeout(resolve, kind === "rate_limited" ? 1_100 : 0));
    }
    const seen = [...failures, ...bench.sink.logged].join("\n");
    expect(seen).not.toContain("secret text");
    expect(seen).not.toContain(bench.workspace.bot.botToken);
  });
});

describe("limits", () => {
  test("a named pause is kept for that channel, and others go on", async () => {
    bench = await createBench({ channels: 2 });
    bench.slack.faults.add({
      kind: "rate_limited",
      method: "chat.postMessage",
      channel: bench.channel,
      times: 1,
      retryAfterSeconds: 1,
    });
    expect(await failureOf(bench.adapter.send(bench.post("one")))).toMatchObject({
      code: "PLATFORM_RATE_LIMITED",
      retryAfterMs: 1_000,
    });
    const started = performance.now();
    const again = bench.adapter.send(bench.post("one"));
    const [, other = ""] = bench.workspace.channels;
    const target = {
      ...bench.target(),
      conversation: {
        ...bench.target().conversation,
        channel: { id: other, kind: "public" as const, external: false },
      },
    };
    await bench.adapter.send(bench.post("elsewhere", { target, idempotencyKey: "other" }));
    expect(performance.now() - started).toBeLessThan(500);
    await again;
    expect(bench.slack.requests.callsBeforeRetryAfter()).toEqual([]);
  });

  test("with pacing on, Slack's own limits are never met", async () => {
    bench = await createBench({ config: { pacing: true }, standIn: { rateLimits: { burst: 3 } } });
    await Promise.all(
      [1, 2, 3, 4, 5].map((n) => bench.adapter.send(bench.post(`answer ${n}`, { idempotencyKey: `k${n}` }))),
    );
    expect(bench.slack.log.posts({ by: "app" }).map((entry) => entry.text)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `answer ${n}`),
    );
    expect(bench.slack.requests.of("chat.postMessage").every((entry) => entry.status === 200)).toBe(true);
  });

  test("a refused token pauses the installation: no further call, and health says so", async () => {
    bench = await createBench();
    bench.slack.gestures.revokeTokens(bench.workspace.team.id);
    await bench.slack.deliveries.whenIdle();
    bench.sink.rows.forEach((row, id) => bench.sink.rows.set(id, { ...row, status: "active" }));
    await bench.adapter.stop();
    await bench.adapter.start(bench.sink, new AbortController().signal);
    const before = bench.slack.requests.count();
    expect(await failureOf(bench.adapter.send(bench.post("hello")))).toMatchObject({
      code: "PLATFORM_UNAUTHORIZED",
      delivery: "not_sent",
    });
    expect(await failureOf(bench.adapter.send(bench.post("hello")))).toMatchObject({ code: "PLATFORM_UNAUTHORIZED" });
    expect(bench.slack.requests.count("chat.postMessage")).toBeLessThanOrEqual(1);
    expect(bench.slack.requests.count() - before).toBeLessThanOrEqual(2);
    expect(bench.adapter.health().some((row) => row.state === "paused" || row.state === "failed")).toBe(true);
  });
});

describe("a token that dies under load", () => {
  test("is used for at most three calls, whatever asks and however slow the ledger is, and works again after an install", async () => {
    bench = await createBench({ oauth: true, startsLater: true });
    const { workspace, slack, adapter, sink, channel, person } = bench;
    await sink.installations.save({
      organizationId: "main",
      platform: "slack",
      externalId: workspace.team.id,
      name: "Team",
      settings: { teamId: workspace.team.id, botUserId: workspace.bot.botUserId },
      secrets: { botToken: workspace.bot.botToken },
    });
    await adapter.start(sink, new AbortController().signal);
    await adapter.send(bench.post("alive"));
    sink.installationDelayMs = 400;
    slack.core.installationIn(workspace.team.id).state = "revoked";
    const before = slack.requests.count();
    for (let n = 0; n < 100; n++) {
      const post = bench.post(`answer ${n}`, { idempotencyKey: `k${n}` });
      const sent =
        n % 2 === 0
          ? adapter.send(post)
          : (adapter.features.react?.add(post.target, "1.1", "eyes", post.signal) ?? adapter.send(post));
      sent.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(slack.requests.count() - before).toBeLessThanOrEqual(3);
    expect(adapter.health()).toMatchObject([{ state: "paused", detail: expect.stringContaining("token_revoked") }]);
    slack.people.postAs(person, channel, "nobody is asked about me");
    await slack.deliveries.whenIdle();
    expect(slack.requests.count() - before).toBeLessThanOrEqual(3);

    slack.core.installationIn(workspace.team.id).state = "active";
    const row = sink.rows.get(`inst-${workspace.team.id}`);
    if (row === undefined) throw new Error("not installed");
    // As another process stores it; this one reads it with its next look at the ledger.
    sink.rows.set(row.installationId, { ...row, status: "active", settings: { ...row.settings, installedBy: "U9" } });
    await vi.waitUntil(() => adapter.health()[0]?.state === "connected", { timeout: 30_000, interval: 200 });
    await adapter.send(bench.post("back again"));
  }, 45_000);
});

describe("reconciling", () => {
  test("finds by the mark, tells absent from too recent, and believes nobody else's mark", async () => {
    bench = await createBench({ config: { reconcileSettleMs: 5_000 } });
    const receipt = await bench.adapter.send(bench.post("hello"));
    expect(await bench.reconcile("key-0")).toEqual({ found: receipt });
    expect(await bench.reconcile("another")).toMatchObject({ undetermined: expect.any(String) });
    expect(await bench.reconcile("another", { attemptedSince: new Date(Date.now() - 6_000).toISOString() })).toEqual({
      absent: true,
    });
    expect(bench.slack.log.posts({ by: "app" })[0]?.metadataKey).not.toContain("key-0");
  });

  test("is undetermined when the record cannot be read", async () => {
    bench = await createBench();
    bench.slack.faults.add({ kind: "status_before", method: "conversations.history" });
    expect(await bench.reconcile("key-0")).toMatchObject({
      undetermined: expect.stringContaining("could not be read"),
    });
  });

  test("finds a message that took effect after its connection had died", async () => {
    bench = await createBench();
    bench.slack.faults.add({ kind: "late_effect", method: "chat.postMessage", times: 1, delayMs: 50 });
    await failureOf(bench.adapter.send(bench.post("late")));
    const [entry] = await bench.slack.log.waitForPosts({ by: "app" });
    expect(await bench.reconcile("key-0")).toMatchObject({ found: { messageId: entry?.ts } });
  });

  test("knows the opening of a stream as the one message that is accounted for nowhere", async () => {
    bench = await createBench();
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const target = bench.target(thread);
    const known = await bench.adapter.send(bench.post("an earlier answer", { thread }));
    bench.slack.faults.add({ kind: "lost_response", method: "chat.startStream", times: 1 });
    const preview = {
      target,
      identity: GUIDE,
      idempotencyKey: "p",
      markdown: "Thinking about it ",
      conversation: target.conversation,
      signal: new AbortController().signal,
    };
    expect(await failureOf(bench.adapter.features.preview?.open(preview) ?? Promise.resolve())).toMatchObject({
      delivery: "unknown",
    });
    const stream = bench.slack.log.ofKind("stream_start")[0];
    expect(await bench.reconcile("p", { target, preview: true, knownMessageIds: [known.messageId] })).toMatchObject({
      found: { messageId: stream?.ts },
    });
    expect(
      await bench.reconcile("p", { target, preview: true, knownMessageIds: [known.messageId, stream?.ts ?? ""] }),
    ).toEqual({ absent: true });
  });
});
