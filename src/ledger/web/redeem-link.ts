import type { WebSessionRecord } from "../../contracts/web-room-records.ts";
import type { WebAccessStore } from "../../contracts/web-room-store.ts";
import type { SqlRunner } from "../connection/database.ts";
import { joinDefaultRoom } from "./membership.ts";
import { publish } from "./notices.ts";
import { SESSION_COLUMNS } from "./person-columns.ts";

type Use = Parameters<WebAccessStore["redeemLink"]>[0];

interface SpentLink {
  readonly organizationId: string;
  readonly personId: string | null;
  readonly personName: string;
  readonly role: string;
  readonly reuseName: boolean;
}

/** Spends a sign-in code in the caller's transaction; undefined when it gives no session. */
export async function redeemLink(tx: SqlRunner, use: Use): Promise<WebSessionRecord | undefined> {
  // One conditional update spends the code: of two that race, the second finds `used_at` set.
  const [link] = await tx.query<SpentLink>(
    {
      text: `update web_sign_in_links set used_at = now() where code_hash = $1 and used_at is null and expires_at > now()
             returning organization_id as "organizationId", person_id as "personId", person_name as "personName", role, reuse_name as "reuseName"`,
    },
    [use.codeHash],
  );
  if (link === undefined) return undefined;
  const personId = await personOf(tx, link, use.newPersonId);
  if (personId === undefined) return undefined;
  return await openSession(tx, { ...use, organizationId: link.organizationId, personId });
}

/** Opens a session of somebody who may have one; they are in the default room from then on. */
export async function openSession(
  tx: SqlRunner,
  use: Pick<Use, "tokenHash" | "sessionId" | "userAgent" | "sessionTtlMs"> & {
    readonly organizationId: string;
    readonly personId: string;
  },
): Promise<WebSessionRecord | undefined> {
  const { organizationId, personId } = use;
  await tx.query(
    {
      text: `insert into web_sessions (id, organization_id, person_id, token_hash, user_agent, expires_at)
             values ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 millisecond')`,
    },
    [use.sessionId, organizationId, personId, use.tokenHash, use.userAgent, use.sessionTtlMs],
  );
  await joinDefaultRoom(tx, organizationId, personId);
  const [session] = await tx.query<WebSessionRecord>(
    { text: `select ${SESSION_COLUMNS} from web_sessions s join web_people pe on pe.id = s.person_id where s.id = $1` },
    [use.sessionId],
  );
  return session;
}

/** The person a link stands for, made when there is none; undefined when that person has no access. */
async function personOf(tx: SqlRunner, link: SpentLink, newPersonId: string): Promise<string | undefined> {
  const [known] = await tx.query<{ id: string; active: boolean }>(
    {
      text: `select id, active from web_people where organization_id = $1
             and (id = $2::text or ($2::text is null and $3 and lower(name) = lower($4)))`,
    },
    [link.organizationId, link.personId, link.reuseName, link.personName],
  );
  if (known !== undefined) return known.active ? known.id : undefined;
  if (link.personId !== null) return undefined;
  await tx.query({ text: "insert into web_people (id, organization_id, name, role) values ($1, $2, $3, $4)" }, [
    newPersonId,
    link.organizationId,
    link.personName,
    link.role,
  ]);
  await publish(tx, { type: "person", organizationId: link.organizationId, personId: newPersonId });
  return newPersonId;
}
