import type { OutboundPost } from "../../src/contracts/adapter.ts";
import { WORD_JOINER } from "./markdown-inert.ts";

/** A mass mention as rendering leaves it: the sign and the word apart, so that no platform reads it as one. */
const INERT = new RegExp(`@${WORD_JOINER}(everyone|here|channel|room)\\b`, "giu");

/** Whether a rendered text names everybody, in words that notify nobody. */
export function namesEveryone(text: string): boolean {
  return text.search(INERT) !== -1;
}

/** The text with each of its inert mass mentions in the platform's own live form; `live` is given the word after the sign in lower case. */
export function liftMassMentions(text: string, live: (word: string) => string): string {
  return text.replace(INERT, (_all, word: string) => live(word.toLowerCase()));
}

/** Whether the mass mentions of a post about to be sent become live: it has one, and is allowed to at this moment. */
export async function maySayToAll(
  post: Pick<OutboundPost, "mayMentionEveryone">,
  texts: readonly string[],
): Promise<boolean> {
  if (post.mayMentionEveryone === undefined || !texts.some(namesEveryone)) return false;
  return await post.mayMentionEveryone();
}
