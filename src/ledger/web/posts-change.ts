import { createHash } from "node:crypto";
import type { WebPostChange } from "../../contracts/web-room-records.ts";
import type { WebPostsStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../connection/database.ts";
import { publish } from "./notices.ts";
import { uploadToRow } from "./posts-create.ts";
import { appendToLog, isMember, type LockedRoom, lockRoom } from "./room-log.ts";

type Args<Method extends keyof WebPostsStore> = Parameters<WebPostsStore[Method]>[0];

interface FoundPost {
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly authorKind: string;
  readonly authorId: string;
  readonly state: string;
  readonly text: string;
  readonly parts: unknown;
  readonly visibleTo: string | null;
  readonly seq: number;
  readonly revision: number;
  readonly deleted: boolean;
}

const FIND_POST = {
  name: "web_find_post",
  text: `select room_id as "roomId", thread_root_id as "threadRootId", author_kind as "authorKind", author_id as "authorId", state, text, parts,
           visible_to as "visibleTo", seq, revision, deleted_at is not null as deleted
         from web_posts where id = $2 and organization_id = $1`,
};

/** The post with its room locked, read after the lock so that nothing of it can change any more. */
async function lockPost(tx: SqlRunner, organizationId: string, postId: string) {
  const [unlocked] = await tx.query<FoundPost>(FIND_POST, [organizationId, postId]);
  if (unlocked === undefined) return undefined;
  const room = await lockRoom(tx, organizationId, unlocked.roomId);
  const [post] = await tx.query<FoundPost>(FIND_POST, [organizationId, postId]);
  return room === undefined || post === undefined ? undefined : { room, post };
}

async function noticePost(tx: SqlRunner, room: LockedRoom, postId: string, change: WebPostChange): Promise<void> {
  await publish(tx, { type: "post", organizationId: room.organizationId, roomId: room.roomId, postId, change });
}

async function touch(tx: SqlRunner, room: LockedRoom, postId: string): Promise<void> {
  await tx.query({ name: "web_touch_post", text: "update web_posts set change_seq = $2::bigint where id = $1" }, [
    postId,
    room.seq,
  ]);
}

/** Changes a person's own post; false when there is none that this person may change. */
export async function editByPerson(tx: SqlRunner, edit: Args<"editByPerson">): Promise<boolean> {
  const found = await lockPost(tx, edit.organizationId, edit.postId);
  if (found === undefined) return false;
  const { room, post } = found;
  const own = post.authorKind === "person" && post.authorId === edit.personId;
  if (!own || post.deleted || post.visibleTo !== null) return false;
  if (!(await isMember(tx, edit.organizationId, room.roomId, edit.personId))) return false;
  if (room.archived) throw new ParleyError("CONFLICT", { detail: "The room is archived." });
  // An edit without new text is none: agents must not be asked again.
  if (post.text === edit.text) return true;
  await tx.query(
    {
      name: "web_edit_post",
      text: `update web_posts set text = $2, content = $3::jsonb, mentions = $4::jsonb, revision = revision + 1, edited_at = now(),
               change_seq = $5::bigint where id = $1`,
    },
    [edit.postId, edit.text, JSON.stringify(edit.content), JSON.stringify(edit.mentions), room.seq],
  );
  await appendToLog(tx, room, {
    ...edit.event,
    personId: edit.personId,
    threadRootId: post.threadRootId ?? undefined,
    revision: post.revision + 1,
  });
  await noticePost(tx, room, edit.postId, "edited");
  return true;
}

/** Replaces an agent's post by its final form; resolves with the files that nothing refers to any more. */
export async function replaceByAgent(tx: SqlRunner, edit: Args<"replaceByAgent">): Promise<readonly string[]> {
  const found = await lockPost(tx, edit.organizationId, edit.postId);
  if (
    found === undefined ||
    found.post.deleted ||
    found.post.authorKind !== "agent" ||
    found.room.roomId !== edit.roomId
  ) {
    throw new ParleyError("NOT_FOUND", { detail: "The message to replace is gone." });
  }
  const { room, post } = found;
  if (room.archived) throw new ParleyError("NOT_FOUND", { detail: "The room is archived." });
  if (await isSame(tx, edit)) return [];
  const kept = edit.uploads.map((upload) => upload.uploadId);
  const unused = await tx.query<{ storedName: string }>(
    {
      text: `delete from web_uploads where post_id = $1 and id <> all($2::text[]) returning stored_name as "storedName"`,
    },
    [edit.postId, kept],
  );
  await tx.query(
    {
      text: `insert into web_uploads (id, organization_id, room_id, post_id, name, media_type, kind, size_bytes, stored_name)
             select f.id, $1, $2, $3, f.name, f.media_type, f.kind, f.size_bytes, f.stored_name
             from jsonb_to_recordset($4::jsonb) as f(id text, name text, media_type text, kind text, size_bytes int, stored_name text)
             on conflict (id) do nothing`,
    },
    [edit.organizationId, room.roomId, edit.postId, JSON.stringify(edit.uploads.map(uploadToRow))],
  );
  const wasPreview = post.state === "streaming";
  await tx.query(
    {
      name: "web_replace_post",
      text: `update web_posts set text = $2, parts = $3::jsonb, mentions = $4::jsonb, state = 'final', change_seq = $5::bigint,
               revision = revision + 1, edited_at = case when $6::boolean then edited_at else now() end where id = $1`,
    },
    [edit.postId, edit.text, JSON.stringify(edit.parts), JSON.stringify(edit.mentions), room.seq, wasPreview],
  );
  await noticePost(tx, room, edit.postId, "edited");
  return unused.map((row) => row.storedName);
}

async function isSame(tx: SqlRunner, edit: Args<"replaceByAgent">): Promise<boolean> {
  const rows = await tx.query(
    { text: "select 1 from web_posts where id = $1 and state = 'final' and text = $2 and parts = $3::jsonb" },
    [edit.postId, edit.text, JSON.stringify(edit.parts)],
  );
  return rows.length > 0;
}

/** Empties a post; resolves with its files, or undefined when there is none that may be deleted. */
export async function removePost(tx: SqlRunner, removal: Args<"remove">): Promise<readonly string[] | undefined> {
  const found = await lockPost(tx, removal.organizationId, removal.postId);
  if (found === undefined) return undefined;
  const { room, post } = found;
  const { personId } = removal;
  if (personId !== undefined) {
    if (!(await isMember(tx, removal.organizationId, room.roomId, personId))) return undefined;
    if (post.visibleTo !== null && post.visibleTo !== personId) return undefined;
  }
  if (post.deleted) return [];
  const files = await tx.query<{ storedName: string }>(
    { text: `delete from web_uploads where post_id = $1 returning stored_name as "storedName"` },
    [removal.postId],
  );
  await tx.query({ text: "delete from web_reactions where post_id = $1" }, [removal.postId]);
  await tx.query({ text: "delete from web_answers where post_id = $1" }, [removal.postId]);
  await tx.query(
    {
      text: `update web_posts set text = '', content = null, parts = null, mentions = $3::jsonb, deleted_at = now(), state = 'final',
               revision = revision + 1, change_seq = $2::bigint where id = $1`,
    },
    [removal.postId, room.seq, JSON.stringify({ personIds: [], agentHandles: [], everyone: false })],
  );
  // What only its author saw is told to nobody, so nobody else empties the log of it: a command went to the pipeline all the same.
  if (post.visibleTo !== null && post.authorKind === "person") await forgetCommand(tx, room, post.seq);
  if (post.threadRootId !== null && post.visibleTo === null) {
    await tx.query(
      {
        text: "update web_posts set reply_count = greatest(reply_count - 1, 0), change_seq = $2::bigint where id = $1",
      },
      [post.threadRootId, room.seq],
    );
    await noticePost(tx, room, post.threadRootId, "thread");
  }
  if (personId !== undefined && post.visibleTo === null) {
    await appendToLog(tx, room, {
      kind: "message_deleted",
      body: { messageId: removal.postId },
      personId,
      threadRootId: post.threadRootId ?? undefined,
      revision: post.revision + 1,
    });
  }
  await noticePost(tx, room, removal.postId, "deleted");
  return files.map((file) => file.storedName);
}

/** Empties a command where it is stored beside its post; both have the post's number. */
async function forgetCommand(tx: SqlRunner, room: LockedRoom, seq: number): Promise<void> {
  await tx.query(
    {
      text: `with told as (
          update web_events set body = jsonb_set(body, '{text}', '""'::jsonb) where room_id = $1 and seq = $2::bigint and kind = 'command_invoked')
        update events e set envelope = jsonb_set(e.envelope, '{body,text}', '""'::jsonb) from installations i
        where i.organization_id = $3 and i.platform = 'web' and e.installation_id = i.id and e.dedupe_key = 'web:' || i.id || ':' || $1 || ':' || $2::bigint
          and e.kind = 'command_invoked'`,
    },
    [room.roomId, seq, room.organizationId],
  );
}

/** Adds or removes a reaction; false when the post is gone or the person may not see it. */
export async function react(tx: SqlRunner, change: Args<"react">): Promise<boolean> {
  const found = await lockPost(tx, change.organizationId, change.postId);
  if (found === undefined || found.post.deleted || found.post.visibleTo !== null) return false;
  const { room, post } = found;
  const { actor } = change;
  const byPerson = actor.kind === "person";
  if (byPerson && !(await isMember(tx, change.organizationId, room.roomId, actor.id))) return false;
  const key = [change.postId, change.reaction, actor.kind, actor.id];
  const changed = change.present
    ? await tx.query(
        {
          text: `insert into web_reactions (post_id, reaction, actor_kind, actor_id, organization_id) values ($1, $2, $3, $4, $5)
                 on conflict do nothing returning 1`,
        },
        [...key, change.organizationId],
      )
    : await tx.query(
        {
          text: "delete from web_reactions where post_id = $1 and reaction = $2 and actor_kind = $3 and actor_id = $4 returning 1",
        },
        key,
      );
  if (changed.length === 0) return true;
  await touch(tx, room, change.postId);
  if (byPerson) {
    await appendToLog(tx, room, {
      kind: change.present ? "reaction_added" : "reaction_removed",
      body: { messageId: change.postId, reaction: change.reaction },
      personId: actor.id,
      threadRootId: post.threadRootId ?? undefined,
    });
  }
  await noticePost(tx, room, change.postId, "reaction");
  return true;
}

/** Stores a person's answer to a question of an agent's post; false when the person may not see the post. */
export async function answer(tx: SqlRunner, given: Args<"answer">): Promise<boolean> {
  const found = await lockPost(tx, given.organizationId, given.postId);
  if (found === undefined || found.post.deleted || found.post.authorKind !== "agent") return false;
  const { room, post } = found;
  if (!(await isMember(tx, given.organizationId, room.roomId, given.personId))) return false;
  const isNew = await appendToLog(tx, room, {
    ...given.event,
    personId: given.personId,
    threadRootId: post.threadRootId ?? undefined,
    clientKey: keyOf(given.postId, given.clientKey),
  });
  if (!isNew || given.late === true) return true;
  await tx.query(
    {
      text: `insert into web_answers (post_id, action_id, person_id, organization_id, value) values ($1, $2, $3, $4, $5)
             on conflict (post_id, action_id, person_id) do update set value = excluded.value, created_at = now()`,
    },
    [given.postId, given.actionId, given.personId, given.organizationId, given.value ?? null],
  );
  await touch(tx, room, given.postId);
  await noticePost(tx, room, given.postId, "reaction");
  return true;
}

/** One client may use equal keys for two posts; only equal answers to one post are the same. */
function keyOf(postId: string, clientKey: string): string {
  return createHash("sha256").update(`${postId}\n${clientKey}`).digest("hex");
}
