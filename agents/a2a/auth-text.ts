import type { Message } from "@a2a-js/sdk";

const LINK_KEYS =
  /^(url|uri|link|href|auth_?url|authorization_?(url|uri)|verification_?(url|uri)(_complete)?|login_?url)$/i;
const MAX_LOOKED_AT = 200;

/** Guarantees one text that says where to sign in, and that nothing secret belongs into a conversation; data of the agent is not shown, as it may hold codes. */
export function authText(message: Message | undefined): string {
  const said = (message?.parts ?? [])
    .map((part) => (part.content?.$case === "text" ? part.content.value : ""))
    .join("")
    .trim();
  const link = message === undefined ? undefined : linkIn(message);
  const shown = link === undefined || said.includes(link) ? said : `${said}\n\n<${link}>`.trim();
  const ask =
    "Sign in there, then write here again to go on. Do not post passwords, codes or tokens in this conversation.";
  return shown === "" ? `The agent needs somebody to sign in on its own page first. ${ask}` : `${shown}\n\n_${ask}_`;
}

function linkIn(message: Message): string | undefined {
  for (const { content } of message.parts)
    if (content?.$case === "url" && isWebAddress(content.value)) return content.value;
  const data = message.parts.map(({ content }) => (content?.$case === "data" ? content.value : undefined));
  const waiting: unknown[] = [...data, message.metadata];
  for (let looked = 0; waiting.length > 0 && looked < MAX_LOOKED_AT; looked += 1) {
    const value = waiting.shift();
    if (typeof value !== "object" || value === null) continue;
    for (const [key, item] of Object.entries(value)) {
      if (typeof item === "string" && LINK_KEYS.test(key) && isWebAddress(item)) return item;
      waiting.push(item);
    }
  }
  return undefined;
}

function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:");
}
