import type { Wire } from "../model/records.ts";
import { ApiError } from "./api-error.ts";

/** Where blocks are shown: a message, or a modal or Home tab. */
export type Surface = "message" | "view";

const KNOWN = new Set(
  (
    "actions alert card carousel container context context_actions data_table divider file header image input " +
    "markdown plan rich_text section table task_card video"
  ).split(" "),
);
const MARKDOWN_CHARS = 12_000;

/**
 * Refuses blocks beyond Slack's published limits with `invalid_blocks` (`msg_blocks_too_long` for the total), naming each
 * breach by JSON pointer as Slack does. Limits: the published types and docs.slack.dev/reference/block-kit; the total of
 * about 13 200 characters is a field report (slackapi/bolt-js#2509).
 */
export function checkBlocks(blocks: unknown, surface: Surface, maxTotalChars: number): unknown[] {
  if (!Array.isArray(blocks)) throw new ApiError("invalid_blocks_format");
  const check = new BlockCheck();
  check.count(blocks, "/blocks", 0, surface === "message" ? 50 : 100);
  blocks.forEach((block, index) => {
    check.block(block, `/blocks/${index}`);
  });
  if (check.markdownChars > MARKDOWN_CHARS)
    check.fail("/blocks", `markdown must be at most ${MARKDOWN_CHARS} in total`);
  if (check.faults.length > 0) {
    const messages = check.faults.map((fault) => `[ERROR] ${fault}`);
    throw new ApiError("invalid_blocks", { errors: check.faults, response_metadata: { messages } });
  }
  if (check.totalChars > maxTotalChars) throw new ApiError("msg_blocks_too_long");
  return blocks;
}

class BlockCheck {
  readonly faults: string[] = [];
  totalChars = 0;
  markdownChars = 0;
  readonly #blockIds = new Set<string>();

  fail(pointer: string, why: string): void {
    this.faults.push(`${why} [json-pointer:${pointer}]`);
  }

  count(list: unknown, pointer: string, min: number, max: number): void {
    const length = Array.isArray(list) ? list.length : -1;
    if (length < min) this.fail(pointer, `no fewer than ${min} items required`);
    if (length > max) this.fail(pointer, `no more than ${max} items allowed`);
  }

  chars(value: unknown, pointer: string, max: number, min = 1): void {
    if (value === undefined) return;
    if (typeof value !== "string") return this.fail(pointer, "must be a string");
    this.totalChars += value.length;
    if (value.length > max) this.fail(pointer, `must be less than ${max + 1} characters`);
    if (value.length < min) this.fail(pointer, `must be more than ${min - 1} characters`);
  }

  textObject(value: unknown, pointer: string, max: number, plainOnly = false): void {
    const node = asObject(value);
    if (node === undefined) return this.fail(pointer, "must be a text object");
    const types = plainOnly ? ["plain_text"] : ["plain_text", "mrkdwn"];
    if (!types.includes(String(node["type"]))) this.fail(`${pointer}/type`, `must be ${types.join(" or ")}`);
    if (node["text"] === undefined) this.fail(pointer, "missing required field: text");
    this.chars(node["text"], `${pointer}/text`, max);
  }

  block(value: unknown, at: string): void {
    const block = asObject(value);
    if (block === undefined) return this.fail(at, "must be an object");
    const type = String(block["type"]);
    if (!KNOWN.has(type)) return this.fail(`${at}/type`, `unsupported type: ${type}`);
    const id = block["block_id"];
    this.chars(id, `${at}/block_id`, 255);
    if (typeof id === "string" && this.#blockIds.has(id)) this.fail(`${at}/block_id`, "block_id must be unique");
    if (typeof id === "string") this.#blockIds.add(id);
    if (type === "section") this.#section(block, at);
    else if (type === "header") this.textObject(block["text"], `${at}/text`, 150, true);
    else if (type === "context") this.#context(block, at);
    else if (type === "actions") this.#actions(block, at, 25);
    else if (type === "context_actions") this.#actions(block, at, 5);
    else if (type === "alert") this.textObject(block["text"], `${at}/text`, 3000);
    else if (type === "task_card") this.#taskCard(block, at);
    else if (type === "plan") this.#plan(block, at);
    else if (type === "markdown") this.#markdown(block, at);
    else if (type === "image") this.#image(block, at);
    else if (type === "input") this.#input(block, at);
    else if (type === "table") this.#table(block, at);
    else if (type === "card") this.#card(block, at);
    else if (type === "carousel") this.count(block["elements"], `${at}/elements`, 1, 10);
    else if (type === "container") this.#container(block, at);
    else if (type === "rich_text" && !Array.isArray(block["elements"]))
      this.fail(at, "missing required field: elements");
  }

  #section(block: Wire, at: string): void {
    const { text, fields, accessory } = block;
    if (text === undefined && fields === undefined) this.fail(at, "missing required field: text or fields");
    if (text !== undefined) this.textObject(text, `${at}/text`, 3000);
    if (fields !== undefined) {
      this.count(fields, `${at}/fields`, 1, 10);
      list(fields).forEach((field, index) => {
        this.textObject(field, `${at}/fields/${index}`, 2000);
      });
    }
    if (accessory !== undefined) this.element(accessory, `${at}/accessory`);
  }

