import type { WebPersonRecord, WebSessionRecord } from "../../contracts/web-room-records.ts";
import type { WebAccessStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database, SqlRunner } from "../connection/database.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { joinDefaultRoom, leaveAllRooms } from "./membership.ts";
import { publish } from "./notices.ts";
import { PERSON_COLUMNS, SESSION_COLUMNS } from "./person-columns.ts";
import { redeemLink } from "./redeem-link.ts";
import { signInByIdentity } from "./sign-in-by-identity.ts";
import { conflictAs, isoSql } from "./sql-errors.ts";

/** How exact `lastSeenAt` is; finer would cost a write with every request. */
const LAST_SEEN_STEP = "5 minutes";

const VALID_SESSION = "s.revoked_at is null and s.expires_at > now() and pe.active";
const NAME_TAKEN = "Somebody here has that name already.";

/** People, sessions and sign-in links of the web room; whose code or session is presented is known only once it is found, by the ledger's owner. */
export function createAccessStore(database: Database, tenant: Tenants): WebAccessStore {
  return {
    people: async (organizationId) =>
      await tenant(organizationId).query<WebPersonRecord>(
        { text: `select ${PERSON_COLUMNS} from web_people pe where organization_id = $1 order by lower(name), id` },
        [organizationId],
      ),

    person: async (organizationId, personId) => await findPerson(tenant(organizationId), organizationId, personId),

    updatePerson: async (organizationId, personId, change) =>
      await conflictAs(NAME_TAKEN, () =>
        tenant(organizationId).transaction(async (tx) => {
          const person = await changePerson(tx, organizationId, personId, change);
          if (person === undefined) return undefined;
          if (change.active === false) await endAccess(tx, organizationId, personId);
          if (change.active === true) await joinDefaultRoom(tx, organizationId, personId);
          await publish(tx, { type: "person", organizationId, personId });
          return person;
        }),
      ),

    issueLink: async (link) => await tenant(link.organizationId).transaction((tx) => issueLink(tx, link)),

    redeemLink: async (use) => await conflictAs(NAME_TAKEN, () => database.transaction((tx) => redeemLink(tx, use))),

    signInByIdentity: async (use) =>
      await tenant(use.organizationId).transaction(async (tx) => await signInByIdentity(tx, use)),

    session: async (tokenHash) => {
      const [row] = await database.query<WebSessionRecord & { seenLongAgo: boolean }>(
        {
          name: "web_session",
          text: `select ${SESSION_COLUMNS}, s.last_seen_at < now() - interval '${LAST_SEEN_STEP}' as "seenLongAgo"
                 from web_sessions s join web_people pe on pe.id = s.person_id where s.token_hash = $1 and ${VALID_SESSION}`,
        },
        [tokenHash],
      );
      if (row === undefined) return undefined;
      const { seenLongAgo, ...session } = row;
      if (seenLongAgo) {
        await database.query({ text: "update web_sessions set last_seen_at = now() where id = $1" }, [
          session.sessionId,
        ]);
      }
      return session;
    },

    validSessions: async (sessionIds) => {
      const rows = await database.query<{ id: string }>(
        {
          name: "web_valid_sessions",
          text: `select s.id from web_sessions s join web_people pe on pe.id = s.person_id where s.id = any($1::text[]) and ${VALID_SESSION}`,
        },
        [sessionIds],
      );
      return new Set(rows.map((row) => row.id));
    },

    sessionsOf: async (organizationId, personId) =>
      await tenant(organizationId).query<WebSessionRecord>(
        {
          text: `select ${SESSION_COLUMNS} from web_sessions s join web_people pe on pe.id = s.person_id
                 where s.organization_id = $1 and s.person_id = $2 and ${VALID_SESSION} order by s.created_at desc`,
        },
        [organizationId, personId],
      ),

    revokeSession: async (organizationId, personId, sessionId) =>
      await tenant(organizationId).transaction(async (tx) => {
        const rows = await tx.query(
          {
            text: `update web_sessions set revoked_at = now()
                   where id = $3 and person_id = $2 and organization_id = $1 and revoked_at is null returning 1`,
          },
          [organizationId, personId, sessionId],
        );
        if (rows.length > 0) await publish(tx, { type: "session", organizationId, sessionIds: [sessionId] });
        return rows.length > 0;
      }),
  };
}

