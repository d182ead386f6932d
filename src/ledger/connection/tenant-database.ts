import { ParleyError } from "../../errors/parley-error.ts";
import type { Database, SqlRunner } from "./database.ts";
import { ensureTenantRole, TENANT_ROLE, TENANT_ROLE_SQL } from "./tenant-role.ts";

/** Gives the ledger as one organization sees it. */
export type Tenants = (organizationId: string) => Database;

/**
 * The ledger as one organization sees it: each statement and transaction runs as a role that row-level security binds, with the
 * organization named for that transaction alone. A statement that forgot to ask for the organization finds nothing of another one.
 */
export function tenantDatabase(database: Database, organizationId: string): Database {
  const enter = async (tx: SqlRunner): Promise<void> => {
    await tx.query(
      {
        name: "enter_tenant",
        text: `select set_config('role', '${TENANT_ROLE}', true), set_config('parley.organization', $1, true)`,
      },
      [organizationId],
    );
  };
  const transaction: Database["transaction"] = async (work) =>
    await database.transaction(async (tx) => {
      await enter(tx);
      return await work(tx);
    });
  return {
    backend: database.backend,
    transaction,
    query: async (statement, values) => await transaction((tx) => tx.query(statement, values)),
    listen: async (...given) => await database.listen(...given),
    ping: async () => await database.ping(),
    get pool(): never {
      throw new ParleyError("INVARIANT_BROKEN", { detail: "the queue belongs to no organization" });
    },
    // The connections are those of the whole ledger, whose owner closes them.
    close: async () => undefined,
  };
}

/**
 * Prepares the wall and gives the views behind it.
 *
 * Where its role is missing every view is the owner's, and `onMissing` is told what an administrator has to run; LEDGER_CONFIG_REFUSED
 * instead where the wall is `required`.
 */
export async function openTenants(
  database: Database,
  { required, onMissing }: { required: boolean; onMissing: (fix: string) => void },
): Promise<Tenants> {
  if (await ensureTenantRole(database)) return createTenants(database);
  if (required)
    throw new ParleyError("LEDGER_CONFIG_REFUSED", {
      detail: `several organizations need the database role that keeps them apart; as its administrator run: ${TENANT_ROLE_SQL}`,
    });
  onMissing(TENANT_ROLE_SQL);
  return () => database;
}

/** One view for each organization, made when it is first asked for. */
function createTenants(database: Database): Tenants {
  const made = new Map<string, Database>();
  return (organizationId) => {
    const known = made.get(organizationId) ?? tenantDatabase(database, organizationId);
    made.set(organizationId, known);
    return known;
  };
}
