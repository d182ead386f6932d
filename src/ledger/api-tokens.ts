import type { ApiScope, ApiTokenView } from "../contracts/api-token.ts";
import type { SqlRunner } from "./connection/database.ts";

/** How exact `lastUsedAt` is; finer would cost a write with every request. */
const LAST_USED_STEP = "5 minutes";

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly rotated_at: Date | null;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

const COLUMNS = "id, name, scopes, created_by, created_at, expires_at, rotated_at, last_used_at, revoked_at";

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
  },
): Promise<ApiTokenView | undefined> {
  const [row] = await sql.query<TokenRow>(
    {
      text: `insert into api_tokens (id, organization_id, name, token_hash, scopes, created_by, expires_at)
        values ($1, $2, $3, $4, $5::jsonb, $6, now() + $7::float8 * interval '1 day') returning ${COLUMNS}`,
    },
    [
      token.id,
      token.organizationId,
      token.name,
      token.hash,
      JSON.stringify(token.scopes),
      token.createdBy,
      token.expiresInDays ?? null,
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
): Promise<{ id: string; organizationId: string; scopes: readonly ApiScope[]; hash: string } | undefined> {
  const [row] = await sql.query<{
    id: string;
    organization_id: string;
    scopes: readonly ApiScope[];
    token_hash: string;
    used_long_ago: boolean;
  }>(
    {
      name: "find_api_token",
      text: `select id, organization_id, scopes, token_hash, coalesce(last_used_at < now() - interval '${LAST_USED_STEP}', true) as used_long_ago
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
  return { id: row.id, organizationId: row.organization_id, scopes: row.scopes, hash: row.token_hash };
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
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    ...Object.fromEntries(
      Object.entries(optional).flatMap(([name, at]) => (at === null ? [] : [[name, at.toISOString()]])),
    ),
  };
}
