import { setTimeout as pause } from "node:timers/promises";
import type { AdapterSink } from "../../../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../../../src/errors/parley-error.ts";
import { type AdapterMutant, variantOf, withMarkdown, withPosts, withSend } from "./mutant.ts";

export const outboundMutants: readonly AdapterMutant[] = [
  {
    name: "puts the time into what it renders",
    breaks: "AD-SEND-01",
    breaker: (real) =>
      withPosts(real, (posts) =>
        posts.map((post) => ({ ...post, fallbackText: `${post.fallbackText} ${Date.now()}` })),
      ),
  },
  {
    name: "loses a character at every cut",
    breaks: "AD-SEND-02",
    onSlackAlone: true,
    breaker: (real) =>
      withPosts(real, (posts) =>
        posts.length === 1 ? posts : posts.map((post) => withMarkdown(post, (text) => text.slice(0, -1))),
      ),
  },
  {
    name: "cuts a text off at the limit",
    breaks: "AD-SEND-02",
    breaker: (real) => withPosts(real, (posts, parts) => (parts.every(isText) ? posts.slice(0, 1) : posts)),
  },
  {
    name: "sends again by itself when there was no answer",
    breaks: "AD-SEND-03",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) =>
      withSend(real, async (post, send) => {
        try {
          return await send(post);
        } catch (error) {
          // As it is the caller's to know what became of the first one, the error stays as it was.
          if (error instanceof ParleyError && error.delivery === "unknown" && !post.signal.aborted)
            await send(post).catch(() => undefined);
          throw error;
        }
      }),
  },
  {
    name: "calls a message that got no answer not sent",
    breaks: "AD-SEND-03",
    breaker: (real) =>
      withSend(real, (post, send) =>
        send(post).catch((error: unknown) => {
          if (!(error instanceof ParleyError) || error.delivery !== "unknown") throw error;
          throw new ParleyError(error.code, { delivery: "not_sent", cause: error });
        }),
      ),
  },
  {
    name: "finds nothing again in the platform's record",
    breaks: "AD-SEND-03",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real) => variantOf(real, { reconcile: async () => ({ absent: true }) }),
  },
  {
    name: "leaves mentions as they are",
    breaks: "AD-SEND-04",
    onSlackAlone: true,
    breaker: (real) =>
      withPosts(real, (posts) =>
        posts.map((post) => withMarkdown(post, (text) => text.replaceAll("&lt;", "<").replaceAll("\u2060", ""))),
      ),
  },
  {
    name: "lets the plain text notify",
    breaks: "AD-SEND-04",
    onSlackAlone: true,
    breaker: (real) =>
      withPosts(real, (posts) =>
        posts.map((post) => {
          const { body } = post;
          return typeof body === "object" && body !== null && "text" in body && post.fallbackText.includes("<!")
            ? { ...post, body: { ...body, text: post.fallbackText.slice(0, 3_000) } }
            : post;
        }),
      ),
  },
  {
    name: "mentions everybody without asking whether it may",
    breaks: "AD-SEND-04",
    breaker: (real) =>
      withSend(real, (post, send) =>
        send(post.mayMentionEveryone === undefined ? post : { ...post, mayMentionEveryone: async () => true }),
      ),
  },
  {
    name: "mentions nobody though it may",
    breaks: "AD-SEND-04",
    breaker: (real) =>
      withSend(real, (post, send) => {
        const { mayMentionEveryone: _may, ...rest } = post;
        return send(rest);
      }),
  },
  {
    name: "lets links unfurl",
    breaks: "AD-SEND-05",
    onSlackAlone: true,
    breaker: (real, { writeDirectly }) =>
      withSend(real, async (post, send) => {
        const isLink = post.fallbackText.includes("http://127.0.0.1") && post.edit === undefined;
        if (!isLink) return await send(post);
        return { messageId: await writeDirectly(post.target, /http:\S+/u.exec(post.fallbackText)?.[0] ?? "") };
      }),
  },
  {
    name: "gives a receipt of its own making",
    breaks: "AD-SEND-06",
    breaker: (real) =>
      withSend(real, async (post, send) => ({ ...(await send(post)), messageId: post.idempotencyKey })),
  },
  {
    name: "makes a new message of every edit",
    breaks: "AD-SEND-06",
    breaker: (real) =>
      withSend(real, (post, send) => {
        const { edit: _edit, ...rest } = post;
        return send(rest);
      }),
  },
  {
    name: "has no plain text",
    breaks: "AD-SEND-07",
    breaker: (real) => withPosts(real, (posts) => posts.map((post) => ({ ...post, fallbackText: "" }))),
  },
  {
    name: "says that everything is shown as it is",
    breaks: "AD-SEND-08",
    breaker: (real) => variantOf(real, { losses: () => [] }),
  },
  {
    name: "blames the first part for every loss",
    breaks: "AD-SEND-08",
    breaker: (real) =>
      variantOf(real, {
        losses: (parts, context) => real.losses(parts, context).map((loss) => ({ ...loss, part: 0 })),
      }),
  },
  {
    name: "calls every text lost",
    breaks: "AD-SEND-08",
    breaker: (real) =>
      variantOf(real, {
        losses: (parts) => parts.map((_part, part) => ({ part, what: "something", shownAs: "something else" })),
      }),
  },
  {
    name: "declares reactions and gives none",
    breaks: "AD-FEAT-01",
    breaker: (real) =>
      variantOf(real, {
        features: { ...real.features, react: { add: async () => undefined, remove: async () => undefined } },
      }),
  },
  {
    name: "has previews and declares none",
    breaks: "AD-FEAT-01",
    breaker: (real) => {
      const { preview: _preview, ...features } = real.features;
      return variantOf(real, { features });
    },
  },
  {
    name: "calls every failure one of its own",
    breaks: "AD-ERR-01",
    breaker: (real) =>
      withSend(real, (post, send) =>
        send(post).catch((error: unknown) => {
          if (!(error instanceof ParleyError) || error.code === "TURN_CANCELLED") throw error;
          const { delivery, retryAfterMs = 0 } = error;
          throw new ParleyError("INVARIANT_BROKEN", { delivery, retryAfterMs, cause: error });
        }),
      ),
  },
  {
    name: "throws what the network threw",
    breaks: "AD-ERR-01",
    breaker: (real) =>
      withSend(real, (post, send) =>
        send(post).catch((error: unknown) => {
          throw error instanceof ParleyError ? new Error(error.code) : error;
        }),
      ),
  },
  {
    name: "does not wait as long as it was asked to",
    breaks: "AD-ERR-02",
    onSlackAlone: true,
    onDiscordToo: true,
    breaker: (real, { writeDirectly }) => {
      let limited = false;
      return withSend(real, async (post, send) => {
        if (limited) {
          limited = false;
          return { messageId: await writeDirectly(post.target, post.fallbackText) };
        }
        return await send(post).catch((error: unknown) => {
          limited = error instanceof ParleyError && error.code === "PLATFORM_RATE_LIMITED";
          throw error;
        });
      });
    },
  },
  {
    name: "lets messages of a conversation overtake one another",
    breaks: "AD-CONC-01",
    breaker: (real) => {
      let turn = 0;
      return withSend(real, async (post, send) => {
        turn += 1;
        if (turn % 3 === 1) await pause(20);
        return await send(post);
      });
    },
  },
  {
    name: "keeps its sink where all adapters of the process find it",
    breaks: "AD-CONC-01",
    breaker: (real) =>
      variantOf(real, {
        start: (sink, signal) => {
          latestSink = sink;
          return real.start({ ...sink, ingest: (...event) => (latestSink ?? sink).ingest(...event) }, signal);
        },
      }),
  },
];

/** The sink of whichever adapter was started last. */
let latestSink: AdapterSink | undefined;

function isText(part: { readonly type: string }): boolean {
  return part.type === "text";
}
