import type { SqlRunner } from "./connection/database.ts";
import { REQUEST_COLUMNS, REQUEST_FROM, type StoredRequest } from "./requests.ts";

/** A question with the names of where and by whom it was asked. */
export interface ListedRequest extends StoredRequest {
  readonly handle: string;
  readonly channel: string;
}

const LISTED = `select ${REQUEST_COLUMNS}, coalesce(a.handle, r.agent_id) as handle, coalesce(h.name, c.channel_id) as channel
  from ${REQUEST_FROM} left join agents a on a.id = r.agent_id
  left join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id`;

/** Questions of an organization, newest first. */
export function listRequests(
  sql: SqlRunner,
  query: { readonly organizationId: string; readonly state: string | null; readonly limit: number },
): Promise<ListedRequest[]> {
  return sql.query<ListedRequest>(
    {
      name: "list_requests",
      text: `${LISTED} where r.organization_id = $1 and ($2::text is null or r.state = $2) order by r.created_at desc, r.id limit $3`,
    },
    [query.organizationId, query.state, query.limit],
  );
}

export async function findRequest(
  sql: SqlRunner,
  organizationId: string,
  id: string,
): Promise<ListedRequest | undefined> {
  const [row] = await sql.query<ListedRequest>(
    { name: "find_request", text: `${LISTED} where r.organization_id = $1 and r.id = $2` },
    [organizationId, id],
  );
  return row;
}

/** What became of the event of a choice. */
export async function readChoiceEnd(
  sql: SqlRunner,
  organizationId: string,
  eventId: string,
): Promise<{ readonly state: string; readonly state_reason: string | null } | undefined> {
  const [row] = await sql.query<{ state: string; state_reason: string | null }>(
    { name: "read_choice_end", text: "select state, state_reason from events where organization_id = $1 and id = $2" },
    [organizationId, eventId],
  );
  return row;
}
