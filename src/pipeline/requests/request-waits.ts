import type { Logger } from "../../contracts/logger.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { REQUEST_ENDED, readRequests, type StoredRequest } from "../../ledger/requests.ts";

/** Waits for questions to be decided, wherever that happens: by notification, and by a slow look for what a notification was lost of. */
export interface RequestWaits {
  /** Resolves with the question once it is not open any more; rejects with what `signal` was aborted with, as TURN_CANCELLED where that is no error of ours. */
  wait(id: string, signal: AbortSignal): Promise<StoredRequest>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 3_000;

interface Wait {
  readonly id: string;
  readonly end: (row: StoredRequest) => void;
}

export async function openRequestWaits(database: Database, logger: Logger): Promise<RequestWaits> {
  const waits = new Map<string, Set<Wait>>();
  let timer: NodeJS.Timeout | undefined;

  async function look(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    for (const row of await readRequests(database, ids))
      if (row.state !== "open") for (const wait of waits.get(row.id) ?? []) wait.end(row);
  }

  const quietly = (ids: readonly string[]): void =>
    void look(ids).catch((error: unknown) => logger.warn({ err: error }, "questions to people could not be looked at"));

  const lookAtAll = (): void => quietly([...waits.keys()]);
  const stop = await database.listen(
    REQUEST_ENDED,
    (id) => {
      if (waits.has(id)) quietly([id]);
    },
    lookAtAll,
  );

  function add(wait: Wait): void {
    const same = waits.get(wait.id) ?? new Set();
    waits.set(wait.id, same.add(wait));
    timer ??= setInterval(lookAtAll, LOOK_EVERY_MS).unref();
    quietly([wait.id]);
  }

  function remove(wait: Wait): void {
    const same = waits.get(wait.id);
    same?.delete(wait);
    if (same?.size === 0) waits.delete(wait.id);
    if (waits.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    async wait(id, signal) {
      const ended = Promise.withResolvers<StoredRequest>();
      const wait: Wait = { id, end: ended.resolve };
      const onAbort = (): void => ended.reject(reasonOf(signal));
      if (signal.aborted) throw reasonOf(signal);
      signal.addEventListener("abort", onAbort, { once: true });
      add(wait);
      try {
        return await ended.promise;
      } finally {
        remove(wait);
        signal.removeEventListener("abort", onAbort);
      }
    },
    async close() {
      clearInterval(timer);
      await stop();
    },
  };
}

function reasonOf(signal: AbortSignal): ParleyError {
  return signal.reason instanceof ParleyError && signal.reason.code === "TURN_CANCELLED"
    ? signal.reason
    : new ParleyError("TURN_CANCELLED", { cause: signal.reason, detail: "the turn does not wait any more" });
}
