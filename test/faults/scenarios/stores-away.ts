import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Outcome, Scenario, StoreKind } from "../scenario.ts";
import type { RunServers } from "../servers.ts";
import type { Stage } from "../stage.ts";

const PER_SECOND = 15;
const SETTLE_MS = 45_000;

interface Outage {
  readonly name: string;
  readonly stores: readonly StoreKind[];
  readonly reduced: readonly StoreKind[];
  cause(servers: RunServers): Promise<void>;
}

const QUEUE: readonly StoreKind[] = ["postgres-redis"];
const SERVER: readonly StoreKind[] = ["postgres", "postgres-redis"];

const OUTAGES: readonly Outage[] = [
  { name: "redis-flushall", stores: QUEUE, reduced: QUEUE, cause: flush },
  {
    name: "redis-restart",
    stores: QUEUE,
    reduced: [],
    cause: async ({ redis }) => {
      await redis?.restart();
    },
  },
  {
    name: "redis-kill",
    stores: QUEUE,
    reduced: QUEUE,
    cause: async ({ redis }) => {
      await redis?.kill9();
      await delay(2_000);
      await redis?.restart();
    },
  },
  {
    name: "postgres-restart",
    stores: SERVER,
    reduced: ["postgres-redis"],
    cause: async ({ postgres }) => {
      await postgres?.restart("fast");
    },
  },
  {
    name: "postgres-restart-immediate",
    stores: SERVER,
    reduced: ["postgres"],
    cause: async ({ postgres }) => {
      await postgres?.restart("immediate");
    },
  },
];

/** A store goes away under load, twice; what was accepted before, meanwhile and after is answered once and in order. */
async function run(stage: Stage, outage: Outage): Promise<Outcome> {
  const scene = await stage.open();
  await scene.start({ roles: ["ingest"] });
  await scene.start({ roles: ["worker", "delivery"] });
  const asker = scene.ask("away", PER_SECOND);
  for (let time = 0; time < 2; time += 1) {
    await delay(1_500);
    await outage.cause(stage.servers);
    stage.say(`it went away and came back (${time + 1} of 2)`);
  }
  await delay(1_500);
  await asker.stop();
  await scene.settle("away", SETTLE_MS);
  return await scene.judge();
}

async function flush(servers: RunServers): Promise<void> {
  const client = new Redis(servers.redis?.port ?? 0, "127.0.0.1", { maxRetriesPerRequest: 1 });
  try {
    await client.flushall();
  } finally {
    client.disconnect();
  }
}

export const storesAway: readonly Scenario[] = OUTAGES.map((outage) => ({
  name: outage.name,
  stores: outage.stores,
  reduced: outage.reduced,
  ownServers: true,
  run: (stage) => run(stage, outage),
}));
