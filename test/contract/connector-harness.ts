import type { AgentConnector, TurnRequest } from "../../src/contracts/connector.ts";
import type { TurnTool } from "../../src/contracts/turn-tool.ts";

/** What a test makes the agent behind a connector do with every turn that follows. */
export type Behaviour =
  /** A good answer, as the rig's `expectedAnswer` says. */
  | "answer"
  /** An answer that contains the marker of the turn it belongs to, in pieces, while other turns run. */
  | "echo"
  /** Puts the answer off. */
  | "defer"
  | "hang"
  /** Says something and falls silent. */
  | "hang_midway"
  | "crash"
  /** Says something and is gone. */
  | "crash_midway"
  /** Fails, and says why with the words of the message and its own secret. */
  | "crash_quoting"
  /** Answers with what is no reply. */
  | "nonsense"
  /** Text without end. */
  | "endless"
  /** 100 000 small parts. */
  | "flood"
  /** Cannot be reached at all. */
  | "unreachable";

export interface ReceivedTurn {
  /** Under which key the agent can tell an attempt at a turn from a new one. */
  readonly idempotencyKey: string;
  /** Everything the agent was given for this turn, as one text. */
  readonly everything: string;
}

/** One connector kind with an agent behind it that does what it is told. */
export interface ConnectorRig {
  /** A new connector to the agent; closed by the check that made it. */
  create(): AgentConnector;
  behave(behaviour: Behaviour): void | Promise<void>;
  /** Times the agent was contacted in any way, not by turns alone. */
  contacts(): number;
  turns(): readonly ReceivedTurn[];
  /** Turns, runs or connections of the agent that are open now. */
  open(): number;
  /** Bytes the agent got rid of so far. */
  sentBytes(): number;
  /** The answer of "answer" to the turn of a marker, as `summarize` gives it. */
  expectedAnswer(marker: string): readonly string[];
  readonly tools: readonly TurnTool[];
  /** A turn whose message carries the marker, and whose "echo" gives it back. */
  requestFor(marker: string): TurnRequest;
  /** Secrets of this connector, which may never be told. */
  readonly secrets: readonly string[];
  /** True where a secret of its own is what authenticates a call, and so reaches the agent's endpoint. */
  readonly secretsReachAgent: boolean;
  stop(): Promise<void>;
}

export interface ConnectorHarness {
  readonly name: string;
  /** Behaviours that an agent of this kind cannot show, each with the reason; checks that need one are left out. */
  readonly impossible: Readonly<Partial<Record<Behaviour, string>>>;
  start(): Promise<ConnectorRig>;
}
