const CODE = /(```[\s\S]*?```|`[^`\n]*`)/;
const NAME = /(?<![\w@/.])@([a-z][a-z0-9_-]{0,31})/giu;

/**
 * Guarantees that a text about agents calls none of them: every `@name` outside of code becomes code, where it is no mention.
 *
 * Facts quote documentation and what people wrote, and the guide's posts are heard like those of any other agent.
 */
export function silenceNames(markdown: string): string {
  return markdown
    .split(CODE)
    .map((piece, index) => (index % 2 === 1 ? piece : piece.replace(NAME, "`@$1`")))
    .join("");
}
