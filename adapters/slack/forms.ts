import type { JsonValue } from "../../src/contracts/json.ts";
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";

type InputRequest = Extract<ReplyPart, { type: "input_request" }>;

/** Slack's limits: a button's value, a modal's private metadata. https://docs.slack.dev/reference/block-kit */
const MAX_BUTTON_VALUE_CHARS = 2_000;
const MAX_PRIVATE_METADATA_CHARS = 3_000;
const KINDS = ["text", "paragraph", "number", "boolean", "choice"] as const;

/** Where a form was asked for; travels through Slack in the modal's private metadata. */
export interface FormOrigin {
  readonly inputId: string;
  readonly channelId: string;
  readonly channelKind?: string;
  readonly threadId?: string;
  readonly messageId: string;
}

/**
 * Packs a form into the value of the button that opens it, so that any process can open it later.
 *
 * Undefined when it does not fit into Slack's 2,000 characters; then the person answers in words.
 */
export function packForm(part: InputRequest): string | undefined {
  const packed = JSON.stringify(
    part.fields.map((field) => [
      field.id,
      field.label,
      KINDS.indexOf(field.kind),
      field.required ? 1 : 0,
      (field.options ?? []).map((option) => [option.id, option.label]),
    ]),
  );
  return packed.length <= MAX_BUTTON_VALUE_CHARS ? packed : undefined;
}

/** The modal for a packed form; undefined when the value is not one of ours. */
export function formView(packed: string, origin: FormOrigin): { readonly [key: string]: JsonValue } | undefined {
  const metadata = JSON.stringify(origin);
  const fields = parseFields(packed);
  if (fields === undefined || fields.length === 0 || metadata.length > MAX_PRIVATE_METADATA_CHARS) return undefined;
  return {
    type: "modal",
    callback_id: "parley_form",
    private_metadata: metadata,
    title: plain("Your answer"),
    submit: plain("Send"),
    close: plain("Cancel"),
    blocks: fields,
  };
}

function parseFields(packed: string): JsonValue[] | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(packed);
  } catch {
    return undefined;
  }
  const blocks: JsonValue[] = [];
  for (const row of asList(rows)) {
    const [id, label, kindIndex, required, options] = asList(row);
    const kind = typeof kindIndex === "number" ? KINDS[kindIndex] : undefined;
    if (typeof id !== "string" || typeof label !== "string" || kind === undefined) return undefined;
    blocks.push({
      type: "input",
      block_id: `field:${id}`,
      label: plain(label.slice(0, 150)),
      optional: required !== 1,
      element: inputElement(kind, asList(options)),
    });
  }
  return blocks;
}

function inputElement(kind: (typeof KINDS)[number], options: readonly unknown[]): JsonValue {
  const choices = options.flatMap((option) => {
    const [id, label] = asList(option);
    return typeof id === "string" && typeof label === "string" ? [{ text: plain(label.slice(0, 75)), value: id }] : [];
  });
  if (kind === "boolean")
    return { type: "checkboxes", action_id: "value", options: [{ text: plain("Yes"), value: "true" }] };
  if (kind === "choice" && choices.length > 0) return { type: "static_select", action_id: "value", options: choices };
  if (kind === "number") return { type: "number_input", action_id: "value", is_decimal_allowed: true };
  return { type: "plain_text_input", action_id: "value", multiline: kind === "paragraph", max_length: 3_000 };
}

function plain(text: string): { type: "plain_text"; text: string } {
  return { type: "plain_text", text };
}

export function readOrigin(privateMetadata: unknown): FormOrigin | undefined {
  let raw: Raw | undefined;
  try {
    raw = asRecord(JSON.parse(asString(privateMetadata) ?? ""));
  } catch {
    return undefined;
  }
  const inputId = asString(raw?.["inputId"]);
  const channelId = asString(raw?.["channelId"]);
  const messageId = asString(raw?.["messageId"]);
  if (inputId === undefined || channelId === undefined || messageId === undefined) return undefined;
  const channelKind = asString(raw?.["channelKind"]);
  const threadId = asString(raw?.["threadId"]);
  return {
    inputId,
    channelId,
    messageId,
    ...(channelKind === undefined ? {} : { channelKind }),
    ...(threadId === undefined ? {} : { threadId }),
  };
}

/** What a person filled in, by field; an empty checkbox reads `false`. */
export function readFields(state: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [blockId, actions] of Object.entries(asRecord(asRecord(state)?.["values"]) ?? {})) {
    for (const [actionId, answer] of Object.entries(asRecord(actions) ?? {})) {
      const name = blockId.startsWith("field:") ? blockId.slice("field:".length) : actionId;
      if (name.length <= 255 && name !== "__proto__") fields[name] = answerText(asRecord(answer)).slice(0, 10_000);
    }
  }
  return fields;
}

/** The value of any interactive element as text. */
export function answerText(answer: Raw | undefined): string {
  if (answer === undefined) return "";
  if (answer["type"] === "checkboxes" || Array.isArray(answer["selected_options"])) {
    const chosen = asList(answer["selected_options"]).map((option) => asString(asRecord(option)?.["value"]) ?? "");
    return chosen.length === 0 ? "false" : chosen.join(", ");
  }
  return (
    asString(answer["value"]) ??
    asString(asRecord(answer["selected_option"])?.["value"]) ??
    asString(answer["selected_user"]) ??
    asString(answer["selected_channel"]) ??
    asString(answer["selected_conversation"]) ??
    asString(answer["selected_date"]) ??
    asString(answer["selected_time"]) ??
    ""
  );
}
