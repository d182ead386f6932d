import type { ContentBuilder } from "../shared/content-builder.ts";
import { linkToMarkdown } from "./inbound-mrkdwn.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";

/** Deepest list indentation that is kept; Slack allows 8 and more is noise. */
const MAX_INDENT = 8;

/**
 * Reads a `rich_text` block, which is what people's messages are made of.
 *
 * https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
 */
export function readRichText(block: Raw, into: ContentBuilder): void {
  let first = true;
  for (const element of asList(block["elements"])) {
    const raw = asRecord(element);
    if (raw === undefined) continue;
    if (!first) into.verbatim("\n");
    first = false;
    switch (raw["type"]) {
      case "rich_text_section":
        readSection(raw, into);
        break;
      case "rich_text_list":
        readList(raw, into);
        break;
      case "rich_text_preformatted":
        into.code(plainOf(raw), asString(raw["language"]));
        break;
      case "rich_text_quote":
        into.quote(plainOf(raw));
        break;
      default:
        break;
    }
  }
}

function readList(list: Raw, into: ContentBuilder): void {
  const ordered = list["style"] === "ordered";
  const indent = typeof list["indent"] === "number" ? Math.min(MAX_INDENT, Math.max(0, Math.floor(list["indent"]))) : 0;
  const offset = typeof list["offset"] === "number" ? list["offset"] : 0;
  asList(list["elements"]).forEach((item, index) => {
    const raw = asRecord(item);
    if (raw === undefined) return;
    const marker = ordered ? `${offset + index + 1}. ` : "- ";
    into.verbatim(`${index === 0 ? "" : "\n"}${"   ".repeat(indent)}${marker}`);
    readSection(raw, into);
  });
}

function readSection(section: Raw, into: ContentBuilder): void {
  for (const element of asList(section["elements"])) {
    const raw = asRecord(element);
    if (raw !== undefined) readInline(raw, into);
  }
}

function readInline(element: Raw, into: ContentBuilder): void {
  switch (element["type"]) {
    case "text":
      readText(asString(element["text"]) ?? "", asRecord(element["style"]), into);
      return;
    case "link":
      into.verbatim(linkToMarkdown(asString(element["url"]) ?? "", asString(element["text"])));
      return;
    case "user": {
      const id = asId(element["user_id"]);
      if (id !== undefined) into.person(id, undefined);
      return;
    }
    case "usergroup": {
      const id = asId(element["usergroup_id"]);
      if (id !== undefined) into.group(id, undefined);
      return;
    }
    case "channel": {
      const id = asId(element["channel_id"]);
      if (id !== undefined) into.channel(id, undefined);
      return;
    }
    case "broadcast":
      into.everyone(asString(element["range"]) ?? "channel");
      return;
    default:
      into.verbatim(wordOf(element));
  }
}

function readText(text: string, style: Raw | undefined, into: ContentBuilder): void {
  if (style === undefined) {
    into.prose(text);
    return;
  }
  if (style["code"] === true) {
    into.verbatim(text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``);
    return;
  }
  const mark = `${style["bold"] === true ? "**" : ""}${style["italic"] === true ? "_" : ""}${style["strike"] === true ? "~~" : ""}`;
  const words = text.trim();
  if (mark === "" || words === "") {
    into.prose(text);
    return;
  }
  // Markdown wants its marks next to words, Slack puts blanks inside the style.
  const closing = `${style["strike"] === true ? "~~" : ""}${style["italic"] === true ? "_" : ""}${style["bold"] === true ? "**" : ""}`;
  into.prose(text.slice(0, text.indexOf(words)) + mark);
  into.prose(words);
  into.prose(closing + text.slice(text.indexOf(words) + words.length));
}

function plainOf(container: Raw): string {
  return asList(container["elements"])
    .map((element) => {
      const raw = asRecord(element);
      return raw === undefined ? "" : wordOf(raw);
    })
    .join("");
}

function wordOf(element: Raw): string {
  switch (element["type"]) {
    case "text":
      return asString(element["text"]) ?? "";
    case "link":
      return asString(element["text"]) ?? asString(element["url"]) ?? "";
    case "emoji":
      return emojiOf(asString(element["unicode"]), asString(element["name"]));
    case "date":
      return asString(element["fallback"]) ?? "";
    case "color":
      return asString(element["value"]) ?? "";
    case "user":
      return `@${asString(element["user_id"]) ?? ""}`;
    case "channel":
      return `#${asString(element["channel_id"]) ?? ""}`;
    case "broadcast":
      return `@${asString(element["range"]) ?? ""}`;
    default:
      return "";
  }
}

function emojiOf(unicode: string | undefined, name: string | undefined): string {
  const points = (unicode ?? "").split("-").map((hex) => Number.parseInt(hex, 16));
  const valid =
    points.length > 0 &&
    points.every((point) => point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff));
  return valid ? String.fromCodePoint(...points) : name === undefined ? "" : `:${name}:`;
}
