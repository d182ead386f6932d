import type { Logger } from "../../contracts/logger.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { ringQueuedAtRest } from "../../ledger/queued-turns.ts";

/** Sees to it that a turn that this process queued starts when what it waited for ends, even where both were committed at once. */
export interface QueueWatch {
  /** These turns were queued just now. */
  queued(turns: readonly { readonly id: string; readonly conv: string }[]): void;
  /** Something ended, or was sent, in these conversations just now. */
  moved(conversationIds: Iterable<string>): void;
  /** Resolves when nothing is being looked up. */
  settle(): Promise<void>;
}

/** What is beyond it is left to the reconciler, which finds it within seconds. */
const MAX_WATCHED = 10_000;

export function createQueueWatch(options: {
  readonly database: Database;
  readonly logger: Logger;
  readonly wake: () => void;
}): QueueWatch {
  const turnsOf = new Map<string, Set<string>>();
  let asked = new Set<string>();
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    while (asked.size > 0) {
      const conversations = [...asked];
      asked = new Set();
      const ids = conversations.flatMap((id) => [...(turnsOf.get(id) ?? [])]);
      if (ids.length === 0) continue;
      const found = await ringQueuedAtRest(options.database, ids);
      const waiting = new Set(found.filter((turn) => turn.waits).map((turn) => turn.id));
      for (const conversation of conversations) forget(conversation, ids, waiting);
      if (found.length > waiting.size) options.wake();
    }
  }

  function forget(conversation: string, ids: readonly string[], waiting: ReadonlySet<string>): void {
    const turns = turnsOf.get(conversation);
    for (const id of ids) if (!waiting.has(id)) turns?.delete(id);
    if (turns?.size === 0) turnsOf.delete(conversation);
  }

  function ask(conversationIds: Iterable<string>): void {
    for (const id of conversationIds) if (turnsOf.has(id)) asked.add(id);
    if (asked.size === 0) return;
    looking ??= look()
      .catch((error: unknown) => options.logger.warn({ err: error }, "queued turns could not be looked up"))
      .finally(() => {
        looking = undefined;
        if (asked.size > 0) ask([]);
      });
  }

  return {
    queued(turns) {
      for (const { id, conv } of turns) {
        const known = turnsOf.get(conv);
        if (known !== undefined) known.add(id);
        else if (turnsOf.size < MAX_WATCHED) turnsOf.set(conv, new Set([id]));
      }
      ask(turns.map((turn) => turn.conv));
    },
    moved(conversationIds) {
      ask(conversationIds);
    },
    async settle() {
      while (looking !== undefined) await looking;
    },
  };
}
