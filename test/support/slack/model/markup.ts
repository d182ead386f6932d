/** What Slack itself would do with a text: whom it notifies and which links it unfurls. The oracle of mention and link neutralisation. */

const BROADCAST = /<!(channel|here|everyone)(?:\^[^>|]*)?(?:\|[^>]*)?>/g;
const USER = /<@([UW][A-Z0-9]+)(?:\|[^>]*)?>/g;
const USER_GROUP = /<!subteam\^([A-Z0-9]+)(?:\|[^>]*)?>/g;
const PLAIN_BROADCAST = /(?<![\w@])@(channel|here|everyone)\b/g;
const CODE = /```[\s\S]*?```|`[^`\n]*`/g;
const URL_IN_TEXT = /https?:\/\/[^\s<>|)\]"'`]+/g;
const MEDIA = /\.(?:png|jpe?g|gif|webp|mp4|mov|mp3)(?:[?#]|$)/i;

/** The parts of a message that are interpreted, as the Web API received them. */
export interface Interpreted {
  readonly text: string;
  readonly blocks?: readonly unknown[] | undefined;
  readonly attachments?: readonly unknown[] | undefined;
  /** `parse: full` or `link_names`: a plain @channel counts too. */
  readonly parsesNames?: boolean;
  readonly unfurlLinks?: boolean | undefined;
  readonly unfurlMedia?: boolean | undefined;
}

/**
 * Whom the message notifies: `!channel`, `!here`, `!everyone`, `!subteam^S…` and user ids, each once, in order of appearance.
 *
 * Strict on purpose: mentions inside code and in the fallback text count, because what Slack does there is not documented.
 */
export function notifiedBy(message: Interpreted): string[] {
  // Almost every message of a benchmark ends here.
  if (message.blocks === undefined && message.attachments === undefined && !/[<@]/.test(message.text)) return [];
  const found = new Set<string>();
  for (const text of interpretedTexts(message)) {
    for (const match of text.matchAll(BROADCAST)) found.add(`!${match[1]}`);
    for (const match of text.matchAll(USER)) found.add(match[1] ?? "");
    for (const match of text.matchAll(USER_GROUP)) found.add(`!subteam^${match[1]}`);
    if (message.parsesNames === true) for (const match of text.matchAll(PLAIN_BROADCAST)) found.add(`!${match[1]}`);
  }
  walk(message.blocks ?? [], (node) => {
    if (node["type"] === "broadcast") found.add(`!${String(node["range"])}`);
    if (node["type"] === "user" && typeof node["user_id"] === "string") found.add(node["user_id"]);
    if (node["type"] === "usergroup") found.add(`!subteam^${String(node["usergroup_id"])}`);
  });
  return [...found];
}

/** The http(s) links that Slack would fetch and preview; links in code are left alone, and so are those whose flag is false. */
export function unfurledBy(message: Interpreted): string[] {
  if (message.blocks === undefined && message.attachments === undefined && !message.text.includes("://")) return [];
  const found = new Set<string>();
  for (const text of interpretedTexts(message)) {
    for (const match of text.replace(CODE, " ").matchAll(URL_IN_TEXT)) {
      const url = match[0].replace(/[.,;:!?]+$/, "");
      const flag = MEDIA.test(url) ? message.unfurlMedia : message.unfurlLinks;
      if (flag !== false) found.add(url);
    }
  }
  return [...found];
}

function* interpretedTexts(message: Interpreted): Generator<string> {
  yield message.text;
  const texts: string[] = [];
  const collect = (node: Record<string, unknown>): void => {
    const { type, text } = node;
    if ((type === "mrkdwn" || type === "markdown") && typeof text === "string") texts.push(text);
  };
  walk(message.blocks ?? [], collect);
  walk(message.attachments ?? [], (node) => {
    collect(node);
    for (const key of ["text", "pretext", "value"]) if (typeof node[key] === "string") texts.push(node[key]);
  });
  yield* texts;
}

function walk(value: unknown, visit: (node: Record<string, unknown>) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit);
  } else if (typeof value === "object" && value !== null) {
    // A plain object from JSON.parse: its keys are strings.
    const node = value as Record<string, unknown>;
    visit(node);
    for (const inner of Object.values(node)) if (typeof inner === "object") walk(inner, visit);
  }
}
