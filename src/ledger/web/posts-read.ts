import type { WebPostRecord } from "../../contracts/web-room-records.ts";
import type { WebPostsStore } from "../../contracts/web-room-store.ts";
import type { SqlRunner } from "../connection/database.ts";
import { POST_SELECT, type PostRow, rowToPost } from "./post-rows.ts";

type Args<Method extends keyof WebPostsStore> = Parameters<WebPostsStore[Method]>[0];

async function readPosts(
  sql: SqlRunner,
  name: string,
  clauses: string,
  values: readonly unknown[],
): Promise<WebPostRecord[]> {
  const rows = await sql.query<PostRow>({ name: `web_posts_${name}`, text: `${POST_SELECT} ${clauses}` }, values);
  return rows.map(rowToPost);
}

export async function byIds(
  sql: SqlRunner,
  organizationId: string,
  postIds: readonly string[],
): Promise<WebPostRecord[]> {
  if (postIds.length === 0) return [];
  return await readPosts(
    sql,
    "by_ids",
    "where p.organization_id = $1 and p.id = any($2::text[]) order by p.change_seq, p.id",
    [organizationId, postIds],
  );
}

async function lastSeqOf(sql: SqlRunner, organizationId: string, roomId: string): Promise<number> {
  const [row] = await sql.query<{ lastSeq: number }>(
    {
      name: "web_last_seq",
      text: `select last_seq as "lastSeq" from web_rooms where id = $2 and organization_id = $1`,
    },
    [organizationId, roomId],
  );
  return row?.lastSeq ?? 0;
}

const SHOWN = `where p.organization_id = $1 and p.room_id = $2 and (p.visible_to is null or p.visible_to = $3)
  and (p.deleted_at is null or p.reply_count > 0)
  and (case when $4::text is null then p.thread_root_id is null else p.thread_root_id = $4 or p.id = $4 end)`;

/** One page of a room or a thread, oldest first. */
export async function page(sql: SqlRunner, query: Args<"page">) {
  const lastSeq = await lastSeqOf(sql, query.organizationId, query.roomId);
  const place = [query.organizationId, query.roomId, query.viewerId, query.thread ?? null];
  const forward = query.after !== undefined;
  const bound = query.after ?? query.before ?? Number.MAX_SAFE_INTEGER;
  // One more than asked for tells whether there is more.
  const clauses = forward
    ? `${SHOWN} and p.seq > $5::bigint order by p.seq limit $6`
    : `${SHOWN} and p.seq < $5::bigint order by p.seq desc limit $6`;
  const found = await readPosts(sql, forward ? "after" : "before", clauses, [...place, bound, query.limit + 1]);
  const posts = found.slice(0, query.limit);
  return { posts: forward ? posts : posts.toReversed(), hasMore: found.length > query.limit, lastSeq };
}

/** Changes up to the room's newest change at the start of the read: whatever is counted by then is visible to the second statement. */
export async function changes(sql: SqlRunner, query: Args<"changes">) {
  const lastSeq = await lastSeqOf(sql, query.organizationId, query.roomId);
  // A reply and its thread's first post share a change number: ties stay in one page, else the cursor would skip one of them.
  const clauses = `where p.organization_id = $1 and p.room_id = $2 and (p.visible_to is null or p.visible_to = $3)
    and p.change_seq > $4::bigint and p.change_seq <= $5::bigint order by p.change_seq fetch first ($6::int) rows with ties`;
  const posts = await readPosts(sql, "changes", clauses, [
    query.organizationId,
    query.roomId,
    query.viewerId,
    query.after,
    lastSeq,
    query.limit,
  ]);
  const complete = posts.length < query.limit;
  const cursor = complete ? Math.max(lastSeq, query.after) : (posts.at(-1)?.changeSeq ?? lastSeq);
  return { posts, cursor, hasMore: cursor < lastSeq };
}

export async function recentByAgents(sql: SqlRunner, query: Args<"recentByAgents">): Promise<WebPostRecord[]> {
  const clauses = `where p.organization_id = $1 and p.room_id = $2 and p.author_kind = 'agent' and p.deleted_at is null
    and ($3::text is null or p.thread_root_id = $3 or p.id = $3) order by p.seq desc limit $4`;
  return await readPosts(sql, "recent_by_agents", clauses, [
    query.organizationId,
    query.roomId,
    query.thread ?? null,
    query.limit,
  ]);
}

export async function since(sql: SqlRunner, query: Args<"since">): Promise<WebPostRecord[]> {
  // The newest of that time, turned round: a caller that asks for few wants those nearest to now.
  const clauses = `where p.organization_id = $1 and p.room_id = $2 and p.visible_to is null and p.deleted_at is null and p.state = 'final'
    and p.created_at >= $3::timestamptz
    and (case when $4::text is null then p.thread_root_id is null else p.thread_root_id = $4 or p.id = $4 end)
    order by p.seq desc limit $5`;
  const posts = await readPosts(sql, "since", clauses, [
    query.organizationId,
    query.roomId,
    query.since,
    query.thread ?? null,
    query.limit,
  ]);
  return posts.toReversed();
}
