import { z } from "zod";
import type { WebPostRecord, WebSessionRecord } from "../../../src/contracts/web-room-records.ts";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { composeEdit, composePost } from "../compose-post.ts";
import type { WebContext } from "../context.ts";
import { defined } from "../defined.ts";
import { joinedRoom, sessionOf } from "../guard.ts";
import { ActionBody, ChangesQuery, CreatePostBody, EditPostBody, PageQuery, Reaction } from "../protocol.ts";
import type { WebServer } from "../server-plugins.ts";
import { postView } from "../views.ts";
import { nothing } from "./access-routes.ts";

const RoomParams = z.object({ roomId: wireKey(128) });
const PostParams = z.object({ postId: wireKey(128) });
const ReactionParams = PostParams.extend({ reaction: Reaction });

/** Posts and what people do with them. */
export function addPostRoutes(server: WebServer, context: WebContext): void {
  const { posts } = context.store;
  const params = RoomParams;

  server.get("/rooms/:roomId/messages", { schema: { params, querystring: PageQuery } }, async (request) => {
    const session = sessionOf(request);
    const room = await joinedRoom(context, session, request.params.roomId);
    const { before, after } = request.query;
    if (before !== undefined && after !== undefined) {
      throw new ParleyError("REQUEST_INVALID", { detail: "Give before or after, not both." });
    }
    const place = { organizationId: session.organizationId, roomId: room.roomId, viewerId: session.personId };
    const page = await posts.page({ ...place, ...defined(request.query) });
    return { ...page, posts: page.posts.map((post) => postView(post, session.personId)) };
  });

  server.get("/rooms/:roomId/changes", { schema: { params, querystring: ChangesQuery } }, async (request) => {
    const session = sessionOf(request);
    const room = await joinedRoom(context, session, request.params.roomId);
    const place = { organizationId: session.organizationId, roomId: room.roomId, viewerId: session.personId };
    const page = await posts.changes({ ...place, ...request.query });
    return { ...page, posts: page.posts.map((post) => postView(post, session.personId)) };
  });

  server.post("/rooms/:roomId/messages", { schema: { params, body: CreatePostBody } }, async (request) => {
    const session = sessionOf(request);
    const room = await joinedRoom(context, session, request.params.roomId);
    const created = await posts.createByPerson(await composePost(context, session, room, request.body));
    if (created === undefined) throw new ParleyError("NOT_FOUND");
    // Answered only when the pipeline has it too; after a failure the client repeats with the same id, and this goes on from here.
    await context.intake.drain(session.organizationId, room.roomId);
    return { post: postView(created.post, session.personId), duplicate: created.duplicate };
  });

  const seen = async (session: WebSessionRecord, postId: string): Promise<WebPostRecord> => {
    const [post] = await posts.byIds(session.organizationId, [postId]);
    const hidden = post?.visibleTo !== undefined && post.visibleTo !== session.personId;
    if (post === undefined || hidden) throw new ParleyError("NOT_FOUND");
    const isMember = await context.store.rooms.isMember(session.organizationId, post.roomId, session.personId);
    if (!isMember) throw new ParleyError("NOT_FOUND");
    return post;
  };
  const show = async (session: WebSessionRecord, post: WebPostRecord | undefined) => {
    if (post === undefined) throw new ParleyError("NOT_FOUND");
    await context.intake.drain(session.organizationId, post.roomId);
    return postView(post, session.personId);
  };

  server.get("/messages/:postId", { schema: { params: PostParams } }, async (request) => {
    const session = sessionOf(request);
    return postView(await seen(session, request.params.postId), session.personId);
  });

  server.patch("/messages/:postId", { schema: { params: PostParams, body: EditPostBody } }, async (request) => {
    const session = sessionOf(request);
    const post = await seen(session, request.params.postId);
    if (post.author.id !== session.personId)
      throw new ParleyError("PERMISSION_DENIED", { detail: "Only its author edits a post." });
    return await show(session, await posts.editByPerson(await composeEdit(context, session, post, request.body.text)));
  });

  server.delete("/messages/:postId", { schema: { params: PostParams } }, async (request, reply) => {
    const session = sessionOf(request);
    const { organizationId, personId } = session;
    const post = await seen(session, request.params.postId);
    const own = post.author.id === personId || post.visibleTo === personId;
    if (!own && session.role === "member") {
      throw new ParleyError("PERMISSION_DENIED", { detail: "Only its author, an admin or an owner deletes a post." });
    }
    const removed = await posts.remove({ organizationId, postId: post.postId, personId });
    if (removed === undefined) throw new ParleyError("NOT_FOUND");
    await context.store.uploads.removeFiles(removed.unusedFiles);
    await context.intake.drain(organizationId, post.roomId);
    return await nothing(reply);
  });

  for (const [method, present] of [
    ["PUT", true],
    ["DELETE", false],
  ] as const) {
    server.route({
      method,
      url: "/messages/:postId/reactions/:reaction",
      schema: { params: ReactionParams },
      handler: async (request) => {
        const session = sessionOf(request);
        const { postId, reaction } = request.params;
        const { organizationId } = session;
        await seen(session, postId);
        const actor = { kind: "person", id: session.personId } as const;
        return await show(session, await posts.react({ organizationId, postId, actor, reaction, present }));
      },
    });
  }

  server.post(
    "/messages/:postId/actions",
    { schema: { params: PostParams, body: ActionBody } },
    async (request, reply) => {
      const session = sessionOf(request);
      const { organizationId, personId } = session;
      const post = await seen(session, request.params.postId);
      const { actionId, value, fields, clientActionId } = request.body;
      // Whoever asked says to the person by whom it was decided, and whether it was asked at all.
      const late = isOver(post);
      if (!late) requireQuestion(post, request.body);
      const answered = await posts.answer({
        organizationId,
        postId: post.postId,
        personId,
        clientKey: clientActionId,
        actionId,
        ...defined({ value }),
        late,
        event: {
          kind: "action_submitted",
          body: { actionId, messageId: post.postId, fields, ...defined({ value }) },
        },
      });
      if (answered === undefined) throw new ParleyError("NOT_FOUND");
      await context.intake.drain(organizationId, post.roomId);
      return await reply.code(202).send({});
    },
  );
}

