import { MessagesAnswer, StateAnswer, WebPost } from "../../../../adapters/web/protocol.ts";
import type { Target } from "../../../../src/contracts/adapter.ts";
import { partToText } from "../../../../src/envelope/reply.ts";
import { WebClient } from "../../../support/web/web-client.ts";
import type { PlatformOracle, ShownMessage } from "../harness.ts";
import type { WebSide } from "./web-side.ts";

/** What the asker's page shows, read by HTTP from the room's own log. */
export function webOracle({ readerUrl, asker }: WebSide): PlatformOracle {
  const client = new WebClient(readerUrl);
  client.cookie = asker.client.cookie;
  const postsOf = async ({ conversation: { channel, thread } }: Target): Promise<readonly WebPost[]> => {
    const within = thread === undefined ? "" : `&thread=${thread.id}`;
    const page = await client.ok("GET", `/rooms/${channel.id}/messages?limit=200${within}`);
    return MessagesAnswer.parse(page).posts.filter((post) => post.threadRootId === (thread?.id ?? null));
  };
  return {
    messages: async (target) => {
      const posts = (await postsOf(target)).filter(
        (post) => post.author.kind === "agent" && post.deletedAt === null && !post.ephemeral,
      );
      return await Promise.all(posts.map((post) => shownMessage(client, post)));
    },
    reactions: async (_target, messageId) => {
      const post = WebPost.parse(await client.ok("GET", `/messages/${messageId}`));
      return post.reactions.flatMap(({ reaction, agentHandles }) => agentHandles.map(() => reaction));
    },
    status: async ({ conversation: { channel, thread } }) => {
      const within = thread === undefined ? "" : `?thread=${thread.id}`;
      const state = StateAnswer.parse(await client.ok("GET", `/rooms/${channel.id}/state${within}`));
      return state.turns.find((turn) => turn.threadRootId === (thread?.id ?? null))?.line;
    },
    privateAnswers: async (target) => (await postsOf(target)).filter((post) => post.ephemeral).map(({ text }) => text),
    earlyWrites: () => 0,
  };
}

async function shownMessage(client: WebClient, post: WebPost): Promise<ShownMessage> {
  const { mentions } = post;
  const file = post.parts?.find((part) => part.type === "artifact")?.upload;
  return {
    id: post.id,
    content: post.parts === undefined || post.state === "streaming" ? post.text : post.parts.map(wordsOf).join("\n"),
    plainText: post.text,
    notified: [...mentions.personIds, ...mentions.agentHandles, ...(mentions.everyone ? ["everyone"] : [])],
    // The room fetches nothing; that it does not is for the link's own server to say.
    unfurled: [],
    ...(file === undefined ? {} : { file: await bytesOf(client, file.url) }),
  };
}

function wordsOf(part: NonNullable<WebPost["parts"]>[number]): string {
  if (part.type === "text") return part.markdown;
  if (part.type === "artifact") return part.upload.name;
  return [partToText(part), ...stringsIn(part)].join("\n");
}

/** The page shows every field of a part, some of them folded away. */
function stringsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

async function bytesOf(client: WebClient, url: string): Promise<Uint8Array> {
  const response = await fetch(new URL(url, client.baseUrl), { headers: { cookie: client.cookie ?? "" } });
  return new Uint8Array(await response.arrayBuffer());
}
