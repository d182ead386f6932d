import type { NarrowerSourcePolicy } from "../../contracts/access.ts";
import type { ReplyPart } from "../../envelope/reply.ts";

const PREFIX = "parley.withheld:";

/** What somebody chose on the notice of a withheld answer. */
export type WithheldChoice = "show" | "release" | "discard";

const CHOICES: ReadonlySet<string> = new Set<WithheldChoice>(["show", "release", "discard"]);

/** The turn and the choice that a click stands for; undefined for a click on anything else. Pure. */
export function readWithheldChoice(body: {
  readonly actionId: string;
  readonly value?: string | undefined;
}): { readonly turnId: string; readonly choice: WithheldChoice } | undefined {
  if (!body.actionId.startsWith(PREFIX) || !CHOICES.has(body.value ?? "")) return undefined;
  return { turnId: body.actionId.slice(PREFIX.length), choice: body.value as WithheldChoice }; // one of CHOICES
}

/** Whether a click belongs to Parley and to no agent, whatever it chose. Pure. */
export function isWithheldAction(actionId: string): boolean {
  return actionId.startsWith(PREFIX);
}

/** What the conversation reads instead of the answer; never which conversation it was based on. Pure. */
export function withheldNotice(
  notice: { readonly handle: string; readonly turnId: string },
  policy: NarrowerSourcePolicy,
  canShow: boolean,
): ReplyPart {
  const because = "not everyone here may read what it is based on";
  switch (policy) {
    case "withhold":
      return text(`@${notice.handle}'s answer was withheld: ${because}.`);
    case "asker":
      return text(`@${notice.handle}'s answer goes to the person who asked alone: ${because}.`);
    case "approve":
      return {
        type: "approval_request",
        approvalId: `${PREFIX}${notice.turnId}`,
        prompt: `@${notice.handle}'s answer was withheld: ${because}. Somebody here who may read all of it can release it.`,
        options: [
          ...(canShow ? [{ id: "show", label: "Show me", effect: "neutral" as const }] : []),
          { id: "release", label: "Release", effect: "allow" },
          { id: "discard", label: "Discard", effect: "deny" },
        ],
      };
  }
}

/** What the notice becomes once it was decided. Pure. */
export function decidedNotice(
  handle: string,
  decision: "released" | "discarded" | "expired" | "unshown" | "deleted",
  who: string,
): ReplyPart {
  const answer = `@${handle}'s answer`;
  switch (decision) {
    case "released":
      return text(`${answer} was released by ${who}.`);
    case "discarded":
      return text(`${answer} was withheld, and discarded by ${who}.`);
    case "deleted":
      return text(`${answer} was withheld, and what it was based on was deleted.`);
    case "unshown":
      return text(`${answer} was withheld: it could not be shown to the person who asked alone.`);
    case "expired":
      return text(`${answer} was withheld, and nobody released it in time.`);
  }
}

/** What somebody reads who may not decide. */
export const NOT_YOURS_TO_DECIDE: ReplyPart = text(
  "Only somebody here who may read everything that this answer is based on can decide about it.",
);

function text(markdown: string): ReplyPart {
  return { type: "text", markdown };
}
