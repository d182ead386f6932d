import type { SeededRandom } from "../model/seeded-random.ts";
import type { LaneScope } from "../oracle/request-log.ts";

/** What goes wrong with a Web API call, and whether its effect takes place. */
export type CallFaultKind =
  /** 429 with Retry-After; no effect. */
  | "rate_limited"
  /** A 5xx; no effect. */
  | "status_before"
  /** Slack answers with `error`; no effect. */
  | "refused"
  /** No effect and no answer: the connection stays open. */
  | "hang_before"
  /** No effect, and the connection dies. */
  | "reset_before"
  /** The effect takes place, then the connection dies. */
  | "lost_response"
  /** The effect takes place, then a 5xx. */
  | "status_after"
  /** The effect takes place, then no answer. */
  | "hang_after"
  /** Half of the answer arrives after the effect, then the connection dies. */
  | "cut_response"
  /** 200 with an HTML page; the effect takes place unless `effect` is false. */
  | "html"
  /** The answer is late by `delayMs`; everything else is right. */
  | "slow"
  /** The connection dies at once and the effect takes place `delayMs` later. */
  | "late_effect";

export interface CallFault {
  kind: CallFaultKind;
  /** A method, several, or every one when absent. */
  method?: string | string[];
  channel?: string;
  team?: string;
  /** Default 1. */
  probability?: number;
  /** How many matching calls pass before it starts. Default 0. */
  skip?: number;
  /** How often it strikes. Default: for ever. */
  times?: number;
  /** Default 1. Whole seconds, as in the header. */
  retryAfterSeconds?: number;
  /** Which calls the 429 is about. Default: the channel for chat.postMessage, else the method. */
  scope?: LaneScope;
  /** For refused. Default `fatal_error`. */
  error?: string;
  /** Default 503. */
  status?: number;
  /** For slow and late_effect. Default 100. */
  delayMs?: number;
  /** For html. Default true. */
  effect?: boolean;
}

interface ActiveFault {
  readonly id: number;
  readonly fault: CallFault;
  seen: number;
  struck: number;
}

/** The faults that are set; the first that matches a call and wins its draw strikes. */
export class CallFaults {
  readonly #random: SeededRandom;
  readonly #active: ActiveFault[] = [];
  #ids = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Returns an id for `remove`. */
  add(fault: CallFault): number {
    this.#ids += 1;
    this.#active.push({ id: this.#ids, fault, seen: 0, struck: 0 });
    return this.#ids;
  }

  remove(id: number): void {
    const at = this.#active.findIndex((one) => one.id === id);
    if (at >= 0) this.#active.splice(at, 1);
  }

  clear(): void {
    this.#active.length = 0;
  }

  /** How often a fault has struck. */
  struck(id: number): number {
    return this.#active.find((one) => one.id === id)?.struck ?? 0;
  }

  pick(call: { method: string; channel: string | undefined; team: string | undefined }): CallFault | undefined {
    for (const active of this.#active) {
      const { fault } = active;
      if (!matches(fault, call)) continue;
      active.seen += 1;
      if (active.seen <= (fault.skip ?? 0) || active.struck >= (fault.times ?? Number.POSITIVE_INFINITY)) continue;
      if (!this.#random.chance(fault.probability ?? 1)) continue;
      active.struck += 1;
      return fault;
    }
    return undefined;
  }
}

function matches(
  fault: CallFault,
  call: { method: string; channel: string | undefined; team: string | undefined },
): boolean {
  const { method } = fault;
  if (method !== undefined && method !== call.method && !(Array.isArray(method) && method.includes(call.method)))
    return false;
  return (
    (fault.channel === undefined || fault.channel === call.channel) &&
    (fault.team === undefined || fault.team === call.team)
  );
}
