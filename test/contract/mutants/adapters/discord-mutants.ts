import type { RenderedPost } from "../../../../src/contracts/adapter.ts";
import { type AdapterMutant, variantOf, withEnvelope, withPosts } from "./mutant.ts";

const TEXT_DISPLAY = 10;
const MEDIA_GALLERY = 12;

/** What harms on Discord alone: its components, its mentions by id, its permissions. */
export const discordMutants: readonly AdapterMutant[] = [
  {
    name: "loses a character at every cut",
    breaks: "AD-SEND-02",
    onDiscordAlone: true,
    breaker: (real) =>
      withPosts(real, (posts) =>
        posts.length === 1 ? posts : posts.map((post) => withTexts(post, (text) => text.slice(0, -1))),
      ),
  },
  {
    name: "lets everybody be notified whose id is in a text",
    breaks: "AD-SEND-04",
    onDiscordAlone: true,
    breaker: (real) =>
      withPosts(real, (posts, parts) => {
        const raw = parts
          .map((part) => JSON.stringify(part))
          .join("\n")
          .slice(0, 1_500);
        const users = [...raw.matchAll(/<@(\d{15,20})>/gu)].map((match) => match[1] ?? "");
        return posts.map((post) =>
          withBody(
            withTexts(post, () => raw),
            { users },
          ),
        );
      }),
  },
  {
    name: "shows the pictures behind links",
    breaks: "AD-SEND-05",
    onDiscordAlone: true,
    breaker: (real) =>
      withPosts(real, (posts, parts) => {
        const [url] = /http:\/\/127[^"\s)>\]\\]+/u.exec(JSON.stringify(parts)) ?? [];
        const gallery = { type: MEDIA_GALLERY, items: [{ media: { url: url ?? "" } }] };
        return url === undefined ? posts : posts.map((post) => withComponent(post, gallery));
      }),
  },
  {
    name: "has one line of order for all guilds",
    breaks: "AD-ID-02",
    onDiscordAlone: true,
    breaker: (real) => withEnvelope(real, (envelope) => ({ ...envelope, orderingKey: "discord" })),
  },
  {
    name: "lets in whom it does not know",
    breaks: "AD-FEAT-01",
    onDiscordAlone: true,
    breaker: (real) => {
      const { access } = real.features;
      if (access === undefined) return real;
      const check: typeof access.check = async (query) => {
        const rights = await access.check(query);
        return rights.read ? rights : { ...rights, read: true };
      };
      return variantOf(real, { features: { ...real.features, access: { check } } });
    },
  },
];

function withBody(post: RenderedPost, change: object): RenderedPost {
  const body: unknown = Object.assign({}, post.body, change);
  return { ...post, body: body as RenderedPost["body"] }; // JSON with JSON added
}

function withComponent(post: RenderedPost, component: object): RenderedPost {
  const { body } = post;
  const components = typeof body === "object" && body !== null && "components" in body ? body["components"] : [];
  return Array.isArray(components) ? withBody(post, { components: [...components, component] }) : post;
}

/** A copy of a rendered body in which every shown text is another one. */
function withTexts(post: RenderedPost, change: (text: string) => string): RenderedPost {
  const body: unknown = JSON.parse(JSON.stringify(post.body), (_key, value: unknown) =>
    typeof value === "object" && value !== null && "type" in value && value.type === TEXT_DISPLAY && "content" in value
      ? { ...value, content: change(String(value.content)) }
      : value,
  );
  return { ...post, body: body as RenderedPost["body"] }; // JSON, read back from its own text
}
