import type { SeededRandom } from "../../slack/model/seeded-random.ts";

/** What goes wrong with a dispatch on its way to the app. The platform itself counts it as sent in each case. */
export type FrameFaultKind =
  /** It never arrives; its number is missing. */
  | "drop"
  /** The same frame arrives twice. */
  | "duplicate"
  /** It arrives after the one that comes next, with the number that it then has. */
  | "reorder"
  /** It comes about `delayMs` later, with the number that it then has. */
  | "delay"
  /** The frame is cut in the middle of its JSON. */
  | "malformed_json"
  /** A binary frame of noise stands in its place: garbage for a decompressor. */
  | "garbage"
  /** The connection dies instead. */
  | "cut";

export interface FrameFault {
  kind: FrameFaultKind;
  /** `MESSAGE_CREATE` and the like; every one when absent. */
  event?: string | string[];
  applicationId?: string;
  /** Default 1. */
  probability?: number;
  /** How many matching dispatches pass before it starts. Default 0. */
  skip?: number;
  /** How often it strikes. Default: for ever. */
  times?: number;
  /** Default 100. */
  delayMs?: number;
}

interface ActiveFault {
  readonly id: number;
  readonly fault: FrameFault;
  seen: number;
  struck: number;
}

/** The faults of the gateway that are set; the first that matches a dispatch and wins its draw strikes. */
export class FrameFaults {
  readonly #random: SeededRandom;
  readonly #active: ActiveFault[] = [];
  #ids = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Returns an id for `remove`. */
  add(fault: FrameFault): number {
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

  pick(event: string, applicationId: string): FrameFault | undefined {
    for (const active of this.#active) {
      const { fault } = active;
      if (fault.applicationId !== undefined && fault.applicationId !== applicationId) continue;
      if (
        fault.event !== undefined &&
        fault.event !== event &&
        !(Array.isArray(fault.event) && fault.event.includes(event))
      )
        continue;
      active.seen += 1;
      if (active.seen <= (fault.skip ?? 0) || active.struck >= (fault.times ?? Number.POSITIVE_INFINITY)) continue;
      if (!this.#random.chance(fault.probability ?? 1)) continue;
      active.struck += 1;
      return fault;
    }
    return undefined;
  }
}
