import type { ReplyPart } from "../envelope/reply.ts";
import type { InstallationHealth } from "./adapter.ts";
import type { AgentDefinition, AgentDefinitionInput } from "./agent-definition.ts";
import type { AgentUsage } from "./agent-usage.ts";
import type { ConnectorCheck, TurnRequest } from "./connector.ts";
import type { AgentPresence } from "./dial-in.ts";
import type { JsonValue } from "./json.ts";

/** What operators and agent authors can ask of a running Parley; the API and the guide agent speak to it and to nothing below. */
export interface Operations {
  readonly agents: AgentOperations;
  readonly deadLetters: DeadLetterOperations;
  readonly switches: SwitchOperations;
  /** The whole path of one message; `reference` is an event id, a turn id, a platform's message id or permalink. Undefined when nothing matches. */
  explain(organizationId: string, reference: string): Promise<Explanation | undefined>;
  /** Posts a text as an agent into a conversation through the outbox, like any reply. */
  send(request: SendRequest): Promise<{ readonly deliveryIds: readonly string[] }>;
  /**
   * What an agent would be given for a turn today, under today's rights, and what it answered then; runs and posts nothing. Throws
   * NOT_FOUND, PERMISSION_DENIED with the rule that is in the way.
   */
  turnAgain(organizationId: string, turnId: string, how: { readonly by: string }): Promise<RecordedTurn>;
  /** Stops the running and queued turns of a conversation; returns how many. */
  stop(request: {
    organizationId: string;
    conversationId: string;
    requestedBy: string;
  }): Promise<{ readonly stoppedTurns: number }>;
  /** Stores the single-use deferred reply of a turn. The token is the one of the reply address. Throws UNAUTHENTICATED, CONFLICT (used), REQUEST_INVALID. */
  acceptDeferredReply(token: string, reply: unknown): Promise<{ readonly turnId: string }>;
  /** The state as one organization may know it; without one, that of the whole deployment. */
  status(organizationId?: string): Promise<SystemStatus>;
}

/** A turn that was: of whom, how it ended, what it is about, and the parts of its reply if it had one. */
export interface RecordedTurn {
  readonly handle: string;
  readonly state: string;
  readonly request: TurnRequest;
  readonly reply?: readonly ReplyPart[];
}

export interface AgentOperations {
  list(organizationId: string): Promise<readonly AgentView[]>;
  /** Validates, stores and activates; throws CONFLICT when the handle is taken, CONFIG_INVALID with every fault. The secret is shown here once. */
  add(
    organizationId: string,
    definition: AgentDefinitionInput,
  ): Promise<{ readonly agent: AgentView; readonly secret?: string }>;
  remove(organizationId: string, handle: string): Promise<void>;
  /** It takes no new turns until it is resumed; what runs goes on. Throws NOT_FOUND, CONFLICT when it is stopped. */
  pause(organizationId: string, handle: string): Promise<AgentView>;
  check(organizationId: string, handle: string): Promise<ConnectorCheck>;
  /** What one agent used, or what each of them did. Throws NOT_FOUND. */
  usage(organizationId: string, handle?: string): Promise<readonly AgentUsage[]>;
  /**
   * A new token for an agent that dials in, shown here once; the one before is refused from now on, and whoever is connected with it is
   * disconnected. For an agent behind a webhook a new signing secret, beside which those before sign until they are revoked. Throws NOT_FOUND,
   * CONFLICT for an agent that has neither, that the configuration declares, or that has five secrets.
   */
  rotateToken(
    organizationId: string,
    handle: string,
    by: { readonly by: string },
  ): Promise<{ readonly agent: AgentView; readonly secret: string }>;
  /** Lets an agent's token be good for nothing any more, or all of its signing secrets but the newest. Throws NOT_FOUND, also when it has none. */
  revokeToken(organizationId: string, handle: string, by: { readonly by: string }): Promise<void>;
}

/** The kill switches. What is stopped runs nothing and sends nothing from the commit on, in every process. */
export interface SwitchOperations {
  /** Stops one agent: its turns are ended and what it has not sent is never sent. Throws NOT_FOUND. */
  stopAgent(
    organizationId: string,
    handle: string,
    switched: { readonly reason: string; readonly by: string },
  ): Promise<StopReport & { readonly agent: AgentView }>;
  /** Lets a stopped or paused agent work again; what it was asked meanwhile is not answered. Throws NOT_FOUND. */
  resumeAgent(organizationId: string, handle: string, switched: { readonly by: string }): Promise<AgentView>;
  /** Stops all agents of an organization. What is said meanwhile is kept. */
  stopOrganization(
    organizationId: string,
    switched: { readonly reason: string; readonly by: string },
  ): Promise<StopReport & OrganizationView>;
  /** Lets an organization work again; what was said meanwhile is answered where it is younger than the answer age. */
  resumeOrganization(organizationId: string, switched: { readonly by: string }): Promise<OrganizationView>;
  organization(organizationId: string): Promise<OrganizationView>;
}

export interface StopReport {
  /** Turns that ran, queued or waited, and were ended. */
  readonly stoppedTurns: number;
  /** Writes that no platform had seen, and none will. */
  readonly cancelledDeliveries: number;
}

