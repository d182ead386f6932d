import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { WebPostRecord, WebRoomView } from "../../src/contracts/web-room-records.ts";
import type {
  RoomVisitors,
  Visitor,
  VisitorAnswer,
  VisitorFile,
  VisitorPost,
} from "../../src/contracts/web-visitor.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { composePost } from "./compose-post.ts";
import type { WebContext } from "./context.ts";
import { defined } from "./defined.ts";
import { joinedRoom } from "./guard.ts";
import { newId } from "./ids.ts";
import { storeUpload } from "./store-upload.ts";

/** What people do in rooms who come by another way than the page: through the same log, with the same rights and no others. */
export function createVisitors(context: WebContext): RoomVisitors {
  const { rooms, posts, events, access, uploads } = context.store;

  async function storeFiles(visitor: Visitor, roomId: string, files: readonly VisitorFile[]): Promise<string[]> {
    const ids: string[] = [];
    for (const { bytes, name, mediaType } of files) {
      const upload = { ...visitor, roomId, name, mediaType, maxBytes: context.config.maxUploadBytes };
      const record = await storeUpload(uploads, upload, Readable.from([bytes]));
      await uploads.add(record).catch(async (error: unknown) => {
        await uploads.removeFiles([record.storedName]);
        throw error;
      });
      ids.push(record.uploadId);
    }
    return ids;
  }

  async function seen(visitor: Visitor, postId: string): Promise<WebPostRecord> {
    const [post] = await posts.byIds(visitor.organizationId, [postId]);
    const isHidden = post?.visibleTo !== undefined && post.visibleTo !== visitor.personId;
    if (post === undefined || isHidden) throw new ParleyError("NOT_FOUND");
    if (!(await rooms.isMember(visitor.organizationId, post.roomId, visitor.personId)))
      throw new ParleyError("NOT_FOUND");
    return post;
  }

  return {
    installationOf: (organizationId) => context.installationOf(organizationId),
    async person({ organizationId, personId }) {
      const person = await access.person(organizationId, personId);
      return person?.active === true ? person : undefined;
    },
    people: (organizationId) => access.people(organizationId),
    rooms: async ({ organizationId, personId }) =>
      (await rooms.listFor(organizationId, personId)).filter((room) => room.joined),
    async room(visitor, roomId): Promise<WebRoomView | undefined> {
      const [room] = await rooms.viewsFor(visitor.organizationId, roomId, [visitor.personId]);
      return room?.joined === true ? room : undefined;
    },
    async openDirect({ organizationId, personId }, { agentId, handle, name }) {
      const peer = { agentId, handle, name };
      const roomId = await rooms.openDirect({ organizationId, roomId: newId("r"), personId, peer });
      await context.intake.drain(organizationId, roomId);
      return roomId;
    },
    async post(visitor: Visitor, { roomId, text, files, repeatKey, threadRootId }: VisitorPost) {
      const clientMessageId = `v_${createHash("sha256").update(repeatKey).digest("hex").slice(0, 48)}`;
      const room = await joinedRoom(context, visitor, roomId);
      const uploadIds = await storeFiles(visitor, roomId, files);
      const body = { text, clientMessageId, uploadIds, ...defined({ threadRootId }) };
      const created = await posts.createByPerson(await composePost(context, visitor, room, body, { commands: false }));
      if (created === undefined) throw new ParleyError("NOT_FOUND");
      await context.intake.drain(visitor.organizationId, roomId);
      return created;
    },
    async answer(visitor: Visitor, { postId, actionId, value, fields, repeatKey }: VisitorAnswer) {
      const post = await seen(visitor, postId);
      const answered = await posts.answer({
        ...visitor,
        postId,
        clientKey: repeatKey,
        actionId,
        ...defined({ value }),
        event: { kind: "action_submitted", body: { actionId, messageId: postId, fields, ...defined({ value }) } },
      });
      if (answered === undefined) throw new ParleyError("NOT_FOUND");
      await context.intake.drain(visitor.organizationId, post.roomId);
    },
    async stop({ organizationId, personId }, { roomId, messageId, threadRootId }) {
      const event = { kind: "session_stopped", body: { messageId } } as const;
      await events.append({ organizationId, roomId, personId, event, ...defined({ threadRootId }) });
      await context.intake.drain(organizationId, roomId);
    },
    async posts({ organizationId, personId }, postIds) {
      const found = await posts.byIds(organizationId, postIds);
      return found.filter(({ visibleTo }) => visibleTo === undefined || visibleTo === personId);
    },
    statuses: (organizationId, roomId) => context.store.live.statuses(organizationId, roomId),
    async file(organizationId, uploadId, maxBytes) {
      const upload = await uploads.get(organizationId, uploadId);
      if (upload === undefined || upload.sizeBytes > maxBytes) return undefined;
      return await buffer(await uploads.read(upload.storedName));
    },
    listen: (onChange, onGap) =>
      context.store.live.listen((notice) => {
        if ("roomId" in notice) onChange(notice.roomId);
      }, onGap),
  };
}
