import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { MessagesAnswer, PostAnswer, RoomsAnswer, type WebPost, WebUpload } from "../../../adapters/web/protocol.ts";
import { WebClient } from "../web/web-client.ts";
import { AGENT, type ChatDriver, type ShownPost } from "./chat-driver.ts";

const REPEAT_AFTER_MS = 100;
const PAGE = 200;

/** A browser in the built-in room. It keeps its session over restarts of Parley, and repeats a post until it is taken. */
export async function webDriver(): Promise<ChatDriver> {
  let client: WebClient | undefined;
  let room = "";
  const page = (): WebClient => {
    if (client === undefined) throw new Error("nobody has signed in");
    return client;
  };

  async function connect(url: string, signInLink: string): Promise<void> {
    if (client !== undefined) return;
    client = new WebClient(url);
    await client.signIn(signInLink);
    const { rooms } = RoomsAnswer.parse(await client.ok("GET", "/rooms"));
    room = rooms.find((one) => one.kind === "public")?.id ?? "";
  }

  async function postsOf(thread?: string): Promise<readonly WebPost[]> {
    const place = thread === undefined ? "" : `&thread=${thread}`;
    const { posts } = MessagesAnswer.parse(await page().ok("GET", `/rooms/${room}/messages?limit=${PAGE}${place}`));
    return posts;
  }

  function shown(post: WebPost): ShownPost {
    const files = post.parts?.flatMap((part) => (part.type === "artifact" ? [part.upload] : [])) ?? [];
    return {
      id: post.id,
      thread: post.threadRootId ?? undefined,
      author: post.author.name,
      text: post.text,
      files: files.map((file) => ({ name: file.name, read: () => textOf(file) })),
    };
  }

  async function textOf(upload: WebUpload): Promise<string> {
    const answer = await fetch(new URL(upload.url, page().baseUrl), { headers: { cookie: page().cookie ?? "" } });
    return await answer.text();
  }

  return {
    platform: "web",
    livesInParley: true,
    env: {},
    channel: () => room,
    connect,
    address: `@${AGENT.handle}`,
    ask: (words) => `@${AGENT.handle} ${words}`,
    async say(text, { thread, file } = {}) {
      const uploadIds: string[] = [];
      if (file !== undefined) {
        const bytes = new TextEncoder().encode(file.text);
        const { body } = await page().upload(`/rooms/${room}/uploads`, {
          name: file.name,
          type: file.mediaType,
          bytes,
        });
        uploadIds.push(WebUpload.parse(body).id);
      }
      const body = { clientMessageId: randomUUID(), text, uploadIds, ...(thread && { threadRootId: thread }) };
      for (;;) {
        const answer = await page()
          .request("POST", `/rooms/${room}/messages`, body)
          .catch(() => undefined);
        if (answer !== undefined && answer.status < 300) return PostAnswer.parse(answer.body).post.id;
        if (answer !== undefined && answer.status < 500) throw new Error(`the post was refused: ${answer.status}`);
        await pause(REPEAT_AFTER_MS);
      }
    },
    edit: async (messageId, text) => void (await page().ok("PATCH", `/messages/${messageId}`, { text })),
    remove: async (messageId) => void (await page().ok("DELETE", `/messages/${messageId}`)),
    react: async (messageId, emoji) =>
      void (await page().ok("PUT", `/messages/${messageId}/reactions/${encodeURIComponent(emoji)}`)),
    unreact: async (messageId, emoji) =>
      void (await page().ok("DELETE", `/messages/${messageId}/reactions/${encodeURIComponent(emoji)}`)),
    emojiOf: (reaction) => reaction,
    choose: async (post, { approvalId, id }) =>
      void (await page().ok("POST", `/messages/${post.id}/actions`, {
        clientActionId: randomUUID(),
        actionId: approvalId,
        value: id,
      })),
    async posts(thread) {
      const posts = await postsOf(thread);
      const inThreads: WebPost[] = [];
      if (thread === undefined) for (const { id } of posts) inThreads.push(...(await postsOf(id)).slice(1));
      return [...posts, ...inThreads]
        .filter((post) => post.author.kind !== "person" && post.deletedAt === null)
        .toSorted((one, other) => one.seq - other.seq)
        .map(shown);
    },
    close: async () => undefined,
  };
}
