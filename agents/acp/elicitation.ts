import { createHash } from "node:crypto";
import { z } from "zod";
import type { RequestOutcome, RequestPart } from "../../src/contracts/turn-requests.ts";
import { clip, oneLine } from "./tool-text.ts";

/** Words in a field's name or title that ask for what must never be typed into a chat. */
const SECRET_WORD =
  /pass(?:word|wd|phrase|code)|secret|token|credential|api.?key|access.?key|private.?key|\bkey\b|_key\b|\bpin\b|\botp\b|\bcvv\b|auth.?code|seed.?phrase|recovery.?(?:code|phrase)/i;

const Text = z.string();
const Titled = z.looseObject({ const: Text, title: Text });
const Property = z.looseObject({
  type: Text,
  title: Text.nullish(),
  description: Text.nullish(),
  enum: z.array(Text).nullish(),
  oneOf: z.array(Titled).nullish(),
  items: z.looseObject({ enum: z.array(Text).optional(), anyOf: z.array(Titled).optional() }).optional(),
});
type Property = z.infer<typeof Property>;

/** `elicitation/create` (protocol v1): a flat form, or an address to open. */
export const Elicitation = z.looseObject({
  mode: Text,
  message: Text,
  sessionId: Text.optional(),
  elicitationId: Text.optional(),
  url: Text.optional(),
  requestedSchema: z
    .looseObject({
      title: Text.nullish(),
      properties: z.record(Text, Property).optional(),
      required: z.array(Text).nullish(),
    })
    .optional(),
});
export type Elicitation = z.infer<typeof Elicitation>;

export type ElicitationAnswer =
  | { readonly action: "accept"; readonly content?: Readonly<Record<string, string | number | boolean | string[]>> }
  | { readonly action: "decline" }
  | { readonly action: "cancel" };

export interface ElicitationQuestion {
  readonly part: RequestPart;
  readonly binding: unknown;
  toAnswer(outcome: RequestOutcome): ElicitationAnswer;
}

/** Why an elicitation is declined without asking anybody. */
export type Refusal = "asks_for_a_secret" | "cannot_be_shown";

/** Guarantees a question that people can be asked, or why not: a form never asks for secrets, an address is of the web. */
export function toElicitationQuestion(request: Elicitation): ElicitationQuestion | Refusal {
  if (request.mode === "url") return toAddressQuestion(request);
  if (request.mode !== "form") return "cannot_be_shown";
  const properties = Object.entries(request.requestedSchema?.properties ?? {});
  if (properties.length === 0 || properties.length > 20) return "cannot_be_shown";
  if (properties.some(([name, { title }]) => SECRET_WORD.test(spaced(name)) || SECRET_WORD.test(title ?? "")))
    return "asks_for_a_secret";
  const required = new Set(request.requestedSchema?.required ?? []);
  const binding = { message: request.message, schema: request.requestedSchema };
  return {
    binding,
    part: {
      type: "input_request",
      inputId: `acp-${idOf(binding)}`,
      prompt: clip(request.message, 4_000),
      fields: properties.map(([name, property], index) => ({
        id: `f${index}`,
        label: labelOf(name, property),
        ...kindOf(property),
        required: required.has(name),
      })),
    },
    toAnswer(outcome) {
      if (outcome.state !== "decided") return { action: "cancel" };
      const content: Record<string, string | number | boolean | string[]> = {};
      for (const [index, [name, property]] of properties.entries()) {
        const written = outcome.fields[`f${index}`];
        if (written === undefined || written === "") {
          if (required.has(name)) return { action: "cancel" };
          continue;
        }
        const value = valueOf(property, written);
        // An answer of another type than the agent asked for is none.
        if (value === undefined) return { action: "cancel" };
        content[name] = value;
      }
      return { action: "accept", content };
    },
  };
}

function toAddressQuestion(request: Elicitation): ElicitationQuestion | Refusal {
  const { url = "", message } = request;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || url.length > 2_048) return "cannot_be_shown";
  const binding = { message, url };
  return {
    binding,
    part: {
      type: "input_request",
      inputId: `acp-${idOf(binding)}`,
      prompt: `${clip(message, 4_000)}\n\n${new URL(url).href}`,
      fields: [
        {
          id: "done",
          label: "Have you done it?",
          kind: "choice",
          required: true,
          options: [
            { id: "yes", label: "Yes, it is done" },
            { id: "no", label: "No" },
          ],
        },
      ],
    },
    toAnswer: (outcome) => {
      if (outcome.state !== "decided") return { action: "cancel" };
      return /^yes\b/i.test(outcome.fields["done"] ?? "") ? { action: "accept" } : { action: "decline" };
    },
  };
}

function labelOf(name: string, { title, description, type, items }: Property): string {
  const label = title ?? name;
  const choices = type === "array" ? ` (some of: ${listed(items).join(", ")})` : "";
  return oneLine(`${label}${description ? `: ${description}` : ""}${choices}`, 150) || "?";
}

type FieldKind =
  | { readonly kind: "text" | "number" | "boolean" }
  | { readonly kind: "choice"; readonly options: { readonly id: string; readonly label: string }[] };

function kindOf(property: Property): FieldKind {
  if (property.type === "boolean") return { kind: "boolean" };
  if (property.type === "number" || property.type === "integer") return { kind: "number" };
  const options = choicesOf(property);
  return options.length > 0 && options.length <= 100 && property.type === "string"
    ? {
        kind: "choice",
        options: options.map(({ title }, index) => ({ id: `c${index}`, label: oneLine(title, 75) || "?" })),
      }
    : { kind: "text" };
}

function choicesOf({ enum: values, oneOf }: Property): readonly { readonly const: string; readonly title: string }[] {
  return oneOf ?? (values ?? []).map((value) => ({ const: value, title: value }));
}

function listed(items: Property["items"]): readonly string[] {
  return items?.enum ?? items?.anyOf?.map((option) => option.const) ?? [];
}

function valueOf(property: Property, written: string): string | number | boolean | string[] | undefined {
  switch (property.type) {
    case "boolean":
      return /^(true|yes|on|1)$/i.test(written);
    case "number":
    case "integer": {
      const number = Number(written);
      const fits = Number.isFinite(number) && (property.type === "number" || Number.isInteger(number));
      return fits ? number : undefined;
    }
    case "array": {
      const chosen = written
        .split(",")
        .map((one) => one.trim())
        .filter(Boolean);
      return chosen.every((one) => listed(property.items).includes(one)) ? chosen : undefined;
    }
    default: {
      const choices = choicesOf(property);
      if (choices.length === 0 || choices.length > 100) return written;
      const byId = choices[Number(/^c(\d+)$/.exec(written)?.[1])];
      return (byId ?? choices.find(({ title }) => oneLine(title, 75) === written))?.const;
    }
  }
}

/** `apiKey` and `api_key` as words, so that they are told from `keyboard`. */
function spaced(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ");
}

function idOf(binding: unknown): string {
  return createHash("sha256").update(JSON.stringify(binding)).digest("hex").slice(0, 40);
}
