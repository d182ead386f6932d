import type { EnvelopeInput } from "../envelope/envelope.ts";
import type { AdapterStateStore } from "./adapter-state.ts";
import type { JsonValue } from "./json.ts";
import type { Logger } from "./logger.ts";

/** What the pipeline offers to adapters. They see no queue and no ledger. */
export interface AdapterSink {
  /**
   * Resolves once the event is committed in the ledger (or was there already); only then may the platform be acknowledged.
   *
   * Rejects with LEDGER_UNAVAILABLE when it could not be stored; then the event must not be acknowledged.
   */
  ingest(envelope: EnvelopeInput, options?: IngestOptions): Promise<IngestOutcome>;
  /** Stores an event that fits no schema, raw, as a dead letter with its reason, and counts it. Rejects like `ingest`. */
  ingestMalformed(event: MalformedEvent): Promise<void>;
  /** Counts and logs an event that is of no interest. */
  ignored(event: { platform: string; installationId: string; eventType: string; reason: string }): void;
  readonly installations: InstallationStore;
  readonly state: AdapterStateStore;
  /** Handles and names of the agents that exist now, so that `@handle` in text can be told from prose. Cheap, from memory. */
  agents(organizationId: string): readonly AgentMention[];
  /**
   * Those of them that a person can be offered where they are: to ask, as `/parley agents` lists them, or to invite, which are not there yet. By
   * the same decision as what comes of it; cheap, from memory.
   */
  agentsFor(person: PersonThere, to: "ask" | "invite"): readonly AgentMention[];
  readonly logger: Logger;
}

/** Who would do something, and where. */
export type PersonThere = Pick<EnvelopeInput, "organizationId" | "installationId" | "conversation" | "sender">;

export interface AgentMention {
  readonly agentId: string;
  readonly handle: string;
  readonly name: string;
}

export interface IngestOptions {
  /**
   * The event is kept for context and answered by nobody: it is older than the installation's first start, or was said where
   * its agents could not hear it. Default false; an event that is only late is left to the answer age.
   */
  readonly context?: boolean;
}

export type IngestOutcome = { readonly eventId: string; readonly duplicate: boolean };

export interface MalformedEvent {
  readonly platform: string;
  readonly installationId: string;
  readonly organizationId: string;
  readonly reason: string;
  readonly raw: string;
  /** Equal for redeliveries, so that one bad event is one dead letter. */
  readonly dedupeKey: string;
}

/** One connected platform tenant. Secrets are encrypted at rest and never logged. */
export interface Installation {
  readonly installationId: string;
  readonly organizationId: string;
  readonly platform: string;
  /** The platform's id of the tenant: a Slack team or enterprise id, a Discord guild id, a Matrix user id. */
  readonly externalId: string;
  readonly name: string;
  readonly status: "active" | "paused" | "removed";
  readonly settings: { readonly [key: string]: JsonValue };
  readonly secrets: Readonly<Record<string, string>>;
}

export interface InstallationStore {
  list(platform: string): Promise<readonly Installation[]>;
  /** Inserts or replaces by (platform, externalId) and returns what is stored; status becomes active. */
  save(installation: Omit<Installation, "installationId" | "status">): Promise<Installation>;
  /** Pauses, resumes or removes one installation; the reason is for operators. */
  setStatus(installationId: string, status: Installation["status"], reason: string): Promise<void>;
}