/** Whether a post of an agent was replaced, as a question is by its decision, and asks nothing now. */
function isOver(post: WebPostRecord): boolean {
  if (post.author.kind !== "agent" || post.deletedAt !== undefined || post.editedAt === undefined) return false;
  return !(postView(post, "").parts ?? []).some(({ type }) => type === "approval_request" || type === "input_request");
}

/** An answer names a question of the post, one of its options, and only fields that were asked for. */
function requireQuestion(post: WebPostRecord, given: z.infer<typeof ActionBody>): void {
  const parts = postView(post, "").parts ?? [];
  const approval = parts.find((part) => part.type === "approval_request" && part.approvalId === given.actionId);
  if (approval?.type === "approval_request") {
    const hasOption = approval.options.some((option) => option.id === given.value);
    if (hasOption && Object.keys(given.fields).length === 0) return;
    throw new ParleyError("REQUEST_INVALID", { detail: "That is no option of this question." });
  }
  const input = parts.find((part) => part.type === "input_request" && part.inputId === given.actionId);
  if (input?.type !== "input_request")
    throw new ParleyError("NOT_FOUND", { detail: "The post asks no such question." });
  const asked = new Map(input.fields.map((field) => [field.id, field]));
  if (Object.keys(given.fields).some((id) => !asked.has(id))) {
    throw new ParleyError("REQUEST_INVALID", { detail: "The question has no such field." });
  }
  const missing = input.fields.find((field) => field.required && (given.fields[field.id] ?? "").trim() === "");
  if (missing !== undefined) throw new ParleyError("REQUEST_INVALID", { detail: "A field that is needed is empty." });
}
