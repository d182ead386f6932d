import type { WebNotice } from "../../contracts/web-room-records.ts";
import type { WebPostsStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../connection/database.ts";
import { publishSql } from "./notices.ts";
import { isMember, type LockedRoom, lockRoom, newTraceId } from "./room-log.ts";

type PersonPost = Parameters<WebPostsStore["createByPerson"]>[0];
type AgentPost = Parameters<WebPostsStore["createByAgent"]>[0];

/** `existing` is the post that was made under the same client message id or idempotency key before. */
export type Created = { readonly created: string } | { readonly existing: string };

// One statement, for it is the hot path: the post, its thread's count, its files, its log entry and its notices come to be together.
const INSERT_BY_PERSON = `
  with post as (
    insert into web_posts (id, organization_id, room_id, thread_root_id, seq, change_seq, author_kind, author_id, text, content,
      visible_to, command, client_message_id, mentions)
    select $1, $2, $3, $4::text, $5::bigint, $5::bigint, 'person', $6, $7, $8::jsonb, $9::text, $9::text is not null, $10, $11::jsonb
    where ($4::text is null or exists (select 1 from web_posts r where r.id = $4 and r.room_id = $3 and r.thread_root_id is null and r.visible_to is null))
      and cardinality($12::text[]) = (select count(*) from web_uploads where id = any($12::text[]) and room_id = $3 and person_id = $6 and post_id is null)
    on conflict do nothing returning id),
  root as (
    update web_posts set reply_count = reply_count + 1, last_reply_at = now(), change_seq = $5::bigint
    where id = $4 and $9::text is null and exists (select 1 from post)),
  files as (update web_uploads set post_id = $1 where id = any($12::text[]) and exists (select 1 from post)),
  event as (
    insert into web_events (room_id, seq, organization_id, kind, body, thread_root_id, person_id, trace_id)
    select $3, $5::bigint, $2, $13, $14::jsonb, $4::text, $6, $15 from post where $16::boolean)
  select id, ${publishSql(17)} as notices from post`;

/** Stores a person's post in a transaction; undefined when the person is no member of the room. */
export async function createByPerson(tx: SqlRunner, post: PersonPost): Promise<Created | undefined> {
  const room = await lockRoom(tx, post.organizationId, post.roomId);
  // Asked under the room's lock: a removal that was committed before can no longer be overtaken.
  if (room === undefined || !(await isMember(tx, post.organizationId, post.roomId, post.personId))) return undefined;
  const made = await insertByPerson(tx, room, post);
  if (made) return { created: post.postId };
  const existing = await byClientMessageId(tx, post.organizationId, post.personId, post.clientMessageId);
  if (existing !== undefined) return { existing };
  throw new ParleyError("NOT_FOUND", {
    detail: post.uploadIds.length > 0 ? "The thread or a file of this post is not there." : "The thread is not there.",
  });
}

async function insertByPerson(tx: SqlRunner, room: LockedRoom, post: PersonPost): Promise<boolean> {
  if (room.archived) {
    const existing = await byClientMessageId(tx, post.organizationId, post.personId, post.clientMessageId);
    if (existing === undefined) throw new ParleyError("CONFLICT", { detail: "The room is archived." });
    return false;
  }
  const rows = await tx.query({ name: "web_insert_person_post", text: INSERT_BY_PERSON }, [
    post.postId,
    post.organizationId,
    post.roomId,
    post.threadRootId ?? null,
    room.seq,
    post.personId,
    post.text,
    JSON.stringify(post.content),
    post.visibleTo ?? null,
    post.clientMessageId,
    JSON.stringify(post.mentions),
    post.uploadIds,
    post.event.kind,
    JSON.stringify(post.event.body),
    newTraceId(),
    room.heardByAgents,
    creationNotices(post, post.visibleTo === undefined),
  ]);
  return rows.length > 0;
}

export async function byClientMessageId(
  sql: SqlRunner,
  organizationId: string,
  personId: string,
  clientMessageId: string,
): Promise<string | undefined> {
  const [row] = await sql.query<{ id: string }>(
    {
      name: "web_post_by_client_id",
      text: "select id from web_posts where organization_id = $1 and author_id = $2 and client_message_id = $3",
    },
    [organizationId, personId, clientMessageId],
  );
  return row?.id;
}

const INSERT_BY_AGENT = `
  with post as (
    insert into web_posts (id, organization_id, room_id, thread_root_id, seq, change_seq, author_kind, author_id, author, text, parts,
      state, idempotency_key, mentions, visible_to)
    select $1, $2, $3, $4::text, $5::bigint, $5::bigint, 'agent', $6, $7::jsonb, $8, $9::jsonb, $10, $11, $12::jsonb, $15::text
    on conflict do nothing returning id),
  root as (
    update web_posts set reply_count = reply_count + 1, last_reply_at = now(), change_seq = $5::bigint
    where id = $4 and $15::text is null and exists (select 1 from post)),
  files as (
    insert into web_uploads (id, organization_id, room_id, post_id, name, media_type, kind, size_bytes, stored_name)
    select f.id, $2, $3, $1, f.name, f.media_type, f.kind, f.size_bytes, f.stored_name
    from post, jsonb_to_recordset($13::jsonb) as f(id text, name text, media_type text, kind text, size_bytes int, stored_name text))
  select id, ${publishSql(14)} as notices from post`;

/** Stores an agent's post in a transaction; the room's lock makes equal keys wait for one another. */
export async function createByAgent(tx: SqlRunner, post: AgentPost): Promise<Created> {
  const room = await lockRoom(tx, post.organizationId, post.roomId);
  const existing = await byIdempotencyKey(tx, post.organizationId, post.idempotencyKey);
  if (existing !== undefined) return { existing };
  if (room === undefined || room.archived)
    throw new ParleyError("NOT_FOUND", { detail: "The room is gone or archived." });
  const { visibleTo } = post;
  if (visibleTo !== undefined && !(await isMember(tx, post.organizationId, post.roomId, visibleTo)))
    throw new ParleyError("NOT_FOUND", { detail: "The person is not in the room." });
  const threadRootId = post.threadRootId === undefined ? undefined : await rootOf(tx, post.roomId, post.threadRootId);
  const rows = await tx.query({ name: "web_insert_agent_post", text: INSERT_BY_AGENT }, [
    post.postId,
    post.organizationId,
    post.roomId,
    threadRootId ?? null,
    room.seq,
    post.agent.agentId,
    JSON.stringify(agentLook(post.agent)),
    post.text,
    JSON.stringify(post.parts),
    post.state,
    post.idempotencyKey,
    JSON.stringify(post.mentions),
    JSON.stringify(post.uploads.map(uploadToRow)),
    creationNotices({ ...post, threadRootId }, post.visibleTo === undefined),
    post.visibleTo ?? null,
  ]);
  if (rows.length > 0) return { created: post.postId };
  // Another room's transaction took the key meanwhile.
  const other = await byIdempotencyKey(tx, post.organizationId, post.idempotencyKey);
  if (other === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "an agent's post was neither stored nor there" });
  return { existing: other };
}

