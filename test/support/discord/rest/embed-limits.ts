import { codePoints, isWire } from "../model/markup.ts";
import type { Wire } from "../model/records.ts";
import { invalidForm, tooLong } from "./api-error.ts";

const MAX_EMBEDS = 10;
const MAX_FIELDS = 25;
const MAX_TOTAL_CHARS = 6_000;
const MAX_CHARS: Readonly<Record<string, number>> = {
  title: 256,
  description: 4_096,
  "author.name": 256,
  "footer.text": 2_048,
  name: 256,
  value: 1_024,
};

/** Throws what Discord answers to embeds over its limits (resources/message). */
export function checkEmbeds(embeds: readonly Wire[]): void {
  if (embeds.length > MAX_EMBEDS) throw tooLong("embeds", MAX_EMBEDS);
  let total = 0;
  const count = (path: string, name: string, value: unknown): void => {
    if (typeof value !== "string") return;
    const max = MAX_CHARS[name] ?? Number.POSITIVE_INFINITY;
    const length = codePoints(value);
    if (length > max) throw tooLong(path, max);
    total += length;
  };
  for (const [index, embed] of embeds.entries()) {
    const at = `embeds.${index}`;
    const { title, description, author, footer, fields } = embed;
    count(`${at}.title`, "title", title);
    count(`${at}.description`, "description", description);
    if (isWire(author)) count(`${at}.author.name`, "author.name", author["name"]);
    if (isWire(footer)) count(`${at}.footer.text`, "footer.text", footer["text"]);
    if (!Array.isArray(fields)) continue;
    if (fields.length > MAX_FIELDS) throw tooLong(`${at}.fields`, MAX_FIELDS);
    for (const [place, field] of fields.entries()) {
      if (!isWire(field)) continue;
      for (const name of ["name", "value"] as const) {
        if (typeof field[name] !== "string" || field[name].trim() === "")
          throw invalidForm([`${at}.fields.${place}.${name}`, "BASE_TYPE_REQUIRED", "This field is required"]);
        count(`${at}.fields.${place}.${name}`, name, field[name]);
      }
    }
  }
  if (total > MAX_TOTAL_CHARS)
    throw invalidForm(["embeds", "MAX_EMBED_SIZE_EXCEEDED", `Embed size exceeds maximum size of ${MAX_TOTAL_CHARS}`]);
}
