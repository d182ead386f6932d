import type { WebAuthorRecord, WebPostRecord } from "../../contracts/web-room-records.ts";
import { type Nullable, withoutNulls } from "./room-views.ts";
import { isoSql } from "./sql-errors.ts";

/** The one way to read posts: everything that belongs to a post, over `web_posts p`. */
export const POST_SELECT = `
  select p.organization_id as "organizationId", p.id as "postId", p.room_id as "roomId", p.thread_root_id as "threadRootId",
    p.seq, p.change_seq as "changeSeq", p.text, p.content, p.parts, p.state, p.visible_to as "visibleTo",
    p.client_message_id as "clientMessageId", p.mentions, p.reply_count as "replyCount", ${isoSql("p.last_reply_at")} as "lastReplyAt",
    p.revision, ${isoSql("p.created_at")} as "createdAt", ${isoSql("p.edited_at")} as "editedAt", ${isoSql("p.deleted_at")} as "deletedAt",
    p.author_kind as "authorKind", p.author_id as "authorId", p.author as "authorLook", pe.name as "personName",
    coalesce((select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('organizationId', u.organization_id, 'uploadId', u.id,
        'roomId', u.room_id, 'postId', u.post_id, 'personId', u.person_id, 'name', u.name, 'mediaType', u.media_type,
        'kind', u.kind, 'sizeBytes', u.size_bytes, 'storedName', u.stored_name)) order by u.created_at, u.id)
      from web_uploads u where u.post_id = p.id), '[]') as uploads,
    coalesce((select jsonb_agg(jsonb_build_object('reaction', re.reaction, 'kind', re.actor_kind, 'actorId', re.actor_id)
        order by re.created_at, re.actor_id) from web_reactions re where re.post_id = p.id), '[]') as reactions,
    coalesce((select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('actionId', a.action_id, 'value', a.value, 'personId', a.person_id,
        'personName', ape.name, 'at', ${isoSql("a.created_at")})) order by a.created_at, a.person_id)
      from web_answers a join web_people ape on ape.id = a.person_id where a.post_id = p.id), '[]') as answers
  from web_posts p left join web_people pe on p.author_kind = 'person' and pe.id = p.author_id`;

interface AuthorColumns {
  readonly authorKind: WebAuthorRecord["kind"];
  readonly authorId: string;
  readonly authorLook: Omit<WebAuthorRecord, "kind" | "id"> | null;
  readonly personName: string | null;
}

export type PostRow = Nullable<Omit<WebPostRecord, "author">> & AuthorColumns;

/** Guarantees a post with its author as it is shown: people under their name of now, agents as they looked when they wrote. */
export function rowToPost(row: PostRow): WebPostRecord {
  const { authorKind, authorId, authorLook, personName, ...rest } = row;
  const author: WebAuthorRecord = {
    kind: authorKind,
    id: authorId,
    ...(authorLook ?? { name: personName ?? "Parley" }),
  };
  return { ...withoutNulls<Omit<WebPostRecord, "author">>(rest), author };
}