export async function byIdempotencyKey(
  sql: SqlRunner,
  organizationId: string,
  key: string,
): Promise<string | undefined> {
  const [row] = await sql.query<{ id: string }>(
    {
      name: "web_post_by_key",
      text: "select id from web_posts where organization_id = $1 and idempotency_key = $2",
    },
    [organizationId, key],
  );
  return row?.id;
}

/** The first post of the thread that `postId` begins or is in. */
async function rootOf(tx: SqlRunner, roomId: string, postId: string): Promise<string> {
  const [row] = await tx.query<{ rootId: string }>(
    {
      name: "web_thread_root",
      text: `select coalesce(thread_root_id, id) as "rootId" from web_posts where id = $2 and room_id = $1 and visible_to is null`,
    },
    [roomId, postId],
  );
  if (row === undefined) throw new ParleyError("NOT_FOUND", { detail: "The thread is not there." });
  return row.rootId;
}

function agentLook(agent: AgentPost["agent"]) {
  const { handle, name, color, avatarUrl } = agent;
  return avatarUrl === undefined ? { handle, name, color } : { handle, name, color, avatarUrl };
}

/** An upload as `jsonb_to_recordset` reads it. */
export function uploadToRow(upload: AgentPost["uploads"][number]) {
  return {
    id: upload.uploadId,
    name: upload.name,
    media_type: upload.mediaType,
    kind: upload.kind,
    size_bytes: upload.sizeBytes,
    stored_name: upload.storedName,
  };
}

function creationNotices(
  post: { organizationId: string; roomId: string; postId: string; threadRootId?: string | undefined },
  countsAsReply: boolean,
): readonly string[] {
  const { organizationId, roomId } = post;
  const notices: WebNotice[] = [{ type: "post", organizationId, roomId, postId: post.postId, change: "created" }];
  if (post.threadRootId !== undefined && countsAsReply) {
    notices.push({ type: "post", organizationId, roomId, postId: post.threadRootId, change: "thread" });
  }
  return notices.map((notice) => JSON.stringify(notice));
}
