import type { FileAddresses } from "../access/file-addresses.ts";
import type { MemberFacts } from "../access/member-facts.ts";
import type { PolicyBook } from "../access/policy-book.ts";
import type { TextDigest } from "../access/text-digest.ts";
import type { ChatAdapter } from "../contracts/adapter.ts";
import type { AdapterSink, InstallationStore } from "../contracts/adapter-sink.ts";
import type { AdapterStateStore } from "../contracts/adapter-state.ts";
import type { Logger } from "../contracts/logger.ts";
import type { Metrics } from "../contracts/metrics.ts";
import type { AgentSessionStore } from "../ledger/agent-sessions.ts";
import type { Database } from "../ledger/connection/database.ts";
import type { NewId } from "../ledger/row-ids.ts";
import type { SecretBox } from "../ledger/secret-box.ts";
import type { Doorbell } from "../queue/queue-port.ts";
import type { Connectors } from "./connectors.ts";
import type { Directory } from "./directory.ts";
import type { Invitations } from "./operations/invitation-operations.ts";
import type { LoopLimits } from "./route/loop-guard.ts";
import type { ToolDesk } from "./tools/tool-desk.ts";
import type { ToolTokens } from "./tools/tool-tokens.ts";

export interface PipelineOptions {
  readonly database: Database;
  readonly doorbell: Doorbell;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly invitations: Invitations;
  readonly digest: TextDigest;
  readonly facts: MemberFacts;
  readonly connectors: Connectors;
  readonly installations: InstallationStore;
  readonly adapterState: (owner: string) => AdapterStateStore;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sessions: AgentSessionStore;
  readonly replyUrl: (turnId: string) => string;
  /** Signed addresses of files, and where they lead; default: agents get no addresses and no bytes. */
  readonly files: { readonly addresses: FileAddresses; readonly baseUrl: () => string };
  readonly roles: { readonly ingest: boolean; readonly worker: boolean; readonly delivery: boolean };
  /** What tokens of tools prove themselves by, where tools are reached from outside, and what keeps a forwarded call secret. */
  readonly tools: { readonly tokens: ToolTokens; readonly baseUrl: () => string; readonly box: SecretBox };
  readonly loopLimits: LoopLimits;
  readonly answerAgeMs: number;
  readonly maxConcurrentTurns: number;
  readonly defaultAgent: (organizationId: string) => string | undefined;
  /** Time between two looks for work that no bell stands for, in ms. */
  readonly reconcileEveryMs: number;
  /** How long after a lost connection a write may still take effect, in ms. */
  readonly lateEffectMs: number;
}

export interface Pipeline {
  readonly sink: AdapterSink;
  /** The tools of running turns, for those who reach them from outside. */
  readonly tools: ToolDesk;
  readonly wake: () => void;
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
  start(): Promise<void>;
  /** Stops taking work, lets turns end for `graceMs`, and hands the rest to whoever comes next. */
  stop(graceMs: number): Promise<void>;
}
