/** A text as PostgreSQL can keep it, at most 1,000 characters: no NUL and no half of a surrogate pair. Pure. */
export function plainText(text: string): string {
  return text.slice(0, 1_000).toWellFormed().replaceAll("\u0000", "\ufffd");
}
