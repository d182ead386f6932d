import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { MessagesAnswer, PostAnswer, type WebPost, type WebRoom } from "../../../adapters/web/protocol.ts";
import { WebClient } from "../../support/web/web-client.ts";
import {
  GUIDE,
  ORGANIZATION,
  outboundPost,
  startTestRoom,
  type TestRoom,
  targetOf,
} from "../../support/web/web-room.ts";

const SCRIPT = fileURLToPath(new URL("../../support/web/web-process.ts", import.meta.url));

async function spawnProcess(room: TestRoom, mode: "hang" | "work"): Promise<{ url: string; child: ChildProcess }> {
  const { databaseUrl, uploadsFolder } = room;
  if (databaseUrl === undefined) throw new Error("processes share a PostgreSQL");
  const child = spawn(process.execPath, [SCRIPT, databaseUrl, uploadsFolder, ORGANIZATION, mode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  return { url: String(url), child };
}

/** The same person's page, served by another process. */
function elsewhere(client: WebClient, url: string): WebClient {
  const other = new WebClient(url);
  other.cookie = client.cookie;
  return other;
}

describe("several processes on one ledger", () => {
  it("brings posts, previews, typing, status and the end of a session to the pages of other processes", async () => {
    const room = await startTestRoom({ backend: "postgres" });
    const { url } = await spawnProcess(room, "work");
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben", "member", url);
    const socket = await ben.client.socket();
    const target = targetOf(mara.general);
    const { post } = PostAnswer.parse(
      await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, {
        clientMessageId: "client-0001",
        text: "hello",
      }),
    );
    await socket.next("post", (frame) => frame.post.id === post.id);
    await mara.client.ok("POST", `/rooms/${mara.general.id}/typing`, {});
    await socket.next("typing", (frame) => frame.name === "Mara");
    await room.adapter.features.status?.show(target, GUIDE, "is reading");
    await socket.next("turn", (frame) => frame.turn.line === "is reading");
    const preview = await room.adapter.features.preview?.open({
      target,
      identity: GUIDE,
      idempotencyKey: "preview-1",
      markdown: "One",
      conversation: target.conversation,
      signal: new AbortController().signal,
    });
    preview?.offer("One, two");
    await socket.next("preview", (frame) => frame.offset === 0 && frame.text === "One, two");
    await preview?.settle();
    await mara.client.socket();
    await socket.next("presence", (frame) => frame.personId === mara.me.person.id && frame.online);
    const second = await room.signIn("Ben");
    await second.client.ok("DELETE", `/sessions/${ben.me.sessionId}`);
    expect((await socket.closed).code).toBe(4401);
    expect((await ben.client.request("GET", "/me")).status).toBe(401);
  });

  it("keeps the order of a room and every post once when two processes take posts at the same time", async () => {
    const room = await startTestRoom({ backend: "postgres" });
    const second = await room.another({ sink: room.sink });
    const mara = await room.signIn("Mara");
    const ben = elsewhere(mara.client, second.url);
    const body = (id: string) => ({ clientMessageId: `client-${id}`, text: id });
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => [
        mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, body(`a${index}00`)),
        ben.ok("POST", `/rooms/${mara.general.id}/messages`, body(`b${index}00`)),
        // The same message by both at once, as a client does that lost its first answer.
        (index % 2 === 0 ? mara.client : ben).ok("POST", `/rooms/${mara.general.id}/messages`, body(`a${index}00`)),
      ]).flat(),
    );
    const created = room.sink.envelopes.flatMap((envelope) => (envelope.kind === "message_created" ? [envelope] : []));
    expect(created).toHaveLength(40);
    const orders = created.map(({ platformOrder }) => platformOrder);
    expect(orders).toEqual(orders.toSorted());
    const page = MessagesAnswer.parse(await ben.ok("GET", `/rooms/${mara.general.id}/messages?limit=200`));
    expect(page.posts.map(({ id }) => id)).toEqual(created.map(({ body: { messageId } }) => messageId));
  });

  it("sends an agent's post once when two processes try at the same time", async () => {
    const room = await startTestRoom({ backend: "postgres" });
    const second = await room.another();
    const mara = await room.signIn("Mara");
    const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`);
    const receipts = await Promise.all(
      keys.flatMap((key) =>
        [room, second, room, second].map(async ({ adapter }) => {
          const post = outboundPost(adapter, [{ type: "text", markdown: key }], {
            target: targetOf(mara.general),
            key,
          });
          return (await adapter.send(post)).messageId;
        }),
      ),
    );
    expect(new Set(receipts).size).toBe(10);
    const { posts } = await mara.client.ok<{ posts: WebPost[] }>("GET", `/rooms/${mara.general.id}/messages`);
    expect(posts.map(({ text }) => text).toSorted()).toEqual(keys);
  });

  it("opens one direct message, makes one default room and spends a code once, whoever asks where", async () => {
    const room = await startTestRoom({ backend: "postgres" });
    const others = await Promise.all([room.another(), room.another()]);
    const mara = await room.signIn("Mara");
    const clients = [mara.client, ...others.map(({ url }) => elsewhere(mara.client, url))];
    const opened = await Promise.all(
      clients.map((client) => client.ok<WebRoom>("POST", "/direct", { agent: "guide" })),
    );
    expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
    const { rooms } = await mara.client.ok<{ rooms: WebRoom[] }>("GET", "/rooms");
    expect(rooms.map(({ kind }) => kind).toSorted()).toEqual(["direct", "public"]);
  });

  it("loses no post to a process that is killed after it was stored and before the pipeline has it", async () => {
    const room = await startTestRoom({ backend: "postgres" });
    const mara = await room.signIn("Mara");
    const { url, child } = await spawnProcess(room, "hang");
    const doomed = elsewhere(mara.client, url);
    const posts = Array.from({ length: 5 }, (_, index) =>
      doomed.request("POST", `/rooms/${mara.general.id}/messages`, {
        clientMessageId: `client-${index}000`,
        text: `${index}`,
      }),
    );
    const stored = async (): Promise<number> =>
      (await mara.client.ok<{ posts: WebPost[] }>("GET", `/rooms/${mara.general.id}/messages`)).posts.length;
    await expect.poll(stored).toBe(5);
    child.kill("SIGKILL");
    const outcomes = await Promise.allSettled(posts);
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    const created = () => room.sink.envelopes.filter(({ kind }) => kind === "message_created");
    await expect.poll(() => created().length, { timeout: 10_000 }).toBe(5);
    const again = PostAnswer.parse(
      await mara.client.ok("POST", `/rooms/${mara.general.id}/messages`, { clientMessageId: "client-0000", text: "0" }),
    );
    expect(again.duplicate).toBe(true);
    expect(created()).toHaveLength(5);
    expect(await stored()).toBe(5);
  });
});
