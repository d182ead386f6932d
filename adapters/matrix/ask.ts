import { createHash } from "node:crypto";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";

/** Where an own message says what it asks for; in its content, so that every process can read it, also after a restart. */
export const ASK_KEY = "chat.parley.ask";

export interface AskOption {
  readonly id: string;
  readonly label: string;
  /** The reaction that stands for it. */
  readonly sign: string;
  readonly effect: "allow" | "deny" | "neutral";
}

export interface AskField {
  readonly id: string;
  readonly label: string;
  readonly kind: string;
  readonly options: readonly { readonly id: string; readonly label: string }[];
}

/** What a message asks people for: a decision by reaction or command, or values in a reply. */
export type Ask =
  | { readonly kind: "approval"; readonly id: string; readonly options: readonly AskOption[] }
  | { readonly kind: "input"; readonly id: string; readonly fields: readonly AskField[] };

type Approval = Extract<ReplyPart, { type: "approval_request" }>;
type InputRequest = Extract<ReplyPart, { type: "input_request" }>;

const NUMBERS = ["1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟"] as const;

/** The first option that allows is ✅, the first that denies ❌, the others are numbered by their place. */
export function approvalAsk(part: Approval): Extract<Ask, { kind: "approval" }> {
  const first = (effect: string): number => part.options.findIndex((option) => option.effect === effect);
  const allow = first("allow");
  const deny = first("deny");
  return {
    kind: "approval",
    id: part.approvalId,
    options: part.options.map(({ id, label, effect }, index) => ({
      id,
      label,
      effect,
      sign: index === allow ? "✅" : index === deny ? "❌" : (NUMBERS[index] ?? String(index + 1)),
    })),
  };
}

export function inputAsk(part: InputRequest): Extract<Ask, { kind: "input" }> {
  return {
    kind: "input",
    id: part.inputId,
    fields: part.fields.map(({ id, label, kind, options }) => ({
      id,
      label,
      kind,
      options: (options ?? []).map((option) => ({ id: option.id, label: option.label })),
    })),
  };
}

export function askToJson(ask: Ask): JsonValue {
  return JSON.parse(JSON.stringify(ask)) as JsonValue; // plain data of this file
}

/** Reads what an own message asks for; undefined when it asks for nothing. Whose message it is, is for the caller to check. */
export function readAsk(content: Raw | undefined): Ask | undefined {
  const raw = asRecord(content?.[ASK_KEY]);
  const id = asString(raw?.["id"])?.slice(0, 128);
  if (raw === undefined || id === undefined) return undefined;
  if (raw["kind"] === "approval")
    return { kind: "approval", id, options: asList(raw["options"]).slice(0, 10).flatMap(readOption) };
  if (raw["kind"] === "input")
    return { kind: "input", id, fields: asList(raw["fields"]).slice(0, 20).flatMap(readField) };
  return undefined;
}

function readOption(value: unknown): AskOption[] {
  const raw = asRecord(value);
  const id = asString(raw?.["id"]);
  const sign = asString(raw?.["sign"]);
  const effect = raw?.["effect"];
  if (id === undefined || sign === undefined) return [];
  return [
    {
      id,
      sign,
      label: asString(raw?.["label"]) ?? id,
      effect: effect === "allow" || effect === "deny" ? effect : "neutral",
    },
  ];
}

function readField(value: unknown): AskField[] {
  const raw = asRecord(value);
  const id = asString(raw?.["id"]);
  if (id === undefined) return [];
  const options = asList(raw?.["options"]).flatMap((option) => {
    const optionId = asString(asRecord(option)?.["id"]);
    return optionId === undefined ? [] : [{ id: optionId, label: asString(asRecord(option)?.["label"]) ?? optionId }];
  });
  return [{ id, label: asString(raw?.["label"]) ?? id, kind: asString(raw?.["kind"]) ?? "text", options }];
}

/** A word short enough to type, by which a command names a request; equal for equal requests. */
export function askCode(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 6);
}

/** The option a reaction stands for. Clients add and leave out the sign that asks for the coloured form. */
export function optionOfReaction(ask: Ask, key: string): AskOption | undefined {
  if (ask.kind !== "approval") return undefined;
  const plain = (sign: string): string => sign.replaceAll("\ufe0f", "");
  return ask.options.find((option) => plain(option.sign) === plain(key));
}

/**
 * The option that words name: `approve`, `deny`, a number, an option's id or label. Undefined when they name none.
 */
export function optionOfWords(ask: Ask, words: string): AskOption | undefined {
  if (ask.kind !== "approval") return undefined;
  const wanted = words.trim().toLowerCase();
  if (wanted === "approve" || wanted === "allow" || wanted === "yes")
    return ask.options.find((option) => option.effect === "allow");
  if (wanted === "deny" || wanted === "reject" || wanted === "no")
    return ask.options.find((option) => option.effect === "deny");
  const place = /^\d{1,2}$/u.test(wanted) ? ask.options[Number(wanted) - 1] : undefined;
  return (
    place ?? ask.options.find((option) => option.id.toLowerCase() === wanted || option.label.toLowerCase() === wanted)
  );
}

/**
 * Values that a person wrote as `label: value` lines, by field id; with a single field the whole text is its value.
 *
 * Undefined when no line names a field: then the words are no answer to the form.
 */
export function fieldsOfWords(ask: Ask, words: string): Record<string, string> | undefined {
  if (ask.kind !== "input") return undefined;
  const found = new Map<string, string>();
  let open: AskField | undefined;
  for (const line of words.split("\n")) {
    const [, name = "", rest = ""] = /^\s*(?:[-*•]\s*)?([^:：]{1,160})[:：](.*)$/u.exec(line) ?? [];
    const field = fieldNamed(ask.fields, name);
    if (field !== undefined) {
      open = field;
      found.set(field.id, rest.trim());
    } else if (open?.kind === "paragraph") found.set(open.id, `${found.get(open.id) ?? ""}\n${line}`);
  }
  const [only] = ask.fields;
  if (found.size === 0 && only !== undefined && ask.fields.length === 1 && words.trim() !== "")
    found.set(only.id, words.trim());
  if (found.size === 0) return undefined;
  const fields = ask.fields.flatMap((field) => {
    const value = found.get(field.id);
    return value === undefined ? [] : [[field.id, valueOf(field, value.trim()).slice(0, 10_000)] as const];
  });
  return Object.fromEntries(fields);
}

function fieldNamed(fields: readonly AskField[], name: string): AskField | undefined {
  const wanted = name.replace(/[*_`]/gu, "").trim().toLowerCase();
  return wanted === ""
    ? undefined
    : fields.find((field) => field.id.toLowerCase() === wanted || field.label.toLowerCase() === wanted);
}

function valueOf(field: AskField, value: string): string {
  if (field.kind === "boolean") return String(/^(?:y|yes|true|on|1|✅|ja|oui|sí|si)$/iu.test(value));
  const chosen = field.options.find(
    (option) => option.id.toLowerCase() === value.toLowerCase() || option.label.toLowerCase() === value.toLowerCase(),
  );
  return chosen?.id ?? value;
}
