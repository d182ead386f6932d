import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { beat, leave, putOnTrial, takeOrphans } from "../../../src/ledger/upkeep.ts";
import { BACKENDS, openForTest } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const TURNS = ["poison", "innocent", "fresh"] as const;

describe.each(BACKENDS)("turns whose worker ended, on %s", (backend) => {
  let database: Database;
  let workers = 0;

  beforeEach(async () => {
    database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
    await database.query({ text: "delete from workers" });
    for (const id of TURNS) {
      await database.query(
        {
          text: `insert into conversations (id, organization_id, installation_id, platform, channel_id, path) values ($1, 'o', 'i', 'slack', $1, '{}')`,
        },
        [`c_${id}`],
      );
      await database.query(
        {
          text: `insert into turns (id, organization_id, agent_id, conversation_id, reply_conversation_id, event_id, reason, state, root_event_id)
            values ($1, 'o', 'a', 'c_' || $1, 'c_' || $1, 'e_' || $1, 'mention', 'queued', 'e_' || $1)`,
        },
        [id],
      );
    }
  });

  /** A new worker takes these turns to work, one of them on trial, and ends; what the next makes of it. */
  const worker = async (
    turns: readonly string[],
    how: { readonly trial?: string; readonly inGoodOrder?: boolean } = {},
  ) => {
    workers += 1;
    const owner = `w${workers}`;
    await beat(database, { id: owner, roles: "worker" });
    const rows = await database.query<{ id: string; epoch: number }>(
      {
        text: "update turns set state = 'running', owner = $1, epoch = epoch + 1 where id = any($2) and state = 'queued' returning id, epoch",
      },
      [owner, turns],
    );
    expect(rows).toHaveLength(turns.length);
    for (const { id, epoch } of rows) if (id === how.trial) await putOnTrial(database, { id, epoch, owner });
    if (how.inGoodOrder === true) await leave(database, owner);
    else await database.query({ text: "delete from workers where id = $1" }, [owner]);
    return await takeOrphans(database, "next", { lost: [], platforms: ["slack"], othersToo: true });
  };
  const deaths = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries(
      (await database.query<{ id: string; deaths: number }>({ text: "select id, deaths from turns" })).map((row) => [
        row.id,
        row.deaths,
      ]),
    );

  test("are blamed together twice, and from then on the one on trial alone, up to its end", async () => {
    await worker(["poison", "innocent"]);
    await worker(["poison", "innocent"]);
    expect(await deaths()).toEqual({ poison: 2, innocent: 2, fresh: 0 });
    for (let time = 0; time < 2; time += 1) {
      const taken = await worker(["poison", "innocent", "fresh"], { trial: "poison" });
      expect(taken.every(({ requeued, died }) => requeued && !died)).toBe(true);
    }
    expect(await deaths()).toEqual({ poison: 4, innocent: 2, fresh: 2 });
    const taken = await worker(["poison", "innocent"], { trial: "poison" });
    expect(taken.toSorted((one, other) => (one.id < other.id ? -1 : 1))).toEqual([
      { id: "innocent", requeued: true, died: false },
      { id: "poison", requeued: false, died: true },
    ]);
    expect(await deaths()).toEqual({ poison: 5, innocent: 2, fresh: 2 });
  });

  test("are not blamed for a worker that ended in good order, nor for the trial of an attempt before", async () => {
    for (let time = 0; time < 6; time += 1) await worker(["poison"], { trial: "poison", inGoodOrder: true });
    expect(await deaths()).toEqual({ poison: 0, innocent: 0, fresh: 0 });
    await worker(["innocent"], { trial: "innocent" });
    await worker(["innocent"]);
    await worker(["innocent"]);
    expect(await deaths()).toEqual({ poison: 0, innocent: 2, fresh: 0 });
  });
});
