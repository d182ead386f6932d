import { afterEach, describe, expect, test, vi } from "vitest";
import type { PreviewOptions } from "../../../src/contracts/adapter-features.ts";
import { ReplyPart } from "../../../src/envelope/reply.ts";
import { ALL_SCOPES } from "../../support/slack/index.ts";
import { type Bench, createBench, failureOf, GUIDE } from "./harness.ts";

let bench: Bench;
afterEach(() => bench.close());

const signal = new AbortController().signal;

function previewIn(thread: string | undefined, markdown: string): PreviewOptions {
  const target = bench.target(thread);
  return { target, identity: GUIDE, idempotencyKey: "preview", markdown, conversation: target.conversation, signal };
}

async function open(thread: string | undefined, markdown: string) {
  const { preview } = bench.adapter.features;
  if (preview === undefined) throw new Error("no preview feature");
  return preview.open(previewIn(thread, markdown));
}

describe("a preview", () => {
  test("in a thread is a stream that grows, and its final text replaces it", async () => {
    bench = await createBench();
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const preview = await open(thread, "Thinking about ");
    preview.offer("Thinking about this and ");
    preview.offer("Thinking about this and that, <!channel> https://evil.example/x and ");
    await bench.slack.log.waitForKind("stream_append");
    await preview.settle();
    const edit = { messageId: preview.receipt.messageId, preview: true };
    const receipt = await bench.adapter.send(bench.post("The **answer**", { thread, edit }));
    expect(receipt.messageId).toBe(preview.receipt.messageId);
    expect(bench.slack.log.posts({ by: "app" })).toHaveLength(1);
    const kinds = bench.slack.log.entries.filter((entry) => entry.ts === receipt.messageId).map((entry) => entry.kind);
    expect(kinds).toEqual(["stream_start", "stream_append", "stream_stop", "update"]);
    expect(bench.slack.log.ofKind("update")[0]?.text).toBe("The **answer**");
    expect(bench.slack.log.entries.flatMap((entry) => [...(entry.notified ?? []), ...(entry.unfurled ?? [])])).toEqual(
      [],
    );
  });

  test("outside of a thread is a post that is edited and can be stopped", async () => {
    bench = await createBench();
    const preview = await open(undefined, "Thinking");
    preview.offer("Thinking harder");
    await bench.slack.log.waitForKind("update", { textIncludes: "harder" });
    await bench.slack.gestures.clickButton(
      bench.person,
      { channel: bench.channel, ts: preview.receipt.messageId },
      "parley_stop",
    );
    await preview.settle();
    expect(bench.sink.people()).toMatchObject([
      { kind: "session_stopped", body: { messageId: preview.receipt.messageId } },
    ]);
    await bench.adapter.send(bench.post("Done", { edit: { messageId: preview.receipt.messageId, preview: true } }));
    expect(bench.slack.log.ofKind("update").at(-1)?.text).toBe("Done");
    expect(bench.slack.requests.count("chat.stopStream")).toBe(0);
    const press = (): unknown =>
      bench.slack.gestures.clickButton(
        bench.person,
        { channel: bench.channel, ts: preview.receipt.messageId },
        "parley_stop",
      );
    expect(press).toThrow("no element");
  });

  test("falls back to a post where there are no streams, and does not ask again", async () => {
    bench = await createBench();
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const preview = bench.adapter.features.preview;
    // A stream in a channel needs somebody to stream to.
    const { askerId: _asker, ...target } = bench.target(thread);
    const live = await preview?.open({ ...previewIn(thread, "Thinking"), target });
    await live?.settle();
    expect(bench.slack.log.ofKind("post", { by: "app" })).toHaveLength(1);
    expect(bench.slack.requests.count("chat.startStream")).toBe(0);
  });

  test("that Slack closes goes on by edits", async () => {
    bench = await createBench({ standIn: { streamLifetimeMs: 100 } });
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const preview = await open(thread, "Thinking about ");
    await new Promise((resolve) => setTimeout(resolve, 150));
    preview.offer("Thinking about this and that ");
    await bench.slack.log.waitForKind("update", { textIncludes: "this and that" });
    await preview.settle();
    await bench.adapter.send(
      bench.post("Done", { thread, edit: { messageId: preview.receipt.messageId, preview: true } }),
    );
    expect(bench.slack.log.ofKind("update").at(-1)?.text).toBe("Done");
    expect(bench.slack.log.posts({ by: "app" })).toHaveLength(1);
  });

  test("is finished by a process that knows nothing of it", async () => {
    bench = await createBench();
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const preview = await open(thread, "Thinking about ");
    await preview.settle();
    await bench.adapter.stop();
    const { createSlackAdapter } = await import("../../../adapters/slack/index.ts");
    const other = createSlackAdapter({
      organizationId: "main",
      mode: "http",
      receive: false,
      botToken: bench.workspace.bot.botToken,
      signingSecret: "other",
      apiUrl: bench.slack.apiUrl,
    });
    await other.start(bench.sink, signal);
    await other.send(bench.post("Done", { thread, edit: { messageId: preview.receipt.messageId, preview: true } }));
    await other.stop();
    expect(bench.slack.log.ofKind("update").at(-1)?.text).toBe("Done");
  });

  test("never throws and never overtakes the final text, whatever Slack answers", async () => {
    bench = await createBench({ config: { callTimeoutMs: 300 } });
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const preview = await open(thread, "Thinking about ");
    bench.slack.faults.add({ kind: "lost_response", method: "chat.appendStream" });
    for (let n = 0; n < 5; n++) {
      preview.offer(`Thinking about ${"words ".repeat(n + 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await preview.settle();
    await bench.adapter.send(
      bench.post("Done", { thread, edit: { messageId: preview.receipt.messageId, preview: true } }),
    );
    const entries = bench.slack.log.entries.filter((entry) => entry.ts === preview.receipt.messageId);
    expect(entries.at(-1)).toMatchObject({ kind: "update", text: "Done" });
    // Its fate was unknown, so the append was not made a second time.
    expect(entries.filter((entry) => entry.kind === "stream_append")).toHaveLength(1);
  });
});

describe("the other features", () => {
  test("reactions come and go, and repeating them does no harm", async () => {
    bench = await createBench();
    const { ts } = bench.slack.people.postAs(bench.person, bench.channel, "hello");
    const { react } = bench.adapter.features;
    for (let n = 0; n < 2; n++) await react?.add(bench.target(), ts, "👀", signal);
    for (let n = 0; n < 2; n++) await react?.remove(bench.target(), ts, ":eyes:", signal);
    expect(
      bench.slack.log.entries.filter((entry) => entry.kind.startsWith("reaction")).map((entry) => entry.kind),
    ).toEqual(["reaction_add", "reaction_remove"]);
  });

  test("a reply for one person is ephemeral, in the thread and under the agent's name, and a file is named", async () => {
    bench = await createBench();
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    const parts = [
      { type: "text", markdown: "for your eyes only" },
      { type: "artifact", artifactId: "a", name: "plan.txt", mediaType: "text/plain", base64: "" },
    ].map((part) => ReplyPart.parse(part));
    const reply = {
      target: bench.target(thread),
      personId: bench.person,
      identity: GUIDE,
      parts,
      idempotencyKey: "k",
      signal,
    };
    await bench.adapter.features.privately?.show(reply);
    expect(bench.slack.log.ofKind("ephemeral")).toMatchObject([
      {
        threadTs: thread,
        username: GUIDE.name,
        detail: { user: bench.person },
        text: expect.stringContaining("plan.txt"),
      },
    ]);
    expect(bench.slack.log.posts({ by: "app" })).toEqual([]);
    const stranger = bench.slack.setup.addUser(bench.workspace.team.id);
    await expect(bench.adapter.features.privately?.show({ ...reply, personId: stranger })).rejects.toMatchObject({
      delivery: "not_sent",
    });
  });

  test("own messages are deleted, twice if need be", async () => {
    bench = await createBench();
    const { messageId } = await bench.adapter.send(bench.post("hello"));
    for (let n = 0; n < 2; n++) await bench.adapter.features.delete?.delete(bench.target(), messageId, signal);
    expect(bench.slack.log.ofKind("delete")).toHaveLength(1);
  });

  test("a status is shown where there is a thread and never throws", async () => {
    bench = await createBench();
    const thread = bench.slack.people.postAs(bench.person, bench.channel, "question").ts;
    await bench.adapter.features.status?.show(bench.target(thread), GUIDE, "is thinking");
    expect(bench.slack.log.ofKind("status")[0]?.text).toContain("is thinking");
    bench.slack.faults.add({ kind: "status_before" });
    await bench.adapter.features.status?.show(bench.target(thread), GUIDE, "");
    await bench.adapter.features.status?.show(bench.target(), GUIDE, "nowhere");
  });

  test("members are the people of the channel, with guests told apart", async () => {
    bench = await createBench();
    const guest = bench.slack.setup.addUser(bench.workspace.team.id, { name: "gus", isRestricted: true });
    bench.slack.people.invite(bench.person, bench.channel, guest);
    const members = await bench.adapter.features.members?.list(bench.target(), signal);
    expect(members).toHaveLength(5);
    expect(members?.find((member) => member.id === guest)).toMatchObject({
      kind: "external_guest",
      name: "gus",
      self: false,
    });
    expect(members?.filter((member) => member.self).map((member) => member.id)).toEqual([
      bench.workspace.bot.botUserId,
    ]);
  });

  test("history gives past messages and replies as the envelopes they would have been", async () => {
    bench = await createBench();
    const { ts } = bench.slack.people.postAs(bench.person, bench.channel, "@guide first");
    bench.slack.people.postAs(bench.person, bench.channel, "reply", { threadTs: ts });
    await bench.adapter.send(bench.post("answer"));
    await bench.slack.deliveries.whenIdle();
    const since = new Date(Date.now() - 60_000).toISOString();
    const past = await bench.adapter.features.history?.read({ target: bench.target(), since, maxMessages: 10, signal });
    const keys = (list: readonly { dedupeKey: string }[] | undefined) => list?.map((envelope) => envelope.dedupeKey);
    const arrived = bench.sink.envelopes
      .filter((envelope) => envelope.kind === "message_created")
      .toSorted((a, b) => (a.platformOrder < b.platformOrder ? -1 : 1));
    expect(keys(past)).toEqual(keys(arrived));
    expect(past?.[0]).toMatchObject({ body: { mentions: { agents: ["guide"] } } });
    const replies = await bench.adapter.features.history?.read({
      target: bench.target(ts),
      since,
      maxMessages: 10,
      signal,
    });
    expect(keys(replies)).toEqual(keys(arrived.filter((envelope) => envelope.conversation.thread !== undefined)));
    const newest = await bench.adapter.features.history?.read({
      target: bench.target(),
      since,
      maxMessages: 1,
      signal,
    });
    expect(keys(newest)).toEqual([keys(arrived)?.at(-1)]);
  });

  test("media is fetched with the token from Slack's own hosts, up to a size", async () => {
    bench = await createBench();
    bench.slack.people.postAs(bench.person, bench.channel, "see", { files: [{ name: "a.txt", content: "hello" }] });
    await vi.waitUntil(() => bench.sink.people().length > 0);
    const [envelope] = bench.sink.people();
    const media =
      envelope?.kind === "message_created" ? envelope.body.content.find((block) => block.type === "media") : undefined;
    const query = {
      installationId: bench.target().installationId,
      mediaId: media?.type === "media" ? media.mediaId : "",
      signal,
    };
    const { media: files } = bench.adapter.features;
    const file = await files?.fetch({ ...query, maxBytes: 100 });
    expect([Buffer.from(file?.bytes ?? []).toString(), file?.mediaType]).toEqual(["hello", "text/plain"]);
    expect(await failureOf(files?.fetch({ ...query, maxBytes: 4 }) ?? Promise.resolve())).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
  });

  test("media that may not be read is refused, not taken for the sign-in page", async () => {
    bench = await createBench({ scopes: ALL_SCOPES.filter((scope) => scope !== "files:read") });
    expect(
      await failureOf(
        bench.adapter.features.media?.fetch({
          installationId: bench.target().installationId,
          mediaId: "F1",
          maxBytes: 100,
          signal,
        }) ?? Promise.resolve(),
      ),
    ).toMatchObject({ code: "PLATFORM_FORBIDDEN" });
  });
});
