import type { QueueDatabase } from "../../../src/queue/queue-database.ts";

/** Stands where a queue has a Redis and so must not use the database. */
export const NO_DATABASE: QueueDatabase = {
  backend: "postgres",
  get pool(): never {
    throw new Error("a queue on Redis must not touch the database");
  },
};
