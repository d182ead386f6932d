import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { AgentConnector, ConnectorEvent, TurnRequest } from "../contracts/connector.ts";
import { explainError } from "./mending.ts";
import { type SampleTurnOptions, sampleIo, sampleTurn } from "./sample-turn.ts";
import { collect, findEndFault, type Outcome } from "./turn-outcome.ts";

/** `advice` breaks nothing and is worth mending; `skipped` could not be found out, and `mend` says how it could be. */
export type Verdict =
  | { readonly state: "ok"; readonly detail: string }
  | { readonly state: "failed" | "advice" | "skipped"; readonly detail: string; readonly mend: string };

export interface AgentCheck {
  /** The obligation of src/contracts/connector.ts. */
  readonly id: string;
  readonly title: string;
  /** Whether it can be found out of this agent at all; see `notCheckable`. Default: of every one. */
  applies?(probe: AgentProbe): boolean;
  run(probe: AgentProbe): Promise<Verdict>;
}

/** Another connection to the agent, or another process of it, that ends with the check it is for. */
export interface FreshAgent {
  readonly connector: AgentConnector;
  /** Kills its process; absent where it has none that was started for it. */
  readonly crash?: () => void;
  /** Whether its process had to be killed because it did not end when asked to. */
  readonly wasForced?: () => boolean;
  close(): Promise<void>;
}

/** An agent under check, by whatever connector reaches it. */
export interface AgentProbe {
  readonly connector: AgentConnector;
  /** Longest time of one turn, in ms. */
  readonly timeoutMs: number;
  readonly open?: () => Promise<FreshAgent>;
  /** What `open` gives can be killed. */
  readonly crashes?: boolean;
  /** What its process has written so far; absent for one that was not started for the check. */
  readonly output?: () => readonly string[];
  /** What may stand in no log: its token or secret. */
  readonly secrets?: readonly string[];
  /** Tells words of the check's own messages. */
  readonly words?: RegExp;
  /** Takes errors and log lines of its turns. */
  readonly hear?: (line: string) => void;
  /** What was heard so far. */
  readonly said?: () => readonly string[];
}

/** Asks the agent something, in a conversation of its own unless the options say otherwise. */
export async function ask(
  probe: AgentProbe,
  options: Omit<SampleTurnOptions, "timeoutMs">,
  controller?: AbortController,
): Promise<{ readonly outcome: Outcome; readonly tookMs: number }> {
  return runTurn(probe, sampleTurn({ ...options, timeoutMs: probe.timeoutMs }), controller);
}

export async function runTurn(
  { connector, timeoutMs, hear }: AgentProbe,
  request: TurnRequest,
  controller = new AbortController(),
): Promise<{ readonly outcome: Outcome; readonly tookMs: number }> {
  const startedAtMs = performance.now();
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(timeoutMs)]);
  const outcome = await collect(connector.invoke(request, sampleIo(signal, hear)));
  if (outcome.error !== undefined) hear?.(inspect(outcome.error));
  return { outcome, tookMs: performance.now() - startedAtMs };
}

/** Why a turn that should have gone well did not; `when` says what was special about it. */
export function faultOf(outcome: Outcome, when?: string): Extract<Verdict, { mend: string }> | undefined {
  const told = (detail: string) => (when === undefined ? detail : `${when}: ${detail}`);
  if (outcome.error !== undefined) {
    const { detail, mend } = explainError(outcome.error);
    return { state: "failed", detail: told(detail), mend };
  }
  const fault = findEndFault(outcome.events);
  if (fault === undefined) return undefined;
  return { state: "failed", detail: told(fault), mend: "End every reply with one done, and say nothing after it." };
}

/** As `faultOf`; a reply that says nothing and is not put off is one, too. */
export function silenceOf(outcome: Outcome, when?: string): Verdict | undefined {
  const fault = faultOf(outcome, when);
  if (fault !== undefined) return fault;
  if (outcome.events.at(-1)?.type === "deferred" || outcome.events.some(saysSomething)) return undefined;
  return {
    state: "failed",
    detail: when === undefined ? "the reply is empty" : `${when}: the reply is empty`,
    mend: "Answer with at least one part; a text of one sentence is enough.",
  };
}

function saysSomething(event: ConnectorEvent): boolean {
  return event.type === "text_delta"
    ? event.markdown.trim() !== ""
    : event.type === "part" && event.part.type !== "status";
}

/** Tells the words that `secretWord` makes. */
export const SECRET_WORD = /parley-[0-9a-f]{8}\b/u;

/** A word that no agent knows. */
export function secretWord(): string {
  return `parley-${randomUUID().slice(0, 8)}`;
}
