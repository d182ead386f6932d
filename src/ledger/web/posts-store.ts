import type { WebPostRecord } from "../../contracts/web-room-records.ts";
import type { WebPostsStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../connection/database.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { endAbandonedPreviews } from "./abandoned-previews.ts";
import { publish } from "./notices.ts";
import { answer, editByPerson, react, removePost, replaceByAgent } from "./posts-change.ts";
import { byClientMessageId, byIdempotencyKey, type Created, createByAgent, createByPerson } from "./posts-create.ts";
import { byIds, changes, page, recentByAgents, since } from "./posts-read.ts";
import { lockRoom } from "./room-log.ts";

/** Posts, reactions and answers over the ledger's database. */
export function createPostsStore(tenant: Tenants): WebPostsStore {
  return {
    createByPerson: async (post) => {
      const { organizationId } = post;
      const earlier = await byClientMessageId(
        tenant(organizationId),
        organizationId,
        post.personId,
        post.clientMessageId,
      );
      if (earlier !== undefined)
        return { post: await load(tenant(organizationId), organizationId, earlier), duplicate: true };
      return await tenant(organizationId).transaction(async (tx) => {
        const result = await createByPerson(tx, post);
        return result === undefined ? undefined : await loadCreated(tx, organizationId, result);
      });
    },
    createByAgent: async (post) =>
      await tenant(post.organizationId).transaction(
        async (tx) => await loadCreated(tx, post.organizationId, await createByAgent(tx, post)),
      ),
    replaceByAgent: async (edit) =>
      await tenant(edit.organizationId).transaction(async (tx) => {
        const unusedFiles = await replaceByAgent(tx, edit);
        return { post: await load(tx, edit.organizationId, edit.postId), unusedFiles };
      }),
    storePreview: async (preview) =>
      await tenant(preview.organizationId).transaction((tx) => storePreview(tx, preview)),
    endAbandoned: async (organizationId) =>
      await tenant(organizationId).transaction((tx) => endAbandonedPreviews(tx, organizationId)),
    createAnswer: async (given) =>
      await tenant(given.organizationId).transaction(async (tx) => {
        await createAnswer(tx, given);
        return await load(tx, given.organizationId, given.postId);
      }),
    editByPerson: async (edit) =>
      await tenant(edit.organizationId).transaction(async (tx) => await loadIf(await editByPerson(tx, edit), tx, edit)),
    remove: async (removal) =>
      await tenant(removal.organizationId).transaction(async (tx) => {
        const unusedFiles = await removePost(tx, removal);
        if (unusedFiles === undefined) return undefined;
        return { post: await load(tx, removal.organizationId, removal.postId), unusedFiles };
      }),
    react: async (change) =>
      await tenant(change.organizationId).transaction(async (tx) => await loadIf(await react(tx, change), tx, change)),
    answer: async (given) =>
      await tenant(given.organizationId).transaction(async (tx) => await loadIf(await answer(tx, given), tx, given)),
    byIds: async (organizationId, postIds) => await byIds(tenant(organizationId), organizationId, postIds),
    byIdempotencyKey: async ({ organizationId, roomId, idempotencyKey }) => {
      return await tenant(organizationId).transaction(async (tx) => {
        // Whoever writes holds the room's lock: an attempt whose connection was lost may still be about to commit.
        await tx.query({ text: "select 1 from web_rooms where id = $1 for update" }, [roomId]);
        const postId = await byIdempotencyKey(tx, organizationId, idempotencyKey);
        return postId === undefined ? undefined : await load(tx, organizationId, postId);
      });
    },
    page: async (query) => await page(tenant(query.organizationId), query),
    changes: async (query) => await changes(tenant(query.organizationId), query),
    recentByAgents: async (query) => await recentByAgents(tenant(query.organizationId), query),
    since: async (query) => await since(tenant(query.organizationId), query),
  };
}

/** Read in the transaction that wrote it: when the read fails, nothing was written, and that is certain. */
async function load(sql: SqlRunner, organizationId: string, postId: string): Promise<WebPostRecord> {
  const [post] = await byIds(sql, organizationId, [postId]);
  if (post === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a post that was just written is not there" });
  return post;
}

async function loadIf(changed: boolean, tx: SqlRunner, of: { organizationId: string; postId: string }) {
  return changed ? await load(tx, of.organizationId, of.postId) : undefined;
}

async function loadCreated(tx: SqlRunner, organizationId: string, result: Created) {
  const duplicate = "existing" in result;
  return { post: await load(tx, organizationId, duplicate ? result.existing : result.created), duplicate };
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
