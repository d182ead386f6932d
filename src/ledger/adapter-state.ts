import type { AdapterLease, AdapterStateStore } from "../contracts/adapter-state.ts";
import type { Logger } from "../contracts/logger.ts";
import { ParleyError } from "../errors/parley-error.ts";
import type { Database } from "./connection/database.ts";
import type { SecretBox, SecretPlace } from "./secret-box.ts";

export interface AdapterStateOptions {
  readonly database: Database;
  readonly box: SecretBox;
  /** Id of this process; what another one holds is left to it until its time is up. */
  readonly owner: string;
  readonly logger: Logger;
}

/** How long a lease outlives a crash, in ms. */
const LEASE_MS = 15_000;
const RENEW_EVERY_MS = 4_000;
/** A lease that could not be renewed for so long counts as lost, well before another process may take it. */
const LOST_AFTER_MS = 11_000;
const MAX_KEY_CHARS = 1_024;

const LEASE = {
  name: "adapter_lease",
  text: `insert into adapter_leases as l (installation_id, name, organization_id, owner, epoch, until)
    select i.id, $2, i.organization_id, $3, 1, now() + ${LEASE_MS} * interval '1 millisecond' from installations i where i.id = $1
    on conflict (installation_id, name) do update set owner = excluded.owner, epoch = l.epoch + 1, until = excluded.until
    where l.owner is null or l.until < now() or ($4::boolean and l.owner <> excluded.owner)
    returning epoch`,
};
const RENEW = {
  name: "adapter_lease_renew",
  text: `update adapter_leases set until = now() + ${LEASE_MS} * interval '1 millisecond'
    where installation_id = $1 and name = $2 and owner = $3 and epoch = $4 returning epoch`,
};
const RELEASE = {
  name: "adapter_lease_release",
  text: "update adapter_leases set owner = null where installation_id = $1 and name = $2 and owner = $3 and epoch = $4",
};
const WRITE = {
  name: "adapter_state_write",
  text: `with held as materialized (
      select 1 where $5::text is null or exists (
        select 1 from adapter_leases where installation_id = $1 and name = $5 and owner = $6 and epoch = $7 and until > now() for share)
    ), gone as (
      delete from adapter_state where installation_id = $1 and key = any($4::text[]) and exists (select 1 from held)
    ), put as (
      insert into adapter_state (installation_id, key, organization_id, value)
      select $1, x.key, i.organization_id, x.value
      from held, installations i, unnest($2::text[], $3::bytea[]) as x(key, value) where i.id = $1
      on conflict (installation_id, key) do update set value = excluded.value, updated_at = now()
    )
    select exists (select 1 from held) as held, exists (select 1 from installations where id = $1) as known`,
};

/** The store of what adapters keep; values are sealed before they reach the database, each to its installation and key. */
export function createAdapterStateStore(options: AdapterStateOptions): AdapterStateStore {
  const { database, box, owner, logger } = options;
  /** An installation never changes its organization or its platform. */
  const owners = new Map<string, Owner>();

  async function ownerOf(installationId: string): Promise<Owner> {
    const known = owners.get(installationId);
    if (known !== undefined) return known;
    const [found] = await database.query<Owner>(
      {
        name: "adapter_state_owner",
        text: 'select organization_id as "organizationId", platform from installations where id = $1',
      },
      [installationId],
    );
    if (found === undefined)
      throw new ParleyError("NOT_FOUND", { detail: `there is no installation ${installationId} to keep state for` });
    owners.set(installationId, found);
    return found;
  }

  return {
    async read(installationId, prefix) {
      const rows = await database.query<{ key: string; value: Buffer }>(
        {
          name: "adapter_state_read",
          text: "select key, value from adapter_state where installation_id = $1 and starts_with(key, $2) order by key",
        },
        [installationId, prefix],
      );
      if (rows.length === 0) return new Map();
      const of = await ownerOf(installationId);
      return new Map(rows.map(({ key, value }) => [key, box.openBytes(placeOf(of, installationId, key), value)]));
    },
    async write(installationId, changes, lease) {
      const put = [...changes].filter((change): change is [string, Uint8Array] => change[1] !== null);
      const gone = [...changes].flatMap(([key, value]) => (value === null ? [key] : []));
      const tooLong = [...changes.keys()].find((key) => key.length > MAX_KEY_CHARS);
      if (tooLong !== undefined)
        throw new ParleyError("INVARIANT_BROKEN", {
          detail: `a key of adapter state has ${tooLong.length} characters; at most ${MAX_KEY_CHARS} fit`,
        });
      const of = await ownerOf(installationId);
      const [result] = await database.query<{ held: boolean; known: boolean }>(WRITE, [
        installationId,
        put.map(([key]) => key),
        put.map(([key, value]) => box.sealBytes(placeOf(of, installationId, key), value)),
        gone,
        lease?.name ?? null,
        owner,
        lease?.epoch ?? null,
      ]);
      if (result?.held !== true)
        throw new ParleyError("LEASE_LOST", { detail: `the lease ${lease?.name} is not held` });
      if (!result.known)
        throw new ParleyError("NOT_FOUND", { detail: `there is no installation ${installationId} to keep state for` });
    },
    async lease(installationId, name) {
      // The embedded ledger has one process: whoever held it is gone.
      const [taken] = await database.query<{ epoch: number }>(LEASE, [
        installationId,
        name,
        owner,
        database.backend === "pglite",
      ]);
      return taken && keepAlive({ database, owner, logger, installationId, name, epoch: taken.epoch });
    },
  };
}

type Owner = Pick<SecretPlace, "organizationId" | "platform">;

function placeOf(owner: Owner, installationId: string, key: string): SecretPlace {
  return { ...owner, installationId, field: `state:${key}` };
}

function keepAlive(held: {
  database: Database;
  owner: string;
  logger: Logger;
  installationId: string;
  name: string;
  epoch: number;
}): AdapterLease {
  const { database, owner, logger, installationId, name, epoch } = held;
  const key = [installationId, name, owner, epoch];
  const lost = new AbortController();
  let renewedAtMs = performance.now();
  const timer = setInterval(() => void renew(), RENEW_EVERY_MS);
  timer.unref();

  async function renew(): Promise<void> {
    const begunAtMs = performance.now();
    if (begunAtMs - renewedAtMs > LOST_AFTER_MS) return lose("the ledger did not answer for too long");
    try {
      const [row] = await database.query(RENEW, key);
      if (row === undefined) return lose("another process took it");
      renewedAtMs = begunAtMs;
    } catch (error) {
      logger.warn({ err: error, installationId, lease: name }, "a lease could not be renewed; trying again");
    }
  }

  function lose(reason: string): void {
    clearInterval(timer);
    if (lost.signal.aborted) return;
    logger.warn({ installationId, lease: name, reason }, "a lease was lost");
    lost.abort(new ParleyError("LEASE_LOST", { detail: `${name}: ${reason}` }));
  }

  return {
    name,
    epoch,
    lost: lost.signal,
    async release() {
      clearInterval(timer);
      await database.query(RELEASE, key);
    },
  };
}
