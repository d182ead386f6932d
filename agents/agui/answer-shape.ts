import { z } from "zod";
import type { ActionTaken } from "../../src/contracts/connector.ts";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";

type FormField = Extract<ReplyPartInput, { type: "input_request" }>["fields"][number];

const MAX_FIELDS = 20;
const MAX_OPTIONS = 100;

const FieldShape = z.strictObject({
  /** Id of the field as it is shown; names of the agent's own may be of any form. */
  id: z.string(),
  name: z.string(),
  label: z.string(),
  type: z.enum(["string", "number", "integer", "boolean", "choice"]),
  options: z.array(z.string()).optional(),
  required: z.boolean(),
});
type FieldShape = z.infer<typeof FieldShape>;

/**
 * What an agent takes for an answer: `approved` {"approved": …}, `confirmed` {"confirmed": …}, `yes_no` a boolean, `decisions` those of LangChain's
 * human-in-the-loop, `text` what was typed, `json` a value typed as JSON, `value` one field, `object` several.
 */
export const AnswerShape = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["approved", "confirmed", "yes_no", "text", "json"]) }),
  z.strictObject({ kind: z.literal("decisions"), count: z.number().int().min(1) }),
  z.strictObject({ kind: z.enum(["value", "object"]), fields: z.array(FieldShape) }),
]);
export type AnswerShape = z.infer<typeof AnswerShape>;

/** Whether people are asked to allow or deny, and not to fill in a form. */
export function isApproval({ kind }: AnswerShape): boolean {
  return kind === "approved" || kind === "confirmed" || kind === "yes_no" || kind === "decisions";
}

/** What a JSON Schema asks for; a schema that no form of plain fields can hold is asked for as JSON. Pure. */
export function shapeOfSchema(schema: unknown, fallback: AnswerShape): AnswerShape {
  if (!isRecord(schema)) return fallback;
  const { properties } = schema;
  if (schema["type"] === "boolean") return { kind: "yes_no" };
  if (isRecord(properties)) {
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const decides = isRecord(properties["approved"]) && properties["approved"]["type"] === "boolean";
    if (decides && required.every((name) => name === "approved")) return { kind: "approved" };
    const entries = Object.entries(properties).slice(0, MAX_FIELDS);
    const fields = entries.map(([name, property], index) => toField(name, property, index, required.includes(name)));
    const known = fields.filter((field) => field !== undefined);
    const isLossy = fields.some((field, index) => field === undefined && required.includes(entries[index]?.[0]));
    if (known.length > 0 && !isLossy) return { kind: "object", fields: known };
    return { kind: "json" };
  }
  const field = toField("answer", schema, 0, true);
  if (field === undefined) return Object.keys(schema).length === 0 ? fallback : { kind: "json" };
  return field.type === "string" ? { kind: "text" } : { kind: "value", fields: [field] };
}

function toField(name: string, property: unknown, index: number, required: boolean): FieldShape | undefined {
  if (!isRecord(property)) return undefined;
  const { type, title, description } = property;
  const label = [title, description, name].find(
    (text): text is string => typeof text === "string" && text.trim() !== "",
  );
  const base = { id: `f${index}`, name, label: (label ?? "Answer").slice(0, 150), required };
  const options = property["enum"];
  if (Array.isArray(options) && options.length > 0 && options.every((option) => typeof option === "string"))
    return { ...base, type: "choice", options: options.slice(0, MAX_OPTIONS) };
  if (type === "string" || type === "number" || type === "integer" || type === "boolean") return { ...base, type };
  return undefined;
}

/** The fields of the form in which people answer. Pure. */
export function fieldsOf(shape: AnswerShape): FormField[] {
  if (!("fields" in shape)) return [{ id: "answer", label: "Answer", kind: "paragraph", required: true }];
  return shape.fields.map(({ id, label, type, options, required }) => ({
    id,
    label,
    required,
    kind: type === "choice" ? "choice" : type === "string" ? "text" : type === "integer" ? "number" : type,
    ...(options === undefined
      ? {}
      : { options: options.map((option, index) => ({ id: `o${index}`, label: option.slice(0, 75) || "(empty)" })) }),
  }));
}

export type Answer = { readonly payload: unknown } | { readonly problem: string };

/** What a person's choice or words are for the agent; says what is wrong with an answer that does not fit. Pure. */
export function toAnswer(shape: AnswerShape, action: Pick<ActionTaken, "value" | "fields">): Answer {
  const isAllowed = action.value === ALLOW;
  switch (shape.kind) {
    case "approved":
    case "confirmed":
      return { payload: { [shape.kind]: isAllowed } };
    case "yes_no":
      return { payload: isAllowed };
    case "decisions": {
      const type = isAllowed ? "approve" : "reject";
      return { payload: { decisions: Array.from({ length: shape.count }, () => ({ type })) } };
    }
    case "text":
      return { payload: action.fields["answer"] ?? action.value ?? "" };
    case "json":
      return parseAnswer(action.fields["answer"] ?? "");
    case "value":
    case "object":
      return toValues(shape.kind, shape.fields, action.fields);
  }
}

/** Ids of the two choices of an approval. Anything but the first is a refusal. */
export const ALLOW = "approve";
export const DENY = "deny";

function parseAnswer(text: string): Answer {
  try {
    return { payload: JSON.parse(text) };
  } catch {
    return { problem: "The answer must be JSON." };
  }
}

function toValues(
  kind: "value" | "object",
  shapes: readonly FieldShape[],
  given: Readonly<Record<string, string>>,
): Answer {
  const values: [string, unknown][] = [];
  for (const shape of shapes) {
    const text = given[shape.id];
    if (text === undefined || text === "") {
      if (shape.required) return { problem: `${shape.label} is missing.` };
      continue;
    }
    const value = toValue(shape, text);
    if (value === undefined)
      return {
        problem: `${shape.label} must be ${shape.type === "choice" ? "one of its options" : `a ${shape.type}`}.`,
      };
    values.push([shape.name, value]);
  }
  return { payload: kind === "value" ? values[0]?.[1] : Object.fromEntries(values) };
}

function toValue({ type, options }: FieldShape, text: string): string | number | boolean | undefined {
  if (type === "string") return text;
  if (type === "boolean") return /^(?:true|yes|on|1)$/i.test(text.trim());
  if (type === "choice")
    return options?.[Number(/^o(\d+)$/.exec(text)?.[1] ?? Number.NaN)] ?? options?.find((option) => option === text);
  const value = Number(text.trim());
  if (!Number.isFinite(value) || text.trim() === "") return undefined;
  return type === "integer" && !Number.isInteger(value) ? undefined : value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
