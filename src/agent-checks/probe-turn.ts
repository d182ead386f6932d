import { randomUUID } from "node:crypto";
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
  run(probe: AgentProbe): Promise<Verdict>;
}

/** An agent under check, by whatever connector reaches it. */
export interface AgentProbe {
  readonly connector: AgentConnector;
  /** Longest time of one turn, in ms. */
  readonly timeoutMs: number;
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
  { connector, timeoutMs }: AgentProbe,
  request: TurnRequest,
  controller = new AbortController(),
): Promise<{ readonly outcome: Outcome; readonly tookMs: number }> {
  const startedAtMs = performance.now();
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(timeoutMs)]);
  const outcome = await collect(connector.invoke(request, sampleIo(signal)));
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

/** A word that no agent knows. */
export function secretWord(): string {
  return `parley-${randomUUID().slice(0, 8)}`;
}
