import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RealLog, writeRealLog } from "../../support/audit/real-log.ts";
import { tamper, verify } from "../../support/audit/tampering.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { BACKENDS } from "../connection/open-backends.ts";

const TRIALS = 156;

describe.each(BACKENDS)("tampering with a log that Parley wrote, on %s", (backend) => {
  let log: RealLog;
  beforeAll(async () => {
    log = await writeRealLog({
      questions: 12,
      ...(backend === "postgres" ? { databaseUrl: await createTestDatabase() } : {}),
    });
  });
  afterAll(() => log.close());

  test("nothing is found in the log as it was written", async () => {
    for (const organizationId of log.organizations) {
      expect(log.head(organizationId)).toBeDefined();
      expect(await verify(log.database, log, organizationId)).toEqual([]);
    }
  });

  test(`${TRIALS} changes by a superuser with the triggers off: each is found, and what it touched is named`, async () => {
    const trials = await tamper(log, { trials: TRIALS, seed: 4 });
    expect(trials).toHaveLength(TRIALS);
    expect(trials.filter((trial) => !trial.found || !trial.named)).toEqual([]);
    for (const organizationId of log.organizations) expect(await verify(log.database, log, organizationId)).toEqual([]);
  });
});
