import type { JsonValue } from "./json.ts";

/** A question of an agent to people, as it is listed. */
export interface RequestView {
  readonly id: string;
  /** Handle of the agent that asks. */
  readonly agent: string;
  readonly kind: "approval" | "input";
  /** The agent's own id of it. */
  readonly actionId: string;
  readonly platform: string;
  readonly conversationId: string;
  /** Name of the channel, or its id. */
  readonly channel: string;
  readonly turnId: string;
  /** The turn that asked waits for it. */
  readonly live: boolean;
  readonly state: "open" | "decided" | "expired" | "cancelled";
  readonly stateReason?: string;
  /** What is asked; absent once it was purged. */
  readonly prompt?: string;
  readonly options?: readonly { readonly id: string; readonly label: string; readonly effect: string }[];
  readonly fields?: readonly { readonly id: string; readonly label: string; readonly required: boolean }[];
  /** Keyed digest of what a decision is bound to. */
  readonly binding: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly decision?: {
    readonly optionId?: string;
    readonly effect?: string;
    readonly by: string;
    readonly byName: string;
    readonly at: string;
  };
}

/** The whole of a question. */
export interface RequestDetails extends RequestView {
  /** As it is shown. */
  readonly part: JsonValue;
}

/** A decision that comes by the API; it has the rights of the person and no others. */
export interface RequestDecisionInput {
  /** The platform's id of the person who decides. */
  readonly personId: string;
  readonly optionId?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** The principal that it came by. */
  readonly by: string;
}

/** Questions to people, looked at and decided from outside a conversation. */
export interface RequestOperations {
  /** Newest first. */
  list(
    organizationId: string,
    options?: { readonly state?: RequestView["state"]; readonly limit?: number },
  ): Promise<readonly RequestView[]>;
  /** Throws NOT_FOUND. */
  show(organizationId: string, id: string): Promise<RequestDetails>;
  /**
   * Decides as a click would: once, and only for who may at that moment. Throws NOT_FOUND, CONFLICT when it is not open, PERMISSION_DENIED with the rule,
   * REQUEST_INVALID for what is no answer to it.
   */
  decide(organizationId: string, id: string, decision: RequestDecisionInput): Promise<RequestDetails>;
}