export interface OrganizationView {
  readonly organizationId: string;
  readonly status: "active" | "stopped";
  /** Why it was stopped. */
  readonly reason?: string;
}

/** An agent without its secrets. */
export interface AgentView {
  readonly agentId: string;
  readonly handle: string;
  readonly name: string;
  readonly description: string;
  readonly avatarUrl?: string;
  readonly color: string;
  readonly connectorKind: string;
  readonly source: "config" | "api" | "builtin";
  readonly status: "active" | "paused" | "stopped";
  /** Why Parley itself paused it. */
  readonly statusReason?: string;
  /** ISO 8601: since when it is paused or stopped. */
  readonly statusSince?: string;
  /** ISO 8601: since when no call has reached it; absent while it can be reached. */
  readonly failingSince?: string;
  readonly turnMode: AgentDefinition["turnMode"];
  readonly channels: readonly string[];
  /** Who answers for it, as its definition says. */
  readonly owner?: string;
  /** The review room of an agent in shadow, `platform:channel`. */
  readonly shadow?: string;
  /** Whether it is there, of an agent that dials in. */
  readonly connection?: AgentPresence;
}

export interface DeadLetterOperations {
  list(
    organizationId: string,
    options?: { state?: "open" | "replayed" | "discarded"; limit?: number; code?: string },
  ): Promise<readonly DeadLetterView[]>;
  show(organizationId: string, id: string): Promise<DeadLetterView & { readonly raw?: string }>;
  /** What a replay would do today, and the rule that would stop it; changes nothing. */
  weigh(organizationId: string, id: string): Promise<ReplayVerdict>;
  /** Runs the work again under the same identity and keys and under today's rights; throws CONFLICT when it is not open, PERMISSION_DENIED with the rule. */
  replay(organizationId: string, id: string, how: { readonly by: string }): Promise<DeadLetterView>;
  discard(organizationId: string, id: string): Promise<DeadLetterView>;
}

export interface DeadLetterView {
  readonly id: string;
  readonly stage: "ingest" | "route" | "invoke" | "deliver";
  readonly code: string;
  readonly reason: string;
  readonly state: "open" | "replayed" | "discarded";
  readonly eventId?: string;
  readonly turnId?: string;
  readonly deliveryId?: string;
  readonly conversationId?: string;
  readonly createdAt: string;
}

export interface ReplayVerdict {
  readonly id: string;
  readonly allowed: boolean;
  /** The rule that allows it (`replayed_under_todays_rights`) or stops it, such as `agent_stopped`, `message_deleted` or `asker_left`. */
  readonly rule: string;
  /** What it would do, in words. */
  readonly does: string;
  /** Handle of the agent that would speak. */
  readonly agent?: string;
  /** Where it would speak. */
  readonly conversationId?: string;
}

/** Every step that was taken for a message, oldest first, each with the rule that decided it. */
export interface Explanation {
  readonly eventId: string;
  readonly kind: string;
  readonly platform: string;
  readonly state: string;
  readonly stateReason?: string;
  readonly traceId: string;
  /** Access decisions and audited steps among them. */
  readonly steps: readonly ExplanationStep[];
  /** The records of the audit log that tell of it; `seal` is null while a record waits for one. */
  readonly auditRecords: readonly {
    readonly id: number;
    readonly at: string;
    readonly seal: number | null;
    /** Kinds of its entries about this message. */
    readonly what: readonly string[];
  }[];
}

export interface ExplanationStep {
  readonly at: string;
  /** Of the pipeline, or `access`: a decision about rights apart from routing. */
  readonly verb: "ingest" | "route" | "access" | "assemble" | "invoke" | "render" | "deliver";
  readonly agent?: string;
  readonly outcome: string;
  readonly rule: string;
  readonly detail?: { readonly [key: string]: JsonValue };
}

export interface SendRequest {
  readonly organizationId: string;
  readonly agent: string;
  /** A conversation id of the ledger, or `platform:channel` with the channel's name or id, such as `web:general`. */
  readonly to: string;
  readonly text: string;
  readonly idempotencyKey?: string;
  /** Who asks for it. Default: an operator. */
  readonly by?: string;
}

export interface SystemStatus {
  readonly ledger: {
    readonly ok: boolean;
    readonly backend: string;
    readonly latencyMs: number;
    readonly detail?: string;
  };
  readonly queue: {
    readonly ok: boolean;
    readonly backend: string;
    readonly waiting: number;
    readonly latencyMs: number;
    readonly detail?: string;
  };
  readonly platforms: readonly (InstallationHealth & { readonly platform: string })[];
  readonly work: {
    readonly pendingEvents: number;
    readonly runningTurns: number;
    readonly queuedTurns: number;
    readonly pendingDeliveries: number;
    readonly unknownDeliveries: number;
    readonly openDeadLetters: number;
    /** Age of the oldest event without a terminal state, in ms. */
    readonly oldestOpenMs: number;
  };
  readonly rooms: readonly RoomStatus[];
}

export interface RoomStatus {
  readonly conversationId: string;
  readonly platform: string;
  readonly name: string;
  readonly people: number;
  readonly agents: readonly string[];
  /** Where they are known, a reader can tell rooms that anybody of the organization may hear of from those that only members may. */
  readonly organizationId?: string;
  readonly kind?: "public" | "private" | "direct" | "group_direct";
}
