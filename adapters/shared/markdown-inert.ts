/** Invisible and without width: parts two characters that a platform would read as one sign, without changing what people read. */
export const WORD_JOINER = "\u2060";

/** What Slack and others turn into a link without being asked. */
const BARE_ADDRESS = /(?:https?:\/\/|www\.)[^\s<>`|]+/giu;
const MASS_MENTION = /@(?=(?:channel|here|everyone)\b)/giu;

export interface InertOptions {
  /** Hosts whose links stay links, as `isListedLink` reads them. */
  readonly linkHosts: readonly string[];
  /** Code cannot be told from prose for sure, so that addresses are made inert instead of being put in code. */
  readonly doubtful: boolean;
}

/** An address in prose: a link where its host is listed, else its words in code. */
export function bareLink(url: string, options: InertOptions): string {
  return isListedLink(url, options.linkHosts) ? encodeSigns(url) : codeSpan(shownUrl(url), options);
}

/** What stands for a picture: its description and its address. */
export function described(alt: string, url: string, options: InertOptions): string {
  const words = inertText(alt.replace(/[[\]<>`\\]/gu, " ").trim());
  if (url === "") return words;
  return words === "" ? codeSpan(shownUrl(url), options) : `${words} (${codeSpan(shownUrl(url), options)})`;
}

/** A URL as people can read and copy it, but no platform takes it for a link: without its web scheme. */
export function shownUrl(url: string): string {
  return encodeSigns(url.replace(/^https?:\/\//iu, "").replace(/^mailto:/iu, "")).replaceAll("://", "%3A//");
}

/** Guarantees that the URL holds no sign that Markdown or Slack's `<url|label>` form would read as its end. */
export function encodeSigns(url: string): string {
  return url.replace(/[\s<>|()`\\"*_~[\]]/gu, (sign) =>
    sign === "_" || sign === "~" || sign === "*" ? sign : percentEncoded(sign),
  );
}

function percentEncoded(sign: string): string {
  return Array.from(Buffer.from(sign, "utf8"), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
    "",
  );
}

/** An address that is no link; in doubt about code, without marks. */
export function codeSpan(text: string, { doubtful }: InertOptions): string {
  if (text === "") return "";
  const whole = text.replaceAll("`", "%60");
  return doubtful ? inertText(whole) : `\`${whole}\``;
}

/** Whether a link to this address stays a link: its host is listed (exactly, by `*.example.org` or `*`) and it carries no user name. */
export function isListedLink(url: string, linkHosts: readonly string[]): boolean {
  if (linkHosts.length === 0 || !URL.canParse(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  if ((protocol !== "https:" && protocol !== "http:") || username !== "" || password !== "") return false;
  return linkHosts.some(
    (host) => host === "*" || host === hostname || (host.startsWith("*.") && hostname.endsWith(host.slice(1))),
  );
}

/** Makes bare addresses and mass mentions inside plain words inert. */
export function inertProse(text: string, options: InertOptions): string {
  let result = "";
  let from = 0;
  for (const match of text.matchAll(BARE_ADDRESS)) {
    // Signs at the end belong to the sentence.
    const address = match[0].replace(/[.,;:!?'")\]]+$/u, "");
    result += inertText(text.slice(from, match.index)) + bareLink(address, options);
    from = match.index + address.length;
  }
  return result + inertText(text.slice(from));
}

/** Words in which nothing is a link or a mass mention. */
export function inertText(text: string): string {
  return text
    .replace(/:\/\//gu, `:${WORD_JOINER}//`)
    .replace(/\bwww\./giu, (word) => `${word.slice(0, 3)}${WORD_JOINER}.`)
    .replace(MASS_MENTION, `@${WORD_JOINER}`);
}
