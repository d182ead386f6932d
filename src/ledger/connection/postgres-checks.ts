import { ParleyError } from "../../errors/parley-error.ts";
import { MAX_CLOCK_SKEW_MS, MIN_SERVER_MAJOR } from "./connection-settings.ts";
import type { SqlRunner } from "./database.ts";

/** What the server says about itself, and when this process heard it. */
export interface ServerFacts {
  readonly versionNumber: number;
  readonly version: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly encoding: string;
  readonly inRecovery: boolean;
  readonly serverTimeMs: number;
  /** This process's clock halfway between question and answer. */
  readonly processTimeMs: number;
}

const FACTS = `
  SELECT current_setting('server_version_num')::int AS "versionNumber",
         current_setting('server_version') AS "version",
         current_setting('fsync') AS "fsync",
         current_setting('synchronous_commit') AS "synchronousCommit",
         current_setting('server_encoding') AS "encoding",
         pg_is_in_recovery() AS "inRecovery",
         (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "serverTimeMs"`;

export async function readServerFacts(db: SqlRunner): Promise<ServerFacts> {
  const asked = Date.now();
  const [facts] = await db.query<Omit<ServerFacts, "processTimeMs">>({ text: FACTS });
  if (facts === undefined) throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the server said nothing of itself" });
  return { ...facts, processTimeMs: (asked + Date.now()) / 2 };
}

/**
 * Refuses a server on which "stored" would not mean stored, or that cannot do what the ledger needs.
 *
 * @throws ParleyError LEDGER_CONFIG_REFUSED that names every fault with its cure.
 */
export function refuseUnfitServer(facts: ServerFacts): void {
  const faults: string[] = [];
  if (Math.floor(facts.versionNumber / 10_000) < MIN_SERVER_MAJOR) {
    faults.push(`it is PostgreSQL ${facts.version}: upgrade to ${MIN_SERVER_MAJOR} or newer`);
  }
  if (facts.inRecovery) faults.push("it is a read-only replica: point DATABASE_URL at the primary");
  if (facts.fsync === "off") {
    faults.push("fsync is off, so a power cut loses or corrupts what was acknowledged: set fsync = on");
  }
  if (facts.synchronousCommit === "off") {
    faults.push("synchronous_commit is off, so a crash loses what was acknowledged: set synchronous_commit = on");
  }
  if (facts.encoding !== "UTF8") {
    faults.push(`its encoding is ${facts.encoding}: create the database with ENCODING 'UTF8'`);
  }
  const skewMs = facts.serverTimeMs - facts.processTimeMs;
  if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS) {
    const direction = skewMs > 0 ? "ahead of" : "behind";
    faults.push(
      `its clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${direction} this machine's, more than 60 s: ` +
        "synchronise both by NTP",
    );
  }
  if (faults.length === 0) return;
  throw new ParleyError("LEDGER_CONFIG_REFUSED", {
    detail: `the database server cannot hold the ledger: ${faults.join("; ")}`,
  });
}
