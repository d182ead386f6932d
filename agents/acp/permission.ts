import { createHash } from "node:crypto";
import type { PermissionOption, RequestPermissionRequest, RequestPermissionResponse } from "@agentclientprotocol/sdk";
import type { RequestOutcome, RequestPart } from "../../src/contracts/turn-requests.ts";
import { describeHidden } from "../shared/redact-arguments.ts";
import { changeText, contentWords, oneLine, titleLine } from "./tool-text.ts";

const CANCELLED: RequestPermissionResponse = { outcome: { outcome: "cancelled" } };
/** Most characters that are shown of one call; nobody can agree to what they cannot see. */
const MAX_SUBJECT_CHARS = 12_000;
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

/** A request that people are not asked about: it is denied, and they are told why. */
export interface PermissionRefusal {
  readonly refusal: string;
  readonly response: RequestPermissionResponse;
}

/**
 * `offerAlways`: what the agent would remember is offered too, and passed on. `askHidden`: people are also asked where secrets are hidden from them,
 * of which they see what they are and how long.
 */
export interface PermissionRules {
  readonly offerAlways: boolean;
  readonly askHidden: boolean;
}

/**
 * Guarantees that nobody decides about what they do not see: all input, changes, words and places of the call are shown, or nobody is asked.
 *
 * Guarantees that a decision never changes its direction on the way: an option that allows stands for a decision to allow alone, one that
 * rejects for a decision to deny alone, and a kind that the agent does not offer is replaced by none of the other direction.
 *
 * `occurrence` counts equal requests of one attempt from 1: a decision counts once, and the same question of a later attempt is the same again.
 */
export function toPermissionQuestion(
  request: RequestPermissionRequest,
  occurrence: number,
  rules: PermissionRules,
): PermissionQuestion | PermissionRefusal {
  const choices = toChoices(request.options, rules);
  const binding = { ...actionOf(request), options: choices.map(({ label, effect }) => [label, effect]), occurrence };
  const title = titleLine(request.toolCall.title ?? request.toolCall.kind ?? "an action") || "an action";
  const shownTitle = title.replace(/[*_`[\]<>]/g, "\\$&");
  const refuse = (why: string): PermissionRefusal => ({
    refusal: `Denied without asking anybody: **${shownTitle}**. ${why}`,
    response: rejection(request.options),
  });
  if (!choices.some(({ effect }) => effect === "allow"))
    return refuse("It cannot be allowed just once, and nothing is allowed for ever here.");
  const { subject, shownChars, hidden } = subjectOf(request);
  const pieces = hidden === 1 ? "A piece" : `${hidden} pieces`;
  if (hidden > 0 && !rules.askHidden)
    return refuse(`${pieces} of it would be hidden as a secret, and nobody is asked here about what they do not see.`);
  if (shownChars > MAX_SUBJECT_CHARS)
    return refuse(`It has ${shownChars} characters, and ${MAX_SUBJECT_CHARS} can be shown to who decides.`);
  return {
    binding,
    part: {
      type: "approval_request",
      approvalId: `acp-${digest(binding)}`,
      prompt: `May I do this? **${shownTitle}**${hidden === 0 ? "" : ` ${pieces} of it ${hidden === 1 ? "is" : "are"} hidden from you.`}`,
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
export function answerAlone(
  options: readonly PermissionOption[],
  direction: Direction,
  { offerAlways }: Pick<PermissionRules, "offerAlways">,
): RequestPermissionResponse {
  if (direction === "deny") return rejection(options);
  const once = options.find((option) => option.kind === "allow_once");
  const always = offerAlways ? options.find((option) => option.kind === "allow_always") : undefined;
  const chosen = once ?? always;
  return chosen === undefined ? CANCELLED : select(chosen.optionId);
}

/** "Never" is for people to say: without a way to reject this once the request is called off. */
function rejection(options: readonly PermissionOption[]): RequestPermissionResponse {
  const once = options.find((option) => option.kind === "reject_once");
  return once === undefined ? CANCELLED : select(once.optionId);
}

function select(optionId: string): RequestPermissionResponse {
  return { outcome: { outcome: "selected", optionId } };
}

function toChoices(
  options: readonly PermissionOption[],
  { offerAlways }: Pick<PermissionRules, "offerAlways">,
): readonly Choice[] {
  const choices = options.slice(0, MAX_OPTIONS).flatMap((option, index): Choice[] => {
    // What an agent remembers as allowed, people here are never asked about again.
    const effect = option.kind === "allow_always" && !offerAlways ? undefined : directionOf(option.kind);
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

interface Subject {
  readonly subject: string;
  readonly shownChars: number;
  readonly hidden: number;
}

/**
 * What it is about as people may read it, how much that is, and how many pieces are hidden in it or in its title: the raw input, changes, words and
 * places, all that there are. A piece that stands in several places counts in each.
 */
function subjectOf({ toolCall }: RequestPermissionRequest): Subject {
  const { rawInput, content, locations } = toolCall;
  let hidden = describeHidden(toolCall.title ?? "").hidden;
  const described = (value: unknown): string => {
    const { shown, hidden: more } = describeHidden(value);
    hidden += more;
    return typeof shown === "string" ? shown : JSON.stringify(shown, null, 2);
  };
  const items = content ?? [];
  const changes = items.flatMap((item) =>
    item.type === "diff" ? [changeText(item.path, item.oldText ?? undefined, item.newText, Infinity)] : [],
  );
  const words = contentWords(items.filter(({ type }) => type === "content"));
  const places = (locations ?? []).map(({ path, line }) =>
    line === undefined || line === null ? path : `${path}:${line}`,
  );
  const pieces: readonly (readonly [language: string, text: string])[] = [
    // Once more as text: a name can be a secret, too.
    ["json", rawInput === undefined || rawInput === null ? "" : described(described(rawInput))],
    ["diff", described(changes.join("\n\n"))],
    ["text", described(words)],
    ["text", places.length === 0 ? "" : described(["Files and places:", ...places].join("\n"))],
  ];
  const shown = pieces.filter(([, text]) => text !== "");
  return {
    subject: shown.map(([language, text]) => fenced(text, language)).join("\n\n"),
    shownChars: shown.reduce((sum, [, text]) => sum + text.length, 0),
    hidden,
  };
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
