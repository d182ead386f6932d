import type { WebPostRecord } from "../../contracts/web-room-records.ts";
import type { WebPostsStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database, SqlRunner } from "../connection/database.ts";
import { publish } from "./notices.ts";
import { answer, editByPerson, react, removePost, replaceByAgent } from "./posts-change.ts";
import { byClientMessageId, byIdempotencyKey, createByAgent, createByPerson } from "./posts-create.ts";
import { byIds, changes, page, recentByAgents, since } from "./posts-read.ts";
import { lockRoom } from "./room-log.ts";

/** Posts, reactions and answers over the ledger's database. */
export function createPostsStore(database: Database): WebPostsStore {
  const load = async (organizationId: string, postId: string): Promise<WebPostRecord> => {
    const [post] = await byIds(database, organizationId, [postId]);
    if (post === undefined)
      throw new ParleyError("INVARIANT_BROKEN", { detail: "a post that was just written is not there" });
    return post;
  };
  const loadIf = async (changed: boolean, organizationId: string, postId: string) =>
    changed ? await load(organizationId, postId) : undefined;

  return {
    createByPerson: async (post) => {
      const { organizationId } = post;
      const earlier = await byClientMessageId(database, organizationId, post.personId, post.clientMessageId);
      if (earlier !== undefined) return { post: await load(organizationId, earlier), duplicate: true };
      const result = await database.transaction((tx) => createByPerson(tx, post));
      if (result === undefined) return undefined;
      return "created" in result
        ? { post: await load(organizationId, result.created), duplicate: false }
        : { post: await load(organizationId, result.existing), duplicate: true };
    },
    createByAgent: async (post) => {
      const result = await database.transaction((tx) => createByAgent(tx, post));
      return "created" in result
        ? { post: await load(post.organizationId, result.created), duplicate: false }
        : { post: await load(post.organizationId, result.existing), duplicate: true };
    },
    replaceByAgent: async (edit) => {
      const unusedFiles = await database.transaction((tx) => replaceByAgent(tx, edit));
      return { post: await load(edit.organizationId, edit.postId), unusedFiles };
    },
    storePreview: async (preview) => await database.transaction((tx) => storePreview(tx, preview)),
    createAnswer: async (given) => {
      await database.transaction((tx) => createAnswer(tx, given));
      return await load(given.organizationId, given.postId);
    },
    editByPerson: async (edit) => {
      const changed = await database.transaction((tx) => editByPerson(tx, edit));
      return await loadIf(changed, edit.organizationId, edit.postId);
    },
    remove: async (removal) => {
      const unusedFiles = await database.transaction((tx) => removePost(tx, removal));
      if (unusedFiles === undefined) return undefined;
      return { post: await load(removal.organizationId, removal.postId), unusedFiles };
    },
    react: async (change) => {
      const changed = await database.transaction((tx) => react(tx, change));
      return await loadIf(changed, change.organizationId, change.postId);
    },
    answer: async (given) => {
      const changed = await database.transaction((tx) => answer(tx, given));
      return await loadIf(changed, given.organizationId, given.postId);
    },
    byIds: async (organizationId, postIds) => await byIds(database, organizationId, postIds),
    byIdempotencyKey: async ({ organizationId, roomId, idempotencyKey }) => {
      const postId = await database.transaction(async (tx) => {
        // Whoever writes holds the room's lock: an attempt whose connection was lost may still be about to commit.
        await tx.query({ text: "select 1 from web_rooms where id = $1 for update" }, [roomId]);
        return await byIdempotencyKey(tx, organizationId, idempotencyKey);
      });
      return postId === undefined ? undefined : await load(organizationId, postId);
    },
    page: async (query) => await page(database, query),
    changes: async (query) => await changes(database, query),
    recentByAgents: async (query) => await recentByAgents(database, query),
    since: async (query) => await since(database, query),
  };
}

type Preview = Parameters<WebPostsStore["storePreview"]>[0];

/** Takes no room lock and no change number: the text of a streaming post is passing, its final form is a change. */
async function storePreview(tx: SqlRunner, preview: Preview): Promise<void> {
  const [row] = await tx.query<{ roomId: string }>(
    {
      name: "web_store_preview",
      text: `update web_posts set text = $3 where id = $2 and organization_id = $1 and state = 'streaming' and deleted_at is null
             returning room_id as "roomId"`,
    },
    [preview.organizationId, preview.postId, preview.text],
  );
  if (row === undefined) return;
  const { organizationId, postId, origin } = preview;
  await publish(tx, { type: "preview", organizationId, roomId: row.roomId, postId, origin });
}

type CommandAnswer = Parameters<WebPostsStore["createAnswer"]>[0];

async function createAnswer(tx: SqlRunner, given: CommandAnswer): Promise<void> {
  const room = await lockRoom(tx, given.organizationId, given.roomId);
  const rows = await tx.query(
    {
      text: `insert into web_posts (id, organization_id, room_id, thread_root_id, seq, change_seq, author_kind, author_id, text, visible_to, mentions)
             select $1, organization_id, room_id, thread_root_id, $5::bigint, $5::bigint, 'system', 'parley', $6, visible_to, mentions
             from web_posts where id = $4 and room_id = $3 and organization_id = $2 and command returning 1`,
    },
    [given.postId, given.organizationId, given.roomId, given.commandPostId, room?.seq ?? 0, given.text],
  );
  if (room === undefined || rows.length === 0)
    throw new ParleyError("NOT_FOUND", { detail: "The command is not there." });
  const { organizationId, roomId, postId } = given;
  await publish(tx, { type: "post", organizationId, roomId, postId, change: "created" });
}
