import type { JsonValue } from "../../src/contracts/json.ts";
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { formCustomId } from "./actions.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";

type InputRequest = Extract<ReplyPart, { type: "input_request" }>;

/** Discord's limits for modals. https://docs.discord.com/developers/components/reference */
const MAX_FIELDS = 5;
const MAX_LABEL_CHARS = 45;
const MAX_DESCRIPTION_CHARS = 100;
const MAX_OPTIONS = 25;
const MAX_FIELD_ID_CHARS = 90;
const COMPONENT = { textInput: 4, select: 3, label: 18 } as const;
const TEXT_STYLE = { short: 1, paragraph: 2 } as const;

/** A form as it waits for the press of its button: a button of Discord holds an id and no data. */
export interface StoredForm {
  readonly [key: string]: JsonValue;
  readonly inputId: string;
  readonly fields: readonly JsonValue[];
}

/** Undefined when the form does not fit into Discord's modals; then the person answers in words. */
export function storedForm(part: InputRequest): StoredForm | undefined {
  const fits =
    formCustomId(part.inputId) !== undefined &&
    part.fields.length <= MAX_FIELDS &&
    part.fields.every((field) => field.id.length <= MAX_FIELD_ID_CHARS && (field.options ?? []).length <= MAX_OPTIONS);
  if (!fits) return undefined;
  const fields = part.fields.map((field) => ({
    id: field.id,
    label: field.label,
    kind: field.kind,
    required: field.required,
    options: (field.options ?? []).map(({ id, label }) => ({ id, label })),
  }));
  return { inputId: part.inputId, fields };
}

/** The modal of a stored form; undefined when it is none of ours. */
export function formModal(stored: unknown): { readonly [key: string]: JsonValue } | undefined {
  const form = asRecord(stored);
  const inputId = asString(form?.["inputId"]);
  const customId = inputId === undefined ? undefined : formCustomId(inputId);
  const components = asList(form?.["fields"]).flatMap((field) => fieldComponent(asRecord(field)) ?? []);
  if (customId === undefined || components.length === 0 || components.length > MAX_FIELDS) return undefined;
  return { custom_id: customId, title: "Your answer", components };
}

function fieldComponent(field: Raw | undefined): JsonValue | undefined {
  const id = asString(field?.["id"]);
  const label = asString(field?.["label"]);
  if (field === undefined || id === undefined || label === undefined) return undefined;
  const required = field["required"] === true;
  return {
    type: COMPONENT.label,
    label: label.slice(0, MAX_LABEL_CHARS),
    ...(label.length > MAX_LABEL_CHARS
      ? { description: label.slice(MAX_LABEL_CHARS, MAX_LABEL_CHARS + MAX_DESCRIPTION_CHARS) }
      : {}),
    component: inputOf(id, asString(field["kind"]) ?? "text", choicesOf(field), required),
  };
}

function inputOf(id: string, kind: string, choices: readonly JsonValue[], required: boolean): JsonValue {
  const customId = `field:${id}`;
  const select = (options: readonly JsonValue[]): JsonValue => ({
    type: COMPONENT.select,
    custom_id: customId,
    options,
    required,
    min_values: required ? 1 : 0,
    max_values: 1,
  });
  if (kind === "boolean")
    return select([
      { label: "Yes", value: "true" },
      { label: "No", value: "false" },
    ]);
  if (kind === "choice" && choices.length > 0) return select(choices);
  return {
    type: COMPONENT.textInput,
    custom_id: customId,
    style: kind === "paragraph" ? TEXT_STYLE.paragraph : TEXT_STYLE.short,
    required,
    max_length: 4_000,
    ...(kind === "number" ? { placeholder: "A number" } : {}),
  };
}

function choicesOf(field: Raw): JsonValue[] {
  return asList(field["options"]).flatMap((item) => {
    const option = asRecord(item);
    const id = asString(option?.["id"]);
    const label = asString(option?.["label"]);
    return id === undefined || label === undefined ? [] : [{ label: label.slice(0, 100), value: id }];
  });
}

/** What a person filled in, by field; what was left empty reads as the empty text. */
export function readFields(components: unknown, depth = 0): Record<string, string> {
  const fields: Record<string, string> = {};
  if (depth > 4) return fields;
  for (const item of asList(components)) {
    const component = asRecord(item);
    if (component === undefined) continue;
    const customId = asString(component["custom_id"]);
    if (customId?.startsWith("field:")) {
      const name = customId.slice("field:".length);
      if (name !== "" && name !== "__proto__") fields[name] = answerOf(component).slice(0, 10_000);
    }
    Object.assign(fields, readFields(component["components"], depth + 1));
    const inner = asRecord(component["component"]);
    if (inner !== undefined) Object.assign(fields, readFields([inner], depth + 1));
  }
  return fields;
}

function answerOf(component: Raw): string {
  if (Array.isArray(component["values"]))
    return component["values"].filter((value) => typeof value === "string").join(", ");
  return typeof component["value"] === "string" ? component["value"] : "";
}