async function findPerson(
  sql: SqlRunner,
  organizationId: string,
  personId: string,
): Promise<WebPersonRecord | undefined> {
  const [person] = await sql.query<WebPersonRecord>(
    { text: `select ${PERSON_COLUMNS} from web_people pe where id = $2 and organization_id = $1` },
    [organizationId, personId],
  );
  return person;
}

type Change = Parameters<WebAccessStore["updatePerson"]>[2];

async function changePerson(tx: SqlRunner, organizationId: string, personId: string, change: Change) {
  // Owners are locked in one order, so that two owners who demote each other cannot both succeed.
  const owners = await tx.query<{ id: string }>(
    {
      text: "select id from web_people where organization_id = $1 and role = 'owner' and active order by id for update",
    },
    [organizationId],
  );
  const givesUpOwner = change.active === false || (change.role !== undefined && change.role !== "owner");
  if (givesUpOwner && owners.length === 1 && owners[0]?.id === personId) {
    throw new ParleyError("CONFLICT", { detail: "The last owner cannot give up being one." });
  }
  await tx.query(
    {
      text: `update web_people set name = coalesce($3, name), role = coalesce($4, role), active = coalesce($5, active)
             where id = $2 and organization_id = $1`,
    },
    [organizationId, personId, change.name ?? null, change.role ?? null, change.active ?? null],
  );
  return await findPerson(tx, organizationId, personId);
}

/** Leaves nothing with which the person could read on: no session, no open link, no membership. */
async function endAccess(tx: SqlRunner, organizationId: string, personId: string): Promise<void> {
  const ended = await tx.query<{ id: string }>(
    {
      text: `update web_sessions set revoked_at = now()
             where person_id = $2 and organization_id = $1 and revoked_at is null returning id`,
    },
    [organizationId, personId],
  );
  await tx.query(
    {
      text: `delete from web_sign_in_links l using web_people pe where pe.id = $2 and l.organization_id = $1
             and (l.person_id = pe.id or lower(l.person_name) = lower(pe.name))`,
    },
    [organizationId, personId],
  );
  await publish(tx, { type: "session", organizationId, sessionIds: ended.map((row) => row.id) });
  await leaveAllRooms(tx, organizationId, personId);
}

async function issueLink(
  tx: SqlRunner,
  link: Parameters<WebAccessStore["issueLink"]>[0],
): Promise<{ expiresAt: string }> {
  const target = await linkTarget(tx, link);
  const [row] = await tx.query<{ expiresAt: string }>(
    {
      text: `insert into web_sign_in_links (code_hash, organization_id, person_id, person_name, role, reuse_name, expires_at)
             values ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 millisecond') returning ${isoSql("expires_at")} as "expiresAt"`,
    },
    [link.codeHash, link.organizationId, target.personId, target.name, target.role, target.reuseName, link.ttlMs],
  );
  if (row === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "an inserted sign-in link was not returned" });
  return row;
}

async function linkTarget(tx: SqlRunner, link: Parameters<WebAccessStore["issueLink"]>[0]) {
  const wanted = link.for;
  if ("personId" in wanted) {
    const person = await findPerson(tx, link.organizationId, wanted.personId);
    if (person === undefined || !person.active) throw new ParleyError("NOT_FOUND");
    return { personId: person.personId, name: person.name, role: person.role, reuseName: false };
  }
  const [taken] = await tx.query<{ id: string }>(
    { text: "select id from web_people where organization_id = $1 and lower(name) = lower($2)" },
    [link.organizationId, wanted.name],
  );
  if (taken !== undefined && !wanted.reuseName) throw new ParleyError("CONFLICT", { detail: NAME_TAKEN });
  return { personId: taken?.id ?? null, name: wanted.name, role: wanted.role, reuseName: wanted.reuseName };
}
