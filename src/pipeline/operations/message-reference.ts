/** What somebody names a message by: an id, and the channel where the reference says it. */
export interface MessageReference {
  readonly id: string;
  /** The platform's id of the channel; absent for a plain id, and where a link has a name instead. */
  readonly channelId?: string;
  readonly platform?: "slack" | "discord" | "matrix" | "web";
}

/**
 * Reads an id or a permalink of Slack, Discord or Matrix. Pure; what is no permalink is taken as an id as it is.
 *
 * Slack: `https://<workspace>.slack.com/archives/<channel>/p<ts without its dot>`, and `https://app.slack.com/client/<team>/<channel>/thread/<channel>-<ts>`.
 * Discord: `https://discord.com/channels/<guild or @me>/<channel>/<message>`.
 * Matrix: `https://matrix.to/#/<room>/<event>` (https://spec.matrix.org/v1.16/appendices/#matrixto-navigation) and `matrix:roomid/<room>/e/<event>` (the same, URI scheme).
 */
export function parseMessageReference(text: string): MessageReference {
  const given = text.trim();
  return fromMatrixUri(given) ?? fromLink(given) ?? { id: given };
}

const SLACK_TS_FRACTION_DIGITS = 6;

function fromLink(given: string): MessageReference | undefined {
  // Slack's own clients write links in angle brackets, with a label behind a bar.
  const bare = given.replace(/^<([^|>]+)(?:\|[^>]*)?>$/, "$1");
  if (!/^https?:\/\//i.test(bare) || !URL.canParse(bare)) return undefined;
  const url = new URL(bare);
  const host = url.hostname.toLowerCase();
  const path = url.pathname.split("/").filter((part) => part !== "");
  if (host.endsWith(".slack.com")) return fromSlack(path);
  if (/^(?:(?:ptb|canary)\.)?discord(?:app)?\.com$/.test(host)) return fromDiscord(path);
  if (host === "matrix.to") return fromMatrixTo(url.hash);
  return undefined;
}

function fromSlack(path: readonly string[]): MessageReference | undefined {
  const [first, channelId, message] = path;
  if (first === "archives" && channelId !== undefined && message !== undefined) {
    const digits = /^p(\d{7,20})$/.exec(message)?.[1];
    if (digits === undefined) return undefined;
    const dot = digits.length - SLACK_TS_FRACTION_DIGITS;
    return { platform: "slack", channelId, id: `${digits.slice(0, dot)}.${digits.slice(dot)}` };
  }
  const thread = first === "client" && path[3] === "thread" ? /^([A-Z0-9]+)-(\d+\.\d+)$/.exec(path[4] ?? "") : null;
  const [, channel, ts] = thread ?? [];
  return channel === undefined || ts === undefined ? undefined : { platform: "slack", channelId: channel, id: ts };
}

function fromDiscord(path: readonly string[]): MessageReference | undefined {
  const [first, , channelId, id] = path;
  if (first !== "channels" || channelId === undefined || id === undefined || !/^\d+$/.test(id)) return undefined;
  return { platform: "discord", channelId, id };
}

function fromMatrixTo(hash: string): MessageReference | undefined {
  const [room, event] = hash.replace(/^#\/?/, "").replace(/\?.*$/, "").split("/").map(decoded);
  if (room === undefined || event?.startsWith("$") !== true) return undefined;
  return { platform: "matrix", id: event, ...(room.startsWith("!") ? { channelId: room } : {}) };
}

function fromMatrixUri(given: string): MessageReference | undefined {
  const match = /^matrix:(roomid|r)\/([^/?]+)\/(?:e|event)\/([^/?]+)/i.exec(given);
  const [, kind, room, event] = match ?? [];
  if (kind === undefined || room === undefined || event === undefined) return undefined;
  return {
    platform: "matrix",
    id: `$${decoded(event)}`,
    ...(kind === "roomid" ? { channelId: `!${decoded(room)}` } : {}),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
