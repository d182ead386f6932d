import type { Doorbell } from "../queue/queue-port.ts";

/** Rings for work: in this process at once, and over the queue for the others. */
export interface Bells {
  ring(conversationIds: readonly string[]): void;
}

export interface BellsOptions {
  readonly doorbell: Doorbell;
  /** Wakes routing here; undefined in a process without the worker role. */
  readonly wakeHere: (() => void) | undefined;
  /** Where routing happens here too, the queue is the backstop and is rung at most this often, in ms. */
  readonly backstopMs: number;
}

/**
 * A process that routes hears its own bell at once; the queue's bell then only stands for the case that it cannot get to it, and one stands for all of an interval.
 *
 * A process without the worker role rings the queue for every commit. Measured in the performance notes: a bell per conversation costs half of all the CPU.
 */
export function createBells(options: BellsOptions): Bells {
  let waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function backstop(): void {
    timer = undefined;
    const ids = [...waiting];
    waiting = new Set();
    options.doorbell.ringQuietly(ids);
  }

  return {
    ring(ids) {
      if (ids.length === 0) return;
      if (options.wakeHere === undefined) return options.doorbell.ringQuietly(ids);
      options.wakeHere();
      for (const id of ids) waiting.add(id);
      timer ??= setTimeout(backstop, options.backstopMs).unref();
    },
  };
}
