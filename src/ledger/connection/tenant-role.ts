import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "./database.ts";

/** The role that statements for one organization run as; it owns nothing and row-level security binds it. */
export const TENANT_ROLE = "parley_tenant";
/** "PART" in ASCII. */
const LOCK_KEY = 0x50_41_52_54;

/** What a database administrator runs where Parley's own role may not create roles. */
export const TENANT_ROLE_SQL = `create role ${TENANT_ROLE} nologin; grant ${TENANT_ROLE} to <the role of DATABASE_URL>;`;

/** Made where that is allowed; else a database administrator makes it, and the next start finds it. */
const MAKE_ROLE = `
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${TENANT_ROLE}') THEN
    BEGIN
      CREATE ROLE ${TENANT_ROLE} NOLOGIN;
    EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${TENANT_ROLE}') AND NOT pg_has_role('${TENANT_ROLE}', 'MEMBER') THEN
    BEGIN
      GRANT ${TENANT_ROLE} TO CURRENT_USER;
    -- Roles belong to the whole server: another database's Parley may be granting it at this moment.
    EXCEPTION WHEN insufficient_privilege OR internal_error OR unique_violation THEN NULL;
    END;
  END IF;
END
$$`;

/**
 * Every table of an organization is behind the wall, also one that came after the wall was built; the audit log can be added to and not changed.
 * Changes nothing where everything is as it should be.
 */
const GRANT_TABLES = `
DO $$
DECLARE
  name text;
  secured boolean;
  wanted text;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${TENANT_ROLE}', current_schema());
  FOR name, secured IN
    SELECT c.relname, c.relrowsecurity FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
      AND (a.attname = 'organization_id' OR (c.relname = 'organizations' AND a.attname = 'id'))
    ORDER BY c.relname
  LOOP
    IF NOT secured THEN
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
      EXECUTE format('CREATE POLICY parley_organization ON %I '
        'USING (organization_id = (SELECT current_setting(''parley.organization'', true))) '
        'WITH CHECK (organization_id = (SELECT current_setting(''parley.organization'', true)))', name);
    END IF;
    wanted := CASE WHEN name IN ('audit_log', 'audit_seals') THEN 'SELECT, INSERT'
      WHEN name = 'organizations' THEN 'SELECT, UPDATE' ELSE 'SELECT, INSERT, UPDATE, DELETE' END;
    IF NOT (SELECT bool_and(has_table_privilege('${TENANT_ROLE}', format('%I.%I', current_schema(), name), privilege))
      FROM unnest(string_to_array(wanted, ', ')) AS privilege)
    THEN EXECUTE format('GRANT %s ON %I TO ${TENANT_ROLE}', wanted, name);
    END IF;
  END LOOP;
  EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO ${TENANT_ROLE}', current_schema());
END
$$`;

/**
 * Prepares the second wall between organizations; to be called after the migrations, any number of times.
 *
 * Resolves with false where the role is missing and could not be made.
 *
 * @throws ParleyError LEDGER_CONFIG_REFUSED when a role of that name exists that no wall would hold.
 */
export async function ensureTenantRole(database: Database): Promise<boolean> {
  return await database.transaction(async (tx) => {
    await tx.query({ text: "select pg_advisory_xact_lock($1)" }, [LOCK_KEY]);
    await tx.query({ text: MAKE_ROLE });
    const [role] = await tx.query<{ unbound: boolean; member: boolean }>(
      {
        text: "select rolsuper or rolbypassrls as unbound, pg_has_role(rolname, 'MEMBER') as member from pg_roles where rolname = $1",
      },
      [TENANT_ROLE],
    );
    if (role?.unbound === true)
      throw new ParleyError("LEDGER_CONFIG_REFUSED", {
        detail: `the role ${TENANT_ROLE} is a superuser or bypasses row-level security: alter role ${TENANT_ROLE} nosuperuser nobypassrls`,
      });
    if (role?.member !== true) return false;
    await tx.query({ text: GRANT_TABLES });
    return true;
  });
}