  #context(block: Wire, at: string): void {
    this.count(block["elements"], `${at}/elements`, 1, 10);
    list(block["elements"]).forEach((element, index) => {
      const node = asObject(element);
      if (node?.["type"] === "image") this.#image(node, `${at}/elements/${index}`);
      else this.textObject(element, `${at}/elements/${index}`, 3000);
    });
  }

  #actions(block: Wire, at: string, max: number): void {
    this.count(block["elements"], `${at}/elements`, 1, max);
    list(block["elements"]).forEach((element, index) => {
      this.element(element, `${at}/elements/${index}`);
    });
  }

  #markdown(block: Wire, at: string): void {
    if (typeof block["text"] !== "string") this.fail(at, "missing required field: text");
    else this.markdownChars += block["text"].length;
    this.chars(block["text"], `${at}/text`, MARKDOWN_CHARS);
  }

  #image(block: Wire, at: string): void {
    if (block["image_url"] === undefined && block["slack_file"] === undefined) {
      this.fail(at, "missing required field: image_url or slack_file");
    }
    if (block["alt_text"] === undefined) this.fail(at, "missing required field: alt_text");
    this.chars(block["alt_text"], `${at}/alt_text`, 2000, 0);
    this.chars(block["image_url"], `${at}/image_url`, 3000);
    if (block["title"] !== undefined) this.textObject(block["title"], `${at}/title`, 2000, true);
  }

  #input(block: Wire, at: string): void {
    this.textObject(block["label"], `${at}/label`, 2000, true);
    if (block["hint"] !== undefined) this.textObject(block["hint"], `${at}/hint`, 2000, true);
    this.element(block["element"], `${at}/element`);
  }

  #table(block: Wire, at: string): void {
    this.count(block["rows"], `${at}/rows`, 1, 100);
    list(block["rows"]).forEach((row, index) => {
      this.count(row, `${at}/rows/${index}`, 1, 20);
    });
  }

  #card(block: Wire, at: string): void {
    if (block["title"] !== undefined) this.textObject(block["title"], `${at}/title`, 150);
    if (block["subtitle"] !== undefined) this.textObject(block["subtitle"], `${at}/subtitle`, 150);
    if (block["body"] !== undefined) this.textObject(block["body"], `${at}/body`, 200);
  }

  #taskCard(block: Wire, at: string): void {
    for (const field of ["task_id", "title", "status"]) {
      if (typeof block[field] !== "string") this.fail(at, `missing required field: ${field}`);
    }
    const { status } = block;
    const known = ["pending", "in_progress", "complete", "error"];
    if (typeof status === "string" && !known.includes(status))
      this.fail(`${at}/status`, `must be one of ${known.join(", ")}`);
  }

  #plan(block: Wire, at: string): void {
    this.chars(block["title"], `${at}/title`, 3000);
    list(block["tasks"]).forEach((task, index) => {
      this.#taskCard(asObject(task) ?? {}, `${at}/tasks/${index}`);
    });
  }

  #container(block: Wire, at: string): void {
    const children = block["child_blocks"];
    if (block["title"] !== undefined) this.textObject(block["title"], `${at}/title`, 150, true);
    else if (block["rich_text_title"] === undefined) this.fail(at, "missing required field: title or rich_text_title");
    this.count(children, `${at}/child_blocks`, 1, 10);
    list(children).forEach((child, index) => {
      this.block(child, `${at}/child_blocks/${index}`);
    });
  }

  /** An interactive element: button, select, input, ... */
  element(value: unknown, at: string): void {
    const node = asObject(value);
    if (node === undefined) return this.fail(at, "must be an element");
    const type = node["type"];
    if (typeof type !== "string") return this.fail(`${at}/type`, "missing required field: type");
    this.chars(node["action_id"], `${at}/action_id`, 255);
    if (type === "button") {
      this.textObject(node["text"], `${at}/text`, 75, true);
      this.chars(node["value"], `${at}/value`, 2000, 0);
      this.chars(node["url"], `${at}/url`, 3000);
      const { style } = node;
      if (style !== undefined && style !== "primary" && style !== "danger")
        this.fail(`${at}/style`, "must be primary or danger");
    }
    if (node["options"] !== undefined) {
      this.count(node["options"], `${at}/options`, 1, type === "checkboxes" || type === "radio_buttons" ? 10 : 100);
      list(node["options"]).forEach((option, index) => {
        const wire = asObject(option) ?? {};
        this.textObject(wire["text"], `${at}/options/${index}/text`, 75);
        this.chars(wire["value"], `${at}/options/${index}/value`, 150);
      });
    }
    if (node["placeholder"] !== undefined) this.textObject(node["placeholder"], `${at}/placeholder`, 150, true);
    if (type === "plain_text_input") this.chars(node["initial_value"], `${at}/initial_value`, 3000, 0);
    const confirm = asObject(node["confirm"]);
    if (confirm !== undefined) this.#confirm(confirm, `${at}/confirm`);
  }

  #confirm(confirm: Wire, at: string): void {
    this.textObject(confirm["title"], `${at}/title`, 100, true);
    this.textObject(confirm["text"], `${at}/text`, 300);
    if (confirm["confirm"] !== undefined) this.textObject(confirm["confirm"], `${at}/confirm`, 30, true);
    if (confirm["deny"] !== undefined) this.textObject(confirm["deny"], `${at}/deny`, 30, true);
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asObject(value: unknown): Wire | undefined {
  // Parsed JSON: an object that is no array is a record of strings.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Wire) : undefined;
}
