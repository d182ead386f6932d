import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { MessagesAnswer, PostAnswer, StateAnswer, type WebPost, type WebRoom } from "../../../adapters/web/protocol.ts";
import type { ReplyPart } from "../../../src/envelope/reply.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { BACKENDS, GUIDE, ORGANIZATION, outboundPost, startTestRoom, targetOf } from "../../support/web/web-room.ts";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const text = (markdown: string): ReplyPart => ({ type: "text", markdown });

describe.each(BACKENDS)("agents' posts on %s", (backend) => {
  it("writes one post per idempotency key, however often and at once it is sent", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const post = outboundPost(room.adapter, [text("an answer")], { target: targetOf(general), key: "key-1" });
    const receipts = await Promise.all(Array.from({ length: 8 }, () => room.adapter.send(post)));
    receipts.push(await room.adapter.send(post));
    expect(new Set(receipts.map((receipt) => JSON.stringify(receipt))).size).toBe(1);
    const { posts } = MessagesAnswer.parse(await client.ok("GET", `/rooms/${general.id}/messages`));
    expect(posts).toHaveLength(1);
    expect(posts[0]).toMatchObject({
      id: receipts[0]?.messageId,
      author: { kind: "agent", id: GUIDE.agentId, handle: "guide", name: "Guide", color: GUIDE.color },
      text: "an answer",
      parts: [{ type: "text", markdown: "an answer" }],
    });
    const query = { identity: GUIDE, attemptedSince: new Date().toISOString(), preview: false, knownMessageIds: [] };
    const signal = new AbortController().signal;
    const target = targetOf(general);
    expect(await room.adapter.reconcile({ ...query, target, signal, idempotencyKey: "key-1" })).toEqual({
      found: receipts[0],
    });
    expect(await room.adapter.reconcile({ ...query, target, signal, idempotencyKey: "key-2" })).toEqual({
      absent: true,
    });
  });

  it("streams: opens, grows on the page, and ends as the durable text under the same id", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const socket = await client.socket();
    const target = targetOf(general);
    const signal = new AbortController().signal;
    const preview = await room.adapter.features.preview?.open({
      target,
      identity: GUIDE,
      idempotencyKey: "preview-1",
      markdown: "One",
      conversation: target.conversation,
      signal,
    });
    if (preview === undefined) throw new Error("no preview");
    const opened = await socket.next("post", (frame) => frame.post.id === preview.receipt.messageId);
    expect(opened.post).toMatchObject({ state: "streaming", text: "One" });
    expect(opened.post.parts).toBeUndefined();
    preview.offer("One, two");
    preview.offer("One, two, three");
    const grown = await socket.next("preview", (frame) => frame.text.endsWith("three"));
    expect(opened.post.text.slice(0, grown.offset) + grown.text).toBe("One, two, three");
    await expect
      .poll(async () => (await client.ok<WebPost>("GET", `/messages/${preview.receipt.messageId}`)).text)
      .toBe("One, two, three");
    preview.offer("never shown");
    await preview.settle();
    const edit = { messageId: preview.receipt.messageId, preview: true };
    const final = outboundPost(room.adapter, [text("One, two, three, four.")], { target, key: "final-1", edit });
    expect(await room.adapter.send(final)).toEqual(preview.receipt);
    expect(await room.adapter.send(final)).toEqual(preview.receipt);
    const done = await socket.next("post", (frame) => frame.post.state === "final");
    expect(done.post).toMatchObject({
      id: preview.receipt.messageId,
      text: "One, two, three, four.",
      editedAt: null,
      revision: 1,
    });
    expect(socket.frames.some((frame) => JSON.stringify(frame).includes("never shown"))).toBe(false);
    expect((await client.ok<{ posts: WebPost[] }>("GET", `/rooms/${general.id}/messages`)).posts).toHaveLength(1);
  });

  it("keeps files of a reply as uploads, once for each key, and drops them with the post", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const parts: ReplyPart[] = [
      text("a picture"),
      { type: "artifact", artifactId: "a1", name: "../../pixel.png", mediaType: "image/png", base64: PIXEL },
      {
        type: "artifact",
        artifactId: "a2",
        name: "fake.png",
        mediaType: "image/png",
        base64: btoa("<svg onload=alert(1)>"),
      },
    ];
    const post = outboundPost(room.adapter, parts, { target: targetOf(general), key: "key-1" });
    const receipt = await room.adapter.send(post);
    await Promise.all([room.adapter.send(post), room.adapter.send(post)]);
    expect(await readdir(room.uploadsFolder)).toHaveLength(2);
    const shown = await client.ok<WebPost>("GET", `/messages/${receipt.messageId}`);
    expect(shown.uploads).toEqual([]);
    expect(shown.parts).toMatchObject([
      { type: "text" },
      { type: "artifact", upload: { name: "pixel.png", kind: "image", mediaType: "image/png" } },
      { type: "artifact", upload: { name: "fake.png", kind: "file", mediaType: "application/octet-stream" } },
    ]);
    const part = shown.parts?.[1];
    if (part?.type !== "artifact") throw new Error("no artifact");
    const bytes = await client.request("GET", part.upload.url.replace("/api/web", ""));
    expect(bytes.headers.get("content-type")).toBe("image/png");
    const state = StateAnswer.parse(await client.ok("GET", `/rooms/${general.id}/state`));
    expect(state.artifacts).toHaveLength(2);
    const signal = new AbortController().signal;
    await room.adapter.features.delete?.delete(targetOf(general), receipt.messageId, signal);
    expect(await readdir(room.uploadsFolder)).toEqual([]);
  });

  it("answers a command to its author alone, and hands the command on once", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const benSocket = await ben.client.socket();
    const maraSocket = await mara.client.socket();
    const body = { clientMessageId: "client-0001", text: "/ask @guide what is this?" };
    const { post } = PostAnswer.parse(await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, body));
    await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, body);
    expect(post).toMatchObject({ ephemeral: true, text: "/ask @guide what is this?" });
    const commands = room.sink.envelopes.flatMap((envelope) => (envelope.kind === "command_invoked" ? [envelope] : []));
    expect(commands).toHaveLength(1);
    expect(commands[0]?.body).toMatchObject({
      command: "ask",
      text: "@guide what is this?",
      mentions: { agents: ["guide"] },
    });
    const token = commands[0]?.body.responseToken ?? "";
    const signal = new AbortController().signal;
    await room.adapter.features.respond?.respond(targetOf(mara.general), token, "It is a room.", signal);
    const answer = await maraSocket.next("post", (frame) => frame.post.author.kind === "system");
    expect(answer.post).toMatchObject({ text: "It is a room.", ephemeral: true });
    const other = mara.client.ok<{ posts: WebPost[] }>("GET", `/rooms/${mara.general.id}/messages`);
    expect((await other).posts.map((one) => one.ephemeral)).toEqual([true, true]);
    await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, {
      clientMessageId: "client-0002",
      text: "/etc/hosts plain",
    });
    await benSocket.next("post", (frame) => frame.post.text === "/etc/hosts plain");
    expect(benSocket.frames.filter((frame) => frame.type === "post")).toHaveLength(1);
    expect((await ben.client.ok<{ posts: WebPost[] }>("GET", `/rooms/${ben.general.id}/messages`)).posts).toHaveLength(
      1,
    );
    expect(
      (await ben.client.ok<{ posts: WebPost[] }>("GET", `/rooms/${ben.general.id}/changes?after=0`)).posts,
    ).toHaveLength(1);
    expect((await ben.client.request("GET", `/messages/${post.id}`)).status).toBe(404);
    const forged = room.adapter.features.respond?.respond(targetOf(mara.general), "m_forged", "no", signal);
    await expect(forged).rejects.toMatchObject({ code: "TARGET_NOT_FOUND" });
  });

  it("shows who works, tasks and open questions; stopping and answering reach the pipeline once", async () => {
    const room = await startTestRoom({ backend });
    const { client, me, general } = await room.signIn("Mara");
    const socket = await client.socket();
    const target = targetOf(general);
    await room.adapter.features.status?.show(target, GUIDE, "is reading");
    const turn = await socket.next("turn", (frame) => frame.turn.line === "is reading");
    expect(turn.turn).toMatchObject({ roomId: general.id, threadRootId: null, agent: { handle: "guide" } });
    const parts: ReplyPart[] = [
      { type: "task_update", taskId: "t1", title: "Read", state: "pending" },
      { type: "task_update", taskId: "t1", title: "Read", state: "completed" },
      {
        type: "approval_request",
        approvalId: "ap1",
        prompt: "May I?",
        options: [
          { id: "yes", label: "Allow", effect: "allow" },
          { id: "no", label: "Deny", effect: "deny" },
        ],
      },
      {
        type: "input_request",
        inputId: "in1",
        prompt: "Which?",
        fields: [{ id: "name", label: "Name", kind: "text", required: true }],
      },
    ];
    const { messageId } = await room.adapter.send(outboundPost(room.adapter, parts, { target, key: "key-1" }));
    const state = StateAnswer.parse(await client.ok("GET", `/rooms/${general.id}/state`));
    expect(state.turns).toMatchObject([{ line: "is reading" }]);
    expect(state.tasks).toMatchObject([{ task: { taskId: "t1", state: "completed" }, postId: messageId }]);
    expect(state.approvals).toMatchObject([{ approval: { approvalId: "ap1" } }]);
    const act = async (json: object) => (await client.request("POST", `/messages/${messageId}/actions`, json)).status;
    const yes = { clientActionId: "action-01", actionId: "ap1", value: "yes" };
    expect([await act(yes), await act(yes)]).toEqual([202, 202]);
    expect(await act({ ...yes, clientActionId: "action-02", value: "maybe" })).toBe(400);
    expect(await act({ clientActionId: "action-03", actionId: "ap9", value: "yes" })).toBe(404);
    const fields = { clientActionId: "action-04", actionId: "in1" };
    expect(await act({ ...fields, fields: { name: " " } })).toBe(400);
    expect(await act({ ...fields, fields: { name: "Parley", other: "x" } })).toBe(400);
    expect(await act({ ...fields, fields: { name: "Parley" } })).toBe(202);
    const actions = room.sink.envelopes.flatMap((e) => (e.kind === "action_submitted" ? [e] : []));
    expect(actions.map(({ body }) => body)).toEqual([
      { actionId: "ap1", value: "yes", messageId, fields: {} },
      { actionId: "in1", messageId, fields: { name: "Parley" } },
    ]);
    expect(actions[0]?.sender.id).toBe(me.person.id);
    const answered = await socket.next("post", (frame) => frame.post.answers.length === 2);
    expect(answered.post.answers).toMatchObject([
      { actionId: "ap1", value: "yes", personId: me.person.id, personName: "Mara" },
      { actionId: "in1", personId: me.person.id },
    ]);
    // Whether an answer counts is for whoever asked to say: until the post is replaced, the question stands.
    expect(StateAnswer.parse(await client.ok("GET", `/rooms/${general.id}/state`)).approvals).toHaveLength(1);
    await client.ok("POST", `/rooms/${general.id}/stop`, { messageId });
    expect(room.sink.envelopes.at(-1)).toMatchObject({ kind: "session_stopped", body: { messageId } });
    await room.adapter.features.status?.show(target, GUIDE, "");
    await socket.next("turn", (frame) => frame.turn.line === "");
    expect(StateAnswer.parse(await client.ok("GET", `/rooms/${general.id}/state`)).turns).toEqual([]);
  });

  it("lists members and history for the pipeline, and fetches a person's file", async () => {
    const room = await startTestRoom({ backend });
    const { client, me, general } = await room.signIn("Mara");
    const uploaded = await client.upload(`/rooms/${general.id}/uploads`, {
      name: "notes.txt",
      type: "text/plain",
      bytes: new TextEncoder().encode("the notes"),
    });
    const upload = uploaded.body as { id: string };
    await client.ok("POST", `/rooms/${general.id}/messages`, {
      clientMessageId: "client-0001",
      text: "@guide",
      uploadIds: [upload.id],
    });
    const target = targetOf(general);
    await room.adapter.send(outboundPost(room.adapter, [text("read it")], { target, key: "key-1" }));
    const signal = new AbortController().signal;
    expect(await room.adapter.features.members?.list(target, signal)).toEqual([
      { id: me.person.id, name: "Mara", kind: "human", self: false, memberClass: "member" },
      { id: "parley", name: "Parley", kind: "bot", self: true, memberClass: "bot" },
    ]);
    const past = await room.adapter.features.history?.read({
      target,
      since: "2020-01-01T00:00:00.000Z",
      maxMessages: 10,
      signal,
    });
    expect(past?.map(({ sender }) => sender.kind)).toEqual(["human", "agent"]);
    const live = room.sink.envelopes.find(({ kind }) => kind === "message_created");
    expect(past?.[0]?.dedupeKey).toBe(live?.dedupeKey);
    expect(live?.kind === "message_created" ? live.body.content.at(-1) : undefined).toEqual({
      type: "media",
      mediaId: upload.id,
      kind: "file",
      name: "notes.txt",
      mediaType: "text/plain",
      sizeBytes: 9,
    });
    const installationId = `i_${ORGANIZATION}`;
    const file = await room.adapter.features.media?.fetch({
      installationId,
      mediaId: upload.id,
      maxBytes: 100,
      signal,
    });
    expect(new TextDecoder().decode(file?.bytes)).toBe("the notes");
    const tooSmall = room.adapter.features.media?.fetch({ installationId, mediaId: upload.id, maxBytes: 8, signal });
    await expect(tooSmall).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    await room.adapter.features.react?.add(
      target,
      live?.kind === "message_created" ? live.body.messageId : "",
      "eyes",
      signal,
    );
    const { posts } = await client.ok<{ posts: WebPost[] }>("GET", `/rooms/${general.id}/messages`);
    expect(posts[0]?.reactions).toEqual([{ reaction: "eyes", personIds: [], agentHandles: ["parley"] }]);
  });

  it("says with each failure what is certain, and mentions nobody it was not allowed to", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const made = await mara.client.ok<WebRoom>("POST", "/rooms", { name: "old" });
    await mara.client.ok("PATCH", `/rooms/${made.id}`, { archived: true });
    const attempt = async (more: Partial<Parameters<typeof outboundPost>[2]>) =>
      await room.adapter
        .send(
          outboundPost(room.adapter, [text("x")], {
            target: targetOf(mara.general),
            key: crypto.randomUUID(),
            ...more,
          }),
        )
        .catch((error: unknown) => (error instanceof ParleyError ? [error.code, error.delivery] : ["other", ""]));
    const gone = { ...mara.general, id: "r_gone" };
    const foreign = { ...targetOf(mara.general), organizationId: "other" };
    expect(await attempt({ target: targetOf(gone) })).toEqual(["TARGET_NOT_FOUND", "not_sent"]);
    expect(await attempt({ target: targetOf(made) })).toEqual(["TARGET_NOT_FOUND", "not_sent"]);
    expect(await attempt({ target: foreign })).toEqual(["TARGET_NOT_FOUND", "not_sent"]);
    expect(await attempt({ target: targetOf(mara.general, "m_gone") })).toEqual(["TARGET_NOT_FOUND", "not_sent"]);
    expect(await attempt({ edit: { messageId: "m_gone", preview: false } })).toEqual(["TARGET_NOT_FOUND", "not_sent"]);
    expect(await attempt({ body: { parts: "none" } })).toEqual(["CONTENT_REJECTED", "not_sent"]);
    expect(await attempt({ signal: AbortSignal.abort() })).toEqual(["TURN_CANCELLED", "not_sent"]);
    const shout = [text("@everyone @Mara @Ben @guide look")];
    const target = targetOf(mara.general);
    const quiet = await room.adapter.send(outboundPost(room.adapter, shout, { target, key: "key-1" }));
    const asker = [mara.me.person.id];
    const loud = await room.adapter.send(
      outboundPost(room.adapter, shout, { target, key: "key-2", mentionable: asker }),
    );
    const mentionsOf = async (id: string) => (await ben.client.ok<WebPost>("GET", `/messages/${id}`)).mentions;
    expect(await mentionsOf(quiet.messageId)).toEqual({ personIds: [], agentHandles: [], everyone: false });
    expect(await mentionsOf(loud.messageId)).toEqual({ personIds: asker, agentHandles: [], everyone: false });
    expect(room.sink.envelopes.filter(({ kind }) => kind === "message_created")).toEqual([]);
  });
});

