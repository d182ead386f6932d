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
  /** Whether a failed batch is tried again item by item, so that one bad item does not take the others with it. */
  readonly isolate: (error: unknown) => boolean;
}

interface Entry<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** Guarantees that each item is flushed once in order of arrival, or alone once more after a failure that `isolate` accepts. */
export function createBatcher<In, Out>(options: BatcherOptions<In, Out>): Batcher<In, Out> {
  let queue: Entry<In, Out>[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    // One turn of the event loop gathers what came with the same look at the sockets.
    await setImmediate();
    while (queue.length > 0) {
      const batch = queue.slice(0, options.maxItems);
      queue = queue.slice(batch.length);
      await flushBatch(batch);
    }
    running = undefined;
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
        running ??= run();
      });
    },
    async settle() {
      while (running !== undefined) await running;
    },
    get waiting() {
      return queue.length;
    },
  };
}
