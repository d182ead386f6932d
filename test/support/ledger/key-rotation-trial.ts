import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Logger } from "../../../src/contracts/logger.ts";
import { createAdapterStateStore } from "../../../src/ledger/adapter-state.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createInstallationStore } from "../../../src/ledger/installations.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";
import { until } from "../app/slack-app.ts";
import { SeededRandom } from "../slack/model/seeded-random.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const CHILD = fileURLToPath(new URL("./reseal-process.ts", import.meta.url));
const STATES = 2_000;
const INSTALLATIONS = 50;
const BEGIN_WITHIN_MS = 60_000;
const quiet = (): void => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };

export interface KeyRotationTrial {
  /** Processes that were killed with a part of the rows sealed anew and a part not. */
  readonly midwayKills: number;
  readonly rotations: number;
  /** Rows that could not be read, or said something else, at any look. */
  readonly unreadable: readonly string[];
  /** Whether a key that was rotated away opened anything after its rotation was done. */
  readonly oldKeyOpens: boolean;
}

/** Security rule R30: keys are rotated again and again by processes that are killed in the middle of it; every row is read after each kill. */
export async function runKeyRotationTrial(options: {
  readonly databaseUrl: string;
  readonly midwayKills: number;
  readonly seed: number;
}): Promise<KeyRotationTrial> {
  const database = await openDatabase({ dataFolder: "unused", databaseUrl: options.databaseUrl });
  const random = new SeededRandom(options.seed);
  let [before, now] = [randomBytes(32), randomBytes(32)];
  try {
    await migrate(database, MIGRATIONS);
    await database.query({ text: "insert into organizations (id, name) values ('a', 'a'), ('b', 'b')" });
    const old = createSecretBox(before);
    const said = new Map<string, string>();
    const ids: string[] = [];
    for (let n = 0; n < INSTALLATIONS; n += 1) {
      const { installationId } = await createInstallationStore(database, old, logger).save({
        organizationId: n % 2 === 0 ? "a" : "b",
        platform: "slack",
        externalId: `T${n}`,
        name: `T${n}`,
        settings: {},
        secrets: { botToken: `token of T${n}` },
      });
      ids.push(installationId);
      said.set(installationId, `token of T${n}`);
    }
    const stateOf = (box: ReturnType<typeof createSecretBox>) =>
      createAdapterStateStore({ database, box, owner: "trial", logger });
    for (const id of ids.slice(0, 4)) {
      const keys = Array.from({ length: STATES / 4 }, (_, index) => `k${index}`);
      await stateOf(old).write(id, new Map(keys.map((key) => [key, Buffer.from(`value of ${key}`)])));
    }
    const unreadable: string[] = [];
    const readAll = async (...keys: [Buffer, ...Buffer[]]): Promise<number> => {
      const box = createSecretBox(...keys);
      const listed = await createInstallationStore(database, box, logger).list("slack");
      const wrong = [...said].filter(
        ([id, token]) => listed.find((one) => one.installationId === id)?.secrets?.["botToken"] !== token,
      );
      unreadable.push(...wrong.map(([id]) => `installation ${id}`));
      let read = listed.length;
      for (const id of ids.slice(0, 4)) {
        const rows = await stateOf(box)
          .read(id, "")
          .catch(() => new Map<string, Uint8Array>());
        if (rows.size !== STATES / 4) unreadable.push(`${STATES / 4 - rows.size} states of ${id}`);
        for (const [key, value] of rows)
          if (Buffer.from(value).toString() !== `value of ${key}`) unreadable.push(`state ${key} of ${id}`);
        read += rows.size;
      }
      return read;
    };
    const left = async (): Promise<number> => {
      const { currentPrefix } = createSecretBox(now);
      const [row] = await database.query<{ left: number }>(
        {
          text: `select ((select count(*) from adapter_state where substring(value from 1 for 5) <> $1)
            + (select count(*) from installations where substring(decode(secrets, 'base64') from 1 for 5) <> $1))::int as left`,
        },
        [currentPrefix],
      );
      return row?.left ?? -1;
    };
    let [midwayKills, rotations, oldKeyOpens] = [0, 0, false];
    while (midwayKills < options.midwayKills) {
      const atStart = await left();
      const child = spawn(process.execPath, [
        CHILD,
        options.databaseUrl,
        now.toString("base64"),
        before.toString("base64"),
      ]);
      const ended = once(child, "exit");
      await until(async () => (await left()) < atStart || child.exitCode !== null, BEGIN_WITHIN_MS);
      // Mostly at once, at times late enough that a rotation ends and the next one begins.
      await pause(random.chance(0.7) ? random.between(0, 20) : random.between(200, 2_000));
      child.kill("SIGKILL");
      const [, signal] = await ended;
      const after = await left();
      if (signal === "SIGKILL" && after > 0) midwayKills += 1;
      await readAll(now, before);
      if (after > 0) continue;
      rotations += 1;
      await readAll(now);
      const box = createSecretBox(before);
      if ((await createInstallationStore(database, box, logger).list("slack")).length > 0) oldKeyOpens = true;
      [before, now] = [now, randomBytes(32)];
    }
    return { midwayKills, rotations, unreadable: [...new Set(unreadable)], oldKeyOpens };
  } finally {
    await database.close();
  }
}
