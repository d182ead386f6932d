import type { SeededRandom } from "../../slack/model/seeded-random.ts";
import type { LimitScope } from "../oracle/request-log.ts";

/** What goes wrong with a REST call, and whether its effect takes place. */
export type CallFaultKind =
  /** 429 with retry_after, of the given scope; no effect. */
  | "rate_limited"
  /** A 5xx (or `status`); no effect. */
  | "status_before"
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
  | "late_effect"
  /** The JSON error of `code` with `status`; no effect. */
  | "refusal";

export interface CallFault {
  kind: CallFaultKind;
  /** `POST /channels/:channel/messages`, several of the kind, or every one when absent. */
  route?: string | string[];
  /** The channel or thread that it is about; of webhooks where they write. */
  channel?: string;
  guild?: string;
  applicationId?: string;
  /** Default 1. */
  probability?: number;
  /** How many matching calls pass before it starts. Default 0. */
  skip?: number;
  /** How often it strikes. Default: for ever. */
  times?: number;
  /** Default 1 000. */
  retryAfterMs?: number;
  /** Default user: the bucket of the call. */
  scope?: LimitScope;
  /** Default 503. */
  status?: number;
  /** For refusal. */
  code?: number;
  /** For slow and late_effect. Default 100. */
  delayMs?: number;
  /** For html. Default true. */
  effect?: boolean;
}

/** What a fault may be bound to. */
export interface StruckCall {
  readonly route: string;
  readonly channel: string | undefined;
  readonly guild: string | undefined;
  readonly applicationId: string | undefined;
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

  pick(call: StruckCall): CallFault | undefined {
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

function matches(fault: CallFault, call: StruckCall): boolean {
  const { route } = fault;
  if (route !== undefined && route !== call.route && !(Array.isArray(route) && route.includes(call.route)))
    return false;
  return (
    (fault.channel === undefined || fault.channel === call.channel) &&
    (fault.guild === undefined || fault.guild === call.guild) &&
    (fault.applicationId === undefined || fault.applicationId === call.applicationId)
  );
}
