import type { z } from "zod";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { WebPostRecord, WebRoomView } from "../../src/contracts/web-room-records.ts";
import type { WebPostsStore } from "../../src/contracts/web-room-store.ts";
import { type ContentBlock, toSafeText } from "../../src/envelope/content.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { parseCommand } from "./commands.ts";
import type { WebContext } from "./context.ts";
import { defined } from "./defined.ts";
import type { RoomActor } from "./guard.ts";
import { newId } from "./ids.ts";
import { type MentionedText, readMentions } from "./mentions.ts";
import type { CreatePostBody } from "./protocol.ts";

type NewPost = Parameters<WebPostsStore["createByPerson"]>[0];
type Edit = Parameters<WebPostsStore["editByPerson"]>[0];

/** Makes of what a person sent the post and the event that agents hear of: a message, or a command when it begins with one (unless `commands` is false). */
export async function composePost(
  context: WebContext,
  session: RoomActor,
  room: WebRoomView,
  body: z.infer<typeof CreatePostBody>,
  { commands = true }: { readonly commands?: boolean } = {},
): Promise<NewPost> {
  const { organizationId, personId } = session;
  const text = toSafeText(body.text);
  const postId = newId("m");
  const command = commands && body.uploadIds.length === 0 && isHeard(room) ? parseCommand(text) : undefined;
  const named = await mentionsIn(context, organizationId, room.agentHandle, command?.text ?? text);
  const media = await mediaBlocks(context, session, body.uploadIds);
  const content = [...named.content, ...media];
  const mentions = toEventMentions(named, room.agentHandle);
  return {
    organizationId,
    roomId: room.roomId,
    postId,
    personId,
    clientMessageId: body.clientMessageId,
    text,
    content: command === undefined ? content : [{ type: "text", markdown: text }],
    // Nobody but its author sees a command, so it notifies nobody.
    mentions: command === undefined ? named.mentions : { personIds: [], agentHandles: [], everyone: false },
    uploadIds: [...new Set(body.uploadIds)],
    ...defined({ threadRootId: body.threadRootId, visibleTo: command === undefined ? undefined : personId }),
    event:
      command === undefined
        ? { kind: "message_created", body: { messageId: postId, content: asJson(content), mentions } }
        : { kind: "command_invoked", body: { ...command, mentions, responseToken: postId } },
  };
}

export async function composeEdit(
  context: WebContext,
  session: RoomActor,
  post: WebPostRecord,
  newText: string,
): Promise<Edit> {
  const { organizationId, personId } = session;
  const text = toSafeText(newText);
  const room = await context.store.rooms.get(organizationId, post.roomId);
  const named = await mentionsIn(context, organizationId, room?.agentHandle, text);
  const content = [...named.content, ...(post.content ?? []).filter((block) => block.type === "media")];
  return {
    organizationId,
    postId: post.postId,
    personId,
    text,
    content,
    mentions: named.mentions,
    event: {
      kind: "message_edited",
      body: { messageId: post.postId, content: asJson(content), mentions: toEventMentions(named, room?.agentHandle) },
    },
  };
}

/** Between two people no agent hears anything, so a slash there is only a slash. */
function isHeard(room: WebRoomView): boolean {
  return room.kind !== "direct" || room.agentHandle !== undefined;
}

async function mentionsIn(
  context: WebContext,
  organizationId: string,
  peerAgent: string | undefined,
  text: string,
): Promise<MentionedText> {
  if (!text.includes("@")) return readMentions(text, { agents: [], people: [] });
  const people = (await context.people.list(organizationId)).filter((person) => person.active);
  // Also while this process starts or stops: what is posted then is stored, and handed on by the next process that runs.
  const agents = context.agents(organizationId);
  return readMentions(text, { agents: peerAgent === undefined ? agents : [...agents, { handle: peerAgent }], people });
}

/** In a direct message with an agent, every post is to that agent. */
function toEventMentions({ mentions }: MentionedText, peerAgent: string | undefined) {
  const agents = new Set(mentions.agentHandles);
  if (peerAgent !== undefined) agents.add(peerAgent);
  return { people: mentions.personIds, agents: [...agents], everyone: mentions.everyone };
}

async function mediaBlocks(
  context: WebContext,
  session: RoomActor,
  uploadIds: readonly string[],
): Promise<readonly ContentBlock[]> {
  const blocks: ContentBlock[] = [];
  for (const uploadId of new Set(uploadIds)) {
    const upload = await context.store.uploads.get(session.organizationId, uploadId);
    if (upload === undefined || upload.personId !== session.personId) {
      throw new ParleyError("NOT_FOUND", { detail: "A file of this post is not there." });
    }
    const { name, mediaType, sizeBytes } = upload;
    blocks.push({ type: "media", mediaId: uploadId, kind: kindOf(upload.kind, mediaType), name, mediaType, sizeBytes });
  }
  return blocks;
}

function kindOf(kind: "image" | "file", mediaType: string): "image" | "audio" | "video" | "file" {
  if (kind === "image") return "image";
  if (mediaType.startsWith("audio/")) return "audio";
  return mediaType.startsWith("video/") ? "video" : "file";
}

/** Blocks are plain data; their optional members are absent rather than undefined. */
function asJson(content: readonly ContentBlock[]): JsonValue {
  return content.map((block) => defined(block) as JsonValue);
}
