import { describe, expect, it } from "vitest";
import { ChangesAnswer, MessagesAnswer, PostAnswer, type WebPost } from "../../../adapters/web/protocol.ts";
import { BACKENDS, ORGANIZATION, startTestRoom } from "../../support/web/web-room.ts";

describe.each(BACKENDS)("posting on %s", (backend) => {
  it("stores a post, hands it to the pipeline once, and answers a repeat with the same post", async () => {
    const room = await startTestRoom({ backend });
    const { client, me, general } = await room.signIn("Mara");
    const body = { clientMessageId: "client-0001", text: "hello @guide and @Mara, `@assistant` not" };
    const first = PostAnswer.parse(await client.ok("POST", `/rooms/${general.id}/messages`, body));
    const again = PostAnswer.parse(await client.ok("POST", `/rooms/${general.id}/messages`, body));
    expect(first.duplicate).toBe(false);
    expect(again).toEqual({ post: first.post, duplicate: true });
    expect(first.post.mentions).toEqual({ personIds: [me.person.id], agentHandles: ["guide"], everyone: false });

    const created = room.sink.envelopes.filter((envelope) => envelope.kind === "message_created");
    expect(created).toHaveLength(1);
    expect(created[0]).toMatchObject({
      organizationId: ORGANIZATION,
      platform: "web",
      conversation: { space: { id: "web" }, channel: { id: general.id, name: "general", kind: "public" } },
      sender: { id: me.person.id, kind: "human", name: "Mara", self: false },
      body: {
        messageId: first.post.id,
        mentions: { agents: ["guide"], people: [me.person.id], everyone: false },
        content: [
          { type: "text", markdown: "hello " },
          { type: "mention", target: "agent", id: "guide" },
          { type: "text", markdown: " and " },
          { type: "mention", target: "person", id: me.person.id, name: "Mara" },
          { type: "text", markdown: ", `@assistant` not" },
        ],
      },
    });
  });

  it("makes one post of many requests at once with one client message id", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const body = { clientMessageId: "client-0001", text: "once" };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => client.ok<PostAnswerBody>("POST", `/rooms/${general.id}/messages`, body)),
    );
    expect(new Set(answers.map(({ post }) => post.id)).size).toBe(1);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(room.sink.envelopes.filter(({ kind }) => kind === "message_created")).toHaveLength(1);
  });

  it("answers 503 while the pipeline is away, keeps the post, and takes it up with the same id", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    room.sink.away = true;
    const body = { clientMessageId: "client-0001", text: "is anybody there?" };
    const refused = await client.request("POST", `/rooms/${general.id}/messages`, body);
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({ error: { code: "LEDGER_UNAVAILABLE" } });
    room.sink.away = false;
    const accepted = PostAnswer.parse(await client.ok("POST", `/rooms/${general.id}/messages`, body));
    expect(accepted.duplicate).toBe(true);
    const texts = room.sink.envelopes.flatMap((e) => (e.kind === "message_created" ? [e.body.messageId] : []));
    expect(texts).toEqual([accepted.post.id]);
  });

  it("refuses keys that no store takes, and keeps text that holds them, cleaned", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const posts = `/rooms/${general.id}/messages`;
    for (const bad of ["\u0000", "\ud800"]) {
      const refused = [
        await client.request("POST", posts, { clientMessageId: `client-${bad}01`, text: "hi" }),
        await client.request("POST", posts, { clientMessageId: "client-0001", text: "hi", threadRootId: `m${bad}` }),
        await client.request("POST", "/direct", { agent: `guide${bad}` }),
      ];
      expect(refused.map((answer) => answer.status)).toEqual([400, 400, 400]);
    }
    expect((await client.request("GET", "/messages/m%00")).status).toBe(400);
    const { post } = PostAnswer.parse(
      await client.ok("POST", posts, { clientMessageId: "client-0002", text: "a\u0000b\ud800c" }),
    );
    expect(post.text).toBe("a\ufffdb\ufffdc");
  });

  it("hands on by itself what was stored and never handed on", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    room.sink.away = true;
    await client.request("POST", `/rooms/${general.id}/messages`, { clientMessageId: "client-0001", text: "one" });
    await client.request("POST", `/rooms/${general.id}/messages`, { clientMessageId: "client-0002", text: "two" });
    room.sink.away = false;
    await expect
      .poll(() => room.sink.envelopes.filter((e) => e.kind === "message_created").length, { timeout: 10_000 })
      .toBe(2);
    const orders = room.sink.envelopes.map((envelope) => envelope.platformOrder);
    expect(orders).toEqual(orders.toSorted());
  });

  it("keeps the order of a room under parallel posts, with one event for each", async () => {
    const room = await startTestRoom({ backend });
    const people = await Promise.all(["Ada", "Ben", "Cleo"].map((name) => room.signIn(name)));
    await Promise.all(
      people.flatMap(({ client, general }, person) =>
        Array.from({ length: 8 }, (_, index) =>
          client.ok("POST", `/rooms/${general.id}/messages`, {
            clientMessageId: `client-${person}-${index}`,
            text: `${index}`,
          }),
        ),
      ),
    );
    const posted = room.sink.envelopes.filter((envelope) => envelope.kind === "message_created");
    expect(posted).toHaveLength(24);
    const orders = posted.map((envelope) => envelope.platformOrder);
    expect(orders).toEqual(orders.toSorted());
    const [first] = people;
    if (first === undefined) throw new Error("nobody");
    const page = MessagesAnswer.parse(await first.client.ok("GET", `/rooms/${first.general.id}/messages?limit=10`));
    expect(page.posts).toHaveLength(10);
    expect(page.hasMore).toBe(true);
    const older = MessagesAnswer.parse(
      await first.client.ok("GET", `/rooms/${first.general.id}/messages?limit=200&before=${page.posts[0]?.seq}`),
    );
    expect(older.posts).toHaveLength(14);
    expect(older.hasMore).toBe(false);
  });

  it("edits, deletes and reacts, each as an event with what it changes", async () => {
    const room = await startTestRoom({ backend });
    const { client, me, general } = await room.signIn("Mara");
    const other = await room.signIn("Ben");
    const { post } = await send(client, general.id, "client-0001", "frist");
    const edited = await client.ok<WebPost>("PATCH", `/messages/${post.id}`, { text: "first" });
    expect(edited).toMatchObject({ text: "first", revision: 1, seq: post.seq });
    expect(edited.changeSeq).toBeGreaterThan(post.changeSeq);
    await client.ok("PATCH", `/messages/${post.id}`, { text: "first" });
    const reacted = await other.client.ok<WebPost>("PUT", `/messages/${post.id}/reactions/${encodeURIComponent("👍")}`);
    expect(reacted.reactions).toEqual([{ reaction: "👍", personIds: [other.me.person.id], agentHandles: [] }]);
    await other.client.ok("PUT", `/messages/${post.id}/reactions/${encodeURIComponent("👍")}`);
    await other.client.ok("DELETE", `/messages/${post.id}/reactions/${encodeURIComponent("👍")}`);
    expect((await other.client.request("PATCH", `/messages/${post.id}`, { text: "no" })).status).toBe(403);
    expect((await other.client.request("DELETE", `/messages/${post.id}`)).status).toBe(403);
    await client.ok("DELETE", `/messages/${post.id}`);
    await client.ok("DELETE", `/messages/${post.id}`);
    const kinds = room.sink.envelopes.map((envelope) => envelope.kind);
    expect(kinds.filter((kind) => kind.startsWith("message_") || kind.startsWith("reaction_"))).toEqual([
      "message_created",
      "message_edited",
      "reaction_added",
      "reaction_removed",
      "message_deleted",
    ]);
    expect(room.sink.envelopes.find(({ kind }) => kind === "message_edited")).toMatchObject({
      revision: 1,
      sender: { id: me.person.id },
      body: { messageId: post.id },
    });
    const changes = ChangesAnswer.parse(await client.ok("GET", `/rooms/${general.id}/changes?after=${post.seq}`));
    expect(changes.posts).toMatchObject([{ id: post.id, text: "", uploads: [], reactions: [] }]);
    expect(changes.posts[0]?.deletedAt).not.toBeNull();
  });

  it("keeps a thread with its count, and its posts out of the room's own list", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const { post: root } = await send(client, general.id, "client-0001", "a question");
    const { post: reply } = await send(client, general.id, "client-0002", "an answer", { threadRootId: root.id });
    const nested = await client.request("POST", `/rooms/${general.id}/messages`, {
      clientMessageId: "client-0003",
      text: "deeper",
      threadRootId: reply.id,
    });
    expect(nested.status).toBe(404);
    const list = MessagesAnswer.parse(await client.ok("GET", `/rooms/${general.id}/messages`));
    expect(list.posts.map(({ id }) => id)).toEqual([root.id]);
    expect(list.posts[0]?.thread?.replyCount).toBe(1);
    const thread = MessagesAnswer.parse(await client.ok("GET", `/rooms/${general.id}/messages?thread=${root.id}`));
    expect(thread.posts.map(({ id }) => id)).toEqual([root.id, reply.id]);
    const envelope = room.sink.envelopes.at(-1);
    expect(envelope?.conversation.thread).toEqual({ id: root.id });
    expect(envelope?.orderingKey).toBe(JSON.stringify([`i_${ORGANIZATION}`, general.id, root.id]));
  });

  it("pages changes without losing one of two posts that share a change number", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const { post: root } = await send(client, general.id, "client-0001", "root");
    await send(client, general.id, "client-0002", "reply", { threadRootId: root.id });
    const seen = new Map<string, number>();
    let after = 0;
    for (let more = true; more; ) {
      const page = ChangesAnswer.parse(await client.ok("GET", `/rooms/${general.id}/changes?after=${after}&limit=1`));
      for (const post of page.posts) seen.set(post.text, post.changeSeq);
      after = page.cursor;
      more = page.hasMore;
    }
    expect(seen.get("root")).toBe(seen.get("reply"));
    expect([...seen.keys()].toSorted()).toEqual(["reply", "root"]);
  });
});

type PostAnswerBody = { post: WebPost; duplicate: boolean };

async function send(
  client: { ok<T>(method: string, path: string, json?: unknown): Promise<T> },
  roomId: string,
  clientMessageId: string,
  text: string,
  more: object = {},
): Promise<PostAnswerBody> {
  return PostAnswer.parse(await client.ok("POST", `/rooms/${roomId}/messages`, { clientMessageId, text, ...more }));
}