describe("rendering", () => {
  const [backend] = BACKENDS;

  it("groups parts into one post, splits only what is too long, and loses no word", async () => {
    const { adapter } = await startTestRoom({ backend });
    const conversation = { space: { id: "web" }, channel: { id: "r", kind: "public", external: false } } as const;
    const context = { identity: GUIDE, conversation, mentionable: [] };
    const status: ReplyPart = { type: "status", text: "is thinking" };
    expect(adapter.render([], context)).toEqual([]);
    expect(adapter.render([status], context)).toHaveLength(1);
    expect(adapter.render([status, text("done"), text(" ")], context)).toEqual([
      { body: { parts: [text("done")], mentionable: [] }, fallbackText: "done" },
    ]);
    const words = Array.from({ length: 20_000 }, (_, index) => `word${index}`).join(" ");
    const posts = adapter.render([text("before"), text(words), text("after")], context);
    expect(posts.length).toBeGreaterThan(3);
    for (const post of posts) expect(post.fallbackText.length).toBeLessThanOrEqual(adapter.limits.maxTextChars);
    expect(
      posts
        .map((post) => post.fallbackText)
        .join(" ")
        .split(/\s+/),
    ).toEqual(["before", ...words.split(" "), "after"]);
    expect(adapter.render([text("before"), text(words)], context)).toEqual(
      adapter.render([text("before"), text(words)], context),
    );
  });
});
