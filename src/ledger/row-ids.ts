import { hash, randomFillSync } from "node:crypto";

const POOL_BYTES = 4096;
const RANDOM_BYTES = 10;

/** Guarantees ids that sort by creation time (to the millisecond) and hold 80 random bits; for rows, never for secrets. */
export type NewId = (prefix: string) => string;

/** Creates an id source with a random pool of its own, so that ids cost no system call each. */
export function createIdSource(): NewId {
  const pool = Buffer.alloc(POOL_BYTES);
  let offset = POOL_BYTES;
  return (prefix) => {
    if (offset + RANDOM_BYTES > POOL_BYTES) {
      randomFillSync(pool);
      offset = 0;
    }
    const random = pool.toString("hex", offset, offset + RANDOM_BYTES);
    offset += RANDOM_BYTES;
    return `${prefix}_${Date.now().toString(36).padStart(9, "0")}${random}`;
  };
}

/** Guarantees the same conversation id for the same ordering key on every process, without asking the ledger. */
export function conversationIdOf(orderingKey: string): string {
  return `c_${hash("sha256", orderingKey).slice(0, 24)}`;
}
