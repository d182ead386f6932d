import { setImmediate } from "node:timers/promises";

/** Collects what comes while the previous flush is under way and flushes it as one; nothing ever waits for a fixed time. */
export interface Batcher<In, Out> {
  /** Resolves with the item's own result once its batch is committed. */
  add(item: In): Promise<Out>;
  /** Resolves when everything added so far is settled. */
  settle(): Promise<void>;
  readonly waiting: number;
}

export interface BatcherOptions<In, Out> {
  /** Handles a batch and returns one result per item, in order. */
  readonly flush: (items: readonly In[]) => Promise<readonly Out[]>;
  readonly maxItems: number;
  /** Most flushes under way at once, for items that do not depend on each other: one waits for the disk while the next is made. Default 1. */
  readonly lanes?: number;
  /** Items of one key are never in two flushes at once, and flushed in order of arrival. Default: no item depends on another. */
  readonly key?: (item: In) => string;
  /** Whether a failed batch is tried again item by item, so that one bad item does not take the others with it. */
  readonly isolate: (error: unknown) => boolean;
}

interface Entry<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** A further flush is begun only for this many items, so that little work stays in few batches. */
const MIN_LANE_ITEMS = 4;

/** Guarantees that each item is flushed once, in order of arrival with one lane, or alone once more after a failure that `isolate` accepts. */
export function createBatcher<In, Out>(options: BatcherOptions<In, Out>): Batcher<In, Out> {
  let queue: Entry<In, Out>[] = [];
  const lanes = options.lanes ?? 1;
  const running = new Set<Promise<void>>();
  /** Keys of the items that are being flushed, each in one flush. */
  const held = new Set<string>();

  /** Takes what may be flushed now out of the queue: what shares a key with a flush under way stays, and keeps its place. */
  function take(): Entry<In, Out>[] {
    const batch: Entry<In, Out>[] = [];
    const left: Entry<In, Out>[] = [];
    for (const entry of queue) {
      const key = options.key?.(entry.item);
      (batch.length < options.maxItems && (key === undefined || !held.has(key)) ? batch : left).push(entry);
    }
    queue = left;
    return batch;
  }

  /** Whether this many items wait for nothing but a flush. */
  function hasFree(count: number): boolean {
    const { key } = options;
    if (queue.length < count || key === undefined || held.size === 0) return queue.length >= count;
    let free = 0;
    return queue.some((entry) => !held.has(key(entry.item)) && ++free === count);
  }

  async function run(): Promise<void> {
    // One turn of the event loop gathers what came with the same look at the sockets.
    await setImmediate();
    for (let batch = take(); batch.length > 0; batch = take()) {
      const keys = options.key === undefined ? [] : batch.map((entry) => options.key?.(entry.item) ?? "");
      for (const key of keys) held.add(key);
      await flushBatch(batch);
      for (const key of keys) held.delete(key);
    }
  }

  function begin(): void {
    if (running.size >= lanes || (running.size > 0 && !hasFree(MIN_LANE_ITEMS))) return;
    const lane: Promise<void> = run().finally(() => {
      running.delete(lane);
      // Something may have come between the last look at the queue and the end of the lane.
      if (hasFree(1)) begin();
    });
    running.add(lane);
  }

  async function flushBatch(batch: readonly Entry<In, Out>[]): Promise<void> {
    try {
      const results = await options.flush(batch.map((entry) => entry.item));
      for (const [index, entry] of batch.entries()) entry.resolve(results[index] as Out); // flush returns one result per item
    } catch (error) {
      if (batch.length > 1 && options.isolate(error)) {
        for (const entry of batch) await flushBatch([entry]);
        return;
      }
      for (const entry of batch) entry.reject(error);
    }
  }

  return {
    add(item) {
      return new Promise<Out>((resolve, reject) => {
        queue.push({ item, resolve, reject });
        begin();
      });
    },
    async settle() {
      while (running.size > 0) await Promise.all(running);
    },
    get waiting() {
      return queue.length;
    },
  };
}
