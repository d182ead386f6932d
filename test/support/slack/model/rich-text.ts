import type { Wire } from "./records.ts";

const TOKEN =
  /<@([UW][A-Z0-9]+)(?:\|[^>]*)?>|<#([A-Z0-9]+)(?:\|[^>]*)?>|<!(channel|here|everyone)>|<(https?:[^>|]+)(?:\|([^>]*))?>/g;
let blockIds = 0;

/** The rich_text block that Slack's composer makes of a human's text; every message of a person carries one. */
export function composerBlocks(text: string): unknown[] {
  const elements: Wire[] = [];
  let end = 0;
  if (text.includes("<")) {
    for (const match of text.matchAll(TOKEN)) {
      if (match.index > end) elements.push({ type: "text", text: unescape(text.slice(end, match.index)) });
      end = match.index + match[0].length;
      if (match[1] !== undefined) elements.push({ type: "user", user_id: match[1] });
      else if (match[2] !== undefined) elements.push({ type: "channel", channel_id: match[2] });
      else if (match[3] !== undefined) elements.push({ type: "broadcast", range: match[3] });
      else elements.push({ type: "link", url: match[4], ...(match[5] === undefined ? {} : { text: match[5] }) });
    }
  }
  if (end < text.length) elements.push({ type: "text", text: unescape(text.slice(end)) });
  blockIds += 1;
  return [
    {
      type: "rich_text",
      block_id: blockIds.toString(36),
      elements: [{ type: "rich_text_section", elements }],
    },
  ];
}

function unescape(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
