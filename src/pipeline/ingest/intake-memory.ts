import type { IngestOutcome } from "../../contracts/adapter-sink.ts";

/** Enough for minutes at full rate; what is forgotten is recognised by the ledger. */
const MAX_KEYS = 20_000;

/** Remembers which events this process has committed or is committing, so that a second copy of one costs no statement. */
export interface IntakeMemory {
  /** Resolves as the first copy of this event does; `store` is called for the first one alone. */
  once(key: string, store: () => Promise<IngestOutcome>): Promise<IngestOutcome>;
}

/**
 * Creates an empty memory of the newest 20,000 events. What could not be stored is forgotten at once and tried again.
 *
 * It only holds for what this very process has rung for: after a restart a known event goes to the ledger and rings again.
 */
export function createIntakeMemory(): IntakeMemory {
  let newer = new Map<string, Promise<IngestOutcome>>();
  let older = new Map<string, Promise<IngestOutcome>>();

  return {
    async once(key, store) {
      const known = newer.get(key) ?? older.get(key);
      if (known !== undefined) return { ...(await known), duplicate: true };
      if (newer.size >= MAX_KEYS / 2) {
        older = newer;
        newer = new Map();
      }
      const generation = newer;
      const first = store();
      generation.set(key, first);
      try {
        return await first;
      } catch (error) {
        generation.delete(key);
        throw error;
      }
    },
  };
}
