import { BoundedMap } from "../shared/bounded-map.ts";
import { asId, asString, type Raw } from "./raw.ts";

const MAX_EXCERPTS = 2_000;
const EXCERPT_CHARS = 60;

/** The first words of recent messages, for the names of threads that are made from them; in memory alone. */
export class Excerpts {
  readonly #words = new BoundedMap<string, string>({ maxEntries: MAX_EXCERPTS });

  note(message: Raw): void {
    const id = asId(message["id"]);
    const words = asString(message["content"])
      ?.replace(/<[^<>\s]{1,100}>|[*_~`|>#]/gu, " ")
      .replace(/\s+/gu, " ")
      .trim();
    if (id !== undefined && words) this.#words.set(id, words.slice(0, EXCERPT_CHARS).toWellFormed());
  }

  of(messageId: string): string | undefined {
    return this.#words.get(messageId);
  }
}
