import type { TextDigest } from "../../access/text-digest.ts";
import type { ChatAdapter, RenderContext, RenderedPost } from "../../contracts/adapter.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import type { NewRequestRow } from "../../ledger/replies.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { type AskedPart, actionIdOf, boundTo, expiryOf, isAsked, kindOf } from "./request-part.ts";

/** A reply as its platform shows it, and the questions in it that people decide. */
export interface RenderedReply {
  /** `request` is the question that the post shows. */
  readonly posts: readonly (RenderedPost & { readonly request: string | null })[];
  readonly requests: readonly Omit<NewRequestRow, "turn">[];
}

interface Section {
  readonly parts: ReplyPart[];
  readonly asked: AskedPart | undefined;
}

/** Renders a reply with each question in a message of its own, which its decision then replaces. Pure apart from the ids it draws. */
export function renderReply(
  parts: readonly ReplyPart[],
  ports: {
    readonly adapter: ChatAdapter;
    readonly context: RenderContext;
    /** Whether its questions stand: not those of a turn that did not come to its end. */
    readonly asks: boolean;
    /** Tells the rounds of a turn apart: what is asked again after a failure is asked anew. */
    readonly epoch: number;
    readonly newId: NewId;
    readonly digest: TextDigest;
  },
): RenderedReply {
  const { adapter, context, asks, epoch, newId, digest } = ports;
  if (!asks || !parts.some(isAsked))
    return { posts: adapter.render(parts, context).map((post) => ({ ...post, request: null })), requests: [] };
  const rendered = sectionsOf(parts).map(({ parts: shown, asked }) => {
    const posts = adapter.render(shown, context);
    const id = asked === undefined || posts.length === 0 ? null : newId("q");
    const request =
      asked === undefined || id === null
        ? []
        : [
            {
              id,
              action: actionIdOf(asked),
              kind: kindOf(asked),
              part: asked,
              binding: digest(boundTo(asked, { inReply: epoch })),
              expires_ms: expiryOf(asked),
            },
          ];
    return { posts: posts.map((post) => ({ ...post, request: id })), request };
  });
  return {
    posts: rendered.flatMap(({ posts }) => posts),
    requests: rendered.flatMap(({ request }) => request),
  };
}

/** What stands between questions stays together; of two questions that are the same only the first asks. */
function sectionsOf(parts: readonly ReplyPart[]): readonly Section[] {
  const sections: Section[] = [];
  const seen = new Set<string>();
  for (const part of parts) {
    if (isAsked(part)) {
      const same = boundTo(part, null);
      if (!seen.has(same)) sections.push({ parts: [part], asked: part });
      seen.add(same);
      continue;
    }
    const open = sections.at(-1);
    if (open === undefined || open.asked !== undefined) sections.push({ parts: [part], asked: undefined });
    else open.parts.push(part);
  }
  return sections;
}
