import { createHash } from "node:crypto";
import type { PermissionOption, RequestPermissionRequest, RequestPermissionResponse } from "@agentclientprotocol/sdk";
import type { RequestOutcome, RequestPart } from "../../src/contracts/turn-requests.ts";
import { changeText, clip, oneLine, titleLine, valueText, withoutSecrets } from "./tool-text.ts";

const CANCELLED: RequestPermissionResponse = { outcome: { outcome: "cancelled" } };
const MAX_SUBJECT_CHARS = 6_000;
const MAX_OPTIONS = 9;

type Direction = "allow" | "deny";

interface Choice {
  readonly id: string;
  readonly label: string;
  readonly effect: Direction;
  /** Absent of the choice that Parley adds when the agent offers no way to say no: then the request is called off. */
  readonly optionId?: string;
}

/** A request for permission as a question to people, and the way back from their decision. */
export interface PermissionQuestion {
  readonly part: RequestPart;
  /** What the decision is about: the call with its exact raw input; its id is left out, since a repeated call has another. */
  readonly binding: unknown;
  toResponse(outcome: RequestOutcome): { readonly response: RequestPermissionResponse; readonly isDenied: boolean };
}

/**
 * Guarantees that a decision never changes its direction on the way: an option that allows stands for a decision to allow alone, one that
 * rejects for a decision to deny alone, and a kind that the agent does not offer is replaced by none of the other direction.
 *
 * `occurrence` counts equal requests of one attempt from 1: a decision counts once, and the same question of a later attempt is the same again.
 */
export function toPermissionQuestion(request: RequestPermissionRequest, occurrence: number): PermissionQuestion {
  const choices = toChoices(request.options);
  const binding = { ...actionOf(request), options: choices.map(({ label, effect }) => [label, effect]), occurrence };
  const title = titleLine(request.toolCall.title ?? request.toolCall.kind ?? "an action") || "an action";
  const { subject, hiddenChars } = subjectOf(request);
  const rest =
    hiddenChars === 0 ? "" : `\n\n${hiddenChars} more characters of it are not shown; a decision is about them too.`;
  return {
    binding,
    part: {
      type: "approval_request",
      approvalId: `acp-${digest(binding)}`,
      prompt: `May I do this? **${title.replace(/[*_`[\]<>]/g, "\\$&")}**${rest}`,
      ...(subject === "" ? {} : { subject }),
      options: choices.map(({ id, label, effect }) => ({ id, label, effect })),
    },
    toResponse(outcome) {
      const chosen = outcome.state === "decided" ? choices.find(({ id }) => id === outcome.optionId) : undefined;
      if (outcome.state !== "decided" || chosen === undefined || chosen.effect !== outcome.effect)
        return { response: rejection(request.options), isDenied: true };
      const isDenied = chosen.effect === "deny";
      return {
        isDenied,
        response: chosen.optionId === undefined ? CANCELLED : select(chosen.optionId),
      };
    },
  };
}

/** What identifies equal requests within one turn. */
export function actionKey(request: RequestPermissionRequest): string {
  return digest(actionOf(request));
}

/** Answers without people: the least that is of that direction, and calls the request off where the agent offers nothing of it. */
export function answerAlone(options: readonly PermissionOption[], direction: Direction): RequestPermissionResponse {
  if (direction === "deny") return rejection(options);
  const once =
    options.find((option) => option.kind === "allow_once") ?? options.find((option) => option.kind === "allow_always");
  return once === undefined ? CANCELLED : select(once.optionId);
}

/** "Never" is for people to say: without a way to reject this once the request is called off. */
function rejection(options: readonly PermissionOption[]): RequestPermissionResponse {
  const once = options.find((option) => option.kind === "reject_once");
  return once === undefined ? CANCELLED : select(once.optionId);
}

function select(optionId: string): RequestPermissionResponse {
  return { outcome: { outcome: "selected", optionId } };
}

function toChoices(options: readonly PermissionOption[]): readonly Choice[] {
  const choices = options.slice(0, MAX_OPTIONS).flatMap((option, index): Choice[] => {
    const effect = directionOf(option.kind);
    const label = oneLine(option.name, 75) || option.kind;
    return effect === undefined ? [] : [{ id: `o${index}`, label, effect, optionId: option.optionId }];
  });
  return choices.some(({ effect }) => effect === "deny")
    ? choices
    : [...choices, { id: "no", label: "No", effect: "deny" }];
}

/** Undefined for a kind of a later protocol: what it would allow is not known, so nobody is offered it. */
function directionOf(kind: string): Direction | undefined {
  if (kind === "allow_once" || kind === "allow_always") return "allow";
  return kind === "reject_once" || kind === "reject_always" ? "deny" : undefined;
}

function actionOf({ toolCall }: RequestPermissionRequest): Readonly<Record<string, unknown>> {
  const { title, name, kind, rawInput, content, locations } = toolCall;
  return { title, name, kind, rawInput, content, locations };
}

/** What it is about as people may read it, and how much of it did not fit. */
function subjectOf({ toolCall }: RequestPermissionRequest): { readonly subject: string; readonly hiddenChars: number } {
  const changes = (toolCall.content ?? []).flatMap((item) =>
    item.type === "diff" ? [changeText(item.path, item.oldText ?? undefined, item.newText)] : [],
  );
  const input = valueText(toolCall.rawInput);
  const all = [...(input === undefined || changes.length > 0 ? [] : [input]), ...changes];
  const shown = withoutSecrets(all.join("\n\n"));
  if (shown === "") return { subject: "", hiddenChars: 0 };
  const subject = fenced(clip(shown, MAX_SUBJECT_CHARS), changes.length > 0 ? "diff" : "json");
  return { subject, hiddenChars: Math.max(0, shown.length - MAX_SUBJECT_CHARS) };
}

/** A fence longer than any within, so that what is asked about cannot end it and pose as words of Parley. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** Keys in order, so that equal JSON has one digest however the agent wrote it. */
function digest(value: unknown): string {
  const ordered = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
  return createHash("sha256").update(ordered).digest("hex").slice(0, 40);
}
