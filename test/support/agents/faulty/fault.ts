import type { AgentDefinitionInput } from "../../../../src/contracts/agent-definition.ts";

/** The rows F16 to F20 of the fault table, and in how many ways an agent shows each. */
export const FAULT_ROWS = {
  F16: ["hang", "drip"],
  F17: ["crash_midway"],
  F18: ["bad_json", "bad_schema", "odd_characters", "many_parts", "nesting", "endless"],
  F19: ["twice", "late", "other_turn"],
  F20: ["poison"],
} as const;

export type FaultRow = keyof typeof FAULT_ROWS;
export type Fault = (typeof FAULT_ROWS)[FaultRow][number];

/** What people see under a question in the end. A notice is of a failure, and has its dead letter. */
export type Seen = { readonly notice: RegExp } | { readonly answer: RegExp };

const IN_TIME: Seen = { notice: /^\S+ did not answer in time\.$/u };
const CRASHED: Seen = { notice: /^\S+ stopped with an error\.$/u };
const INVALID: Seen = { notice: /^\S+ answered with something that is not a valid reply\.$/u };
const TOO_LARGE: Seen = { notice: /^\S+ answered with more than a conversation can take\.$/u };
const ONCE: Seen = { answer: /^once$/u };

/** What is seen unless a connector has a better way out. */
export const SEEN: Readonly<Record<Fault, Seen>> = {
  hang: IN_TIME,
  drip: IN_TIME,
  crash_midway: CRASHED,
  bad_json: INVALID,
  bad_schema: INVALID,
  // Nothing of NUL or half a pair leaves Parley; the rest of the answer is as good as ever.
  odd_characters: { answer: /^a[^\u0000]b[^\u0000]c$/u },
  many_parts: TOO_LARGE,
  nesting: INVALID,
  endless: TOO_LARGE,
  twice: ONCE,
  late: IN_TIME,
  other_turn: ONCE,
  poison: CRASHED,
};

export const ODD = "a\u0000b\ud800c";
export const HALF = "Half of ";
export const FINE = "fine, thanks";
/** What is said too late, a second time, or of another turn: nobody may read it. */
export const NEVER = "what nobody may read";
export const GIB = 1_073_741_824;
/** Long enough that people see the beginning of an answer before it breaks off, in ms. */
export const SEEN_MS = 1_500;
export const DRIP_MS = 300;

/** An agent that answers every question by its one fault, until it has recovered. */
export interface FaultyAgent {
  readonly connector: AgentDefinitionInput["connector"];
  /** Called when Parley runs, for agents that dial in. */
  join?(parley: { readonly url: string; readonly token: string }): Promise<void>;
  /** From now on it answers FINE. */
  recover(): void | Promise<void>;
  /** How often it was given a question. */
  asked(): number;
  /** Turns or connections that are open at it now. */
  open(): number;
  stop(): Promise<unknown>;
}

export interface FaultyKind {
  /** What an agent of this kind cannot do at all, each with the reason. */
  readonly impossible: Readonly<Partial<Record<Fault, string>>>;
  /** Where people see something else than SEEN says, with the reason. */
  readonly sees: Readonly<Partial<Record<Fault, Seen & { readonly because: string }>>>;
  /** Rules that the audit log has after a fault. Default: none is looked for. */
  readonly audited?: Readonly<Partial<Record<Fault, string>>>;
  /** Limits of its agents, in ms; a process has to be started first. */
  readonly turnTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** `tooLate` resolves once the turn is over. */
  start(fault: Fault, options: { readonly handle: string; readonly tooLate: Promise<void> }): Promise<FaultyAgent>;
}
