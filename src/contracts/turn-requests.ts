import type { ReplyPartInput } from "../envelope/reply.ts";

/** A question to people: whether the agent may do something, or what it needs to know. */
export type RequestPart = Extract<ReplyPartInput, { type: "approval_request" | "input_request" }>;

/** What became of a question. A decision is made once and by one person, who was allowed to when they made it. */
export type RequestOutcome =
  | {
      readonly state: "decided";
      /** The option that was chosen; absent of an input request. */
      readonly optionId?: string;
      /** What that option does; `neutral` neither allows nor denies. */
      readonly effect?: "allow" | "deny" | "neutral";
      /** Answers by field id; empty of an approval. */
      readonly fields: Readonly<Record<string, string>>;
      readonly by: { readonly id: string; readonly name: string };
    }
  | { readonly state: "expired" }
  | { readonly state: "cancelled"; readonly reason: string };

/**
 * Asks people during a turn and waits for them; the question outlives the process.
 *
 * It is bound to exactly the action and arguments it shows: the same turn asking the same again, also in a later attempt, gets the
 * question that stands or the decision that was made, and anything else is a new question.
 */
export interface TurnRequests {
  /**
   * Shows the question in the turn's conversation, once, and resolves when it is decided, expired or called off.
   *
   * `binding` is what the decision is about beside what is shown: name and arguments of the action, as JSON. The turn's clock stands still
   * meanwhile. `addresseeId` is the one person whose decision counts; default: anybody here who may decide. Default expiry: 24 hours. Errors: TURN_CANCELLED when `signal` aborts, REQUEST_INVALID for a part that cannot be shown.
   */
  ask(
    part: RequestPart,
    options: { readonly binding: unknown; readonly addresseeId?: string; readonly signal: AbortSignal },
  ): Promise<RequestOutcome>;
}
