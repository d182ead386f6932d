import type { ApiScope, ApiTokenView } from "../contracts/api-token.ts";
import type { SqlRunner } from "./connection/database.ts";

/** How exact `lastUsedAt` is; finer would cost a write with every request. */
const LAST_USED_STEP = "5 minutes";

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  readonly person_id: string | null;
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly rotated_at: Date | null;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

const COLUMNS = "id, name, scopes, person_id, created_by, created_at, expires_at, rotated_at, last_used_at, revoked_at";

export async function listTokens(sql: SqlRunner, organizationId: string): Promise<ApiTokenView[]> {
  const rows = await sql.query<TokenRow>(
    { text: `select ${COLUMNS} from api_tokens where organization_id = $1 order by created_at desc, id` },
    [organizationId],
  );
  return rows.map(toView);
}

export async function insertToken(
  sql: SqlRunner,
  token: {
    id: string;
    organizationId: string;
    name: string;
    hash: string;
    scopes: readonly ApiScope[];
    createdBy: string;
    expiresInDays: number | undefined;
    personId: string | undefined;
  },
): Promise<ApiTokenView | undefined> {
  const [row] = await sql.query<TokenRow>(
    {
      text: `insert into api_tokens (id, organization_id, name, token_hash, scopes, created_by, expires_at, person_id)
        values ($1, $2, $3, $4, $5::jsonb, $6, now() + $7::float8 * interval '1 day', $8) returning ${COLUMNS}`,
    },
    [
      token.id,
      token.organizationId,
      token.name,
      token.hash,
      JSON.stringify(token.scopes),
      token.createdBy,
      token.expiresInDays ?? null,
      token.personId ?? null,
    ],
  );
  return row && toView(row);
}

/** Locks a token that is not revoked, until the transaction ends. */
export async function lockToken(sql: SqlRunner, organizationId: string, id: string): Promise<ApiTokenView | undefined> {
  const [row] = await sql.query<TokenRow>(
    {
      text: `select ${COLUMNS} from api_tokens where organization_id = $1 and id = $2 and revoked_at is null for update`,
    },
    [organizationId, id],
  );
  return row && toView(row);
}

export async function replaceTokenHash(
  sql: SqlRunner,
  organizationId: string,
  id: string,
  hash: string,
): Promise<ApiTokenView | undefined> {
  const [row] = await sql.query<TokenRow>(
    {
      text: `update api_tokens set token_hash = $3, rotated_at = now(), last_used_at = null
        where organization_id = $1 and id = $2 and revoked_at is null returning ${COLUMNS}`,
    },
    [organizationId, id, hash],
  );
  return row && toView(row);
}

export async function revokeToken(sql: SqlRunner, organizationId: string, id: string): Promise<boolean> {
  const rows = await sql.query(
    {
      text: "update api_tokens set revoked_at = now() where organization_id = $1 and id = $2 and revoked_at is null returning 1",
    },
    [organizationId, id],
  );
  return rows.length > 0;
}

/** The token that one of these hashes belongs to, as it is valid at this moment; asked of the ledger each time, so that revoking bites at once. */
export async function findToken(
  sql: SqlRunner,
  hashes: readonly string[],
): Promise<
  | {
      id: string;
      organizationId: string;
      scopes: readonly ApiScope[];
      hash: string;
      personId: string | undefined;
    }
  | undefined
> {
  const [row] = await sql.query<{
    id: string;
    organization_id: string;
    scopes: readonly ApiScope[];
    token_hash: string;
    person_id: string | null;
    used_long_ago: boolean;
  }>(
    {
      name: "find_api_token",
      text: `select id, organization_id, scopes, token_hash, person_id, coalesce(last_used_at < now() - interval '${LAST_USED_STEP}', true) as used_long_ago
        from api_tokens where token_hash = any($1::text[]) and revoked_at is null and (expires_at is null or expires_at > now())`,
    },
    [hashes],
  );
  if (row === undefined) return undefined;
  if (row.used_long_ago)
    await sql.query({ text: "update api_tokens set last_used_at = now() where id = $1 and token_hash = $2" }, [
      row.id,
      row.token_hash,
    ]);
  return {
    id: row.id,
    organizationId: row.organization_id,
    scopes: row.scopes,
    hash: row.token_hash,
    personId: row.person_id ?? undefined,
  };
}

/** Whether a token may still talk with the secret that it had at a moment: it is neither revoked nor expired, and was not renewed since. */
export async function stillTalks(sql: SqlRunner, id: string, since: Date): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "token_still_talks",
      text: `select 1 from api_tokens where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())
        and (rotated_at is null or rotated_at <= $2) and scopes ? 'talk'`,
    },
    [id, since],
  );
  return rows.length > 0;
}

/** The person of an organization by id or name, if they have access. */
export async function findTalker(sql: SqlRunner, organizationId: string, named: string): Promise<string | undefined> {
  const [row] = await sql.query<{ id: string }>(
    {
      text: `select id from web_people where organization_id = $1 and active and (id = $2 or lower(name) = lower($2))
        order by (id = $2) desc limit 1`,
    },
    [organizationId, named],
  );
  return row?.id;
}

/**
 * The external guest of a name, made when there is none: somebody who is in no room, not even in the one that everybody is in.
 * Undefined when the name is that of somebody of the organization, or of a guest whose access was taken away.
 */
export async function ensureGuest(
  tx: SqlRunner,
  organizationId: string,
  guest: { readonly id: string; readonly name: string },
): Promise<string | undefined> {
  await tx.query(
    {
      text: `insert into web_people (id, organization_id, name, role, external) values ($1, $2, $3, 'member', true) on conflict do nothing`,
    },
    [guest.id, organizationId, guest.name],
  );
  const [row] = await tx.query<{ id: string }>(
    {
      text: "select id from web_people where organization_id = $1 and lower(name) = lower($2) and external and active",
    },
    [organizationId, guest.name],
  );
  return row?.id;
}

/** Keeps a token's hash under a new key, once it is known that it was the one presented. */
export async function rehashToken(sql: SqlRunner, id: string, from: string, to: string): Promise<void> {
  await sql.query({ text: "update api_tokens set token_hash = $3 where id = $1 and token_hash = $2" }, [id, from, to]);
}

function toView(row: TokenRow): ApiTokenView {
  const optional = {
    expiresAt: row.expires_at,
    rotatedAt: row.rotated_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  };
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    ...(row.person_id === null ? {} : { personId: row.person_id }),
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    ...Object.fromEntries(
      Object.entries(optional).flatMap(([name, at]) => (at === null ? [] : [[name, at.toISOString()]])),
    ),
  };
}
