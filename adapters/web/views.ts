import { z } from "zod";
import type {
  WebAgentStatusRecord,
  WebPersonRecord,
  WebPostRecord,
  WebRole,
  WebRoomView,
  WebUploadRecord,
} from "../../src/contracts/web-room-records.ts";
import type { WebRoomAgent } from "./context.ts";
import { colorOf } from "./ids.ts";
import {
  type TurnStatus,
  WEB_API_PREFIX,
  type WebAgent,
  type WebAuthor,
  WebPart,
  type WebPerson,
  type WebPost,
  type WebRoom,
  type WebUpload,
} from "./protocol.ts";

/** Colour of what the room itself says. */
const SYSTEM_COLOR = "#5f6368";

export function personView(person: WebPersonRecord): WebPerson {
  const { personId, name, role, active, online } = person;
  return { id: personId, name, role, color: colorOf(personId), active, online };
}

export function agentView(agent: WebRoomAgent): WebAgent {
  const { agentId, handle, name, description, color, avatarUrl, status, connection } = agent;
  return {
    agentId,
    handle,
    name,
    description,
    color,
    status,
    ...(avatarUrl === undefined ? {} : { avatarUrl }),
    ...(connection === undefined ? {} : { connection }),
  };
}

/** The room as one person sees it; `role` is that person's in the organization. */
export function roomView(room: WebRoomView, role: WebRole): WebRoom {
  const direct = room.kind === "direct";
  const isManager = role !== "member" || room.createdBy === room.viewerId;
  return {
    id: room.roomId,
    kind: room.kind,
    name: room.peerPersonName ?? room.name,
    topic: room.topic,
    archived: room.archived,
    joined: room.joined,
    createdAt: room.createdAt,
    memberCount: room.memberCount,
    ...peerOf(room),
    lastSeq: room.lastSeq,
    readSeq: room.readSeq,
    unread: room.unread,
    unreadMentions: room.unreadMentions,
    may: { post: room.joined && !room.archived, manage: !direct && room.joined && isManager },
  };
}

function peerOf(room: WebRoomView): Pick<WebRoom, "peer"> {
  if (room.agentHandle !== undefined) return { peer: { kind: "agent", handle: room.agentHandle } };
  if (room.peerPersonId !== undefined) return { peer: { kind: "person", personId: room.peerPersonId } };
  return {};
}

export function uploadView(upload: WebUploadRecord): WebUpload {
  const { uploadId, name, mediaType, kind, sizeBytes } = upload;
  return { id: uploadId, name, mediaType, kind, sizeBytes, url: `${WEB_API_PREFIX}/uploads/${uploadId}` };
}

/** An artifact as it is stored: its bytes are an upload of the post. */
export const StoredArtifact = z.object({
  type: z.literal("artifact"),
  artifactId: z.string(),
  fallbackText: z.string().optional(),
  uploadId: z.string(),
});

/** The post as this person sees it. */
export function postView(post: WebPostRecord, viewerId: string): WebPost {
  const parts = post.parts === undefined || post.state === "streaming" ? undefined : partsOf(post);
  const inParts = new Set(parts?.flatMap((part) => (part.type === "artifact" ? [part.upload.id] : [])));
  const own = post.author.kind === "person" && post.author.id === viewerId;
  return {
    id: post.postId,
    roomId: post.roomId,
    threadRootId: post.threadRootId ?? null,
    seq: post.seq,
    changeSeq: post.changeSeq,
    author: authorView(post),
    text: post.text,
    ...(parts === undefined ? {} : { parts }),
    state: post.state,
    ephemeral: post.visibleTo !== undefined,
    uploads: post.uploads.filter((upload) => !inParts.has(upload.uploadId)).map(uploadView),
    mentions: {
      personIds: [...post.mentions.personIds],
      agentHandles: [...post.mentions.agentHandles],
      everyone: post.mentions.everyone,
    },
    reactions: reactionsOf(post),
    answers: [...post.answers],
    ...(post.replyCount > 0 && post.lastReplyAt !== undefined
      ? { thread: { replyCount: post.replyCount, lastReplyAt: post.lastReplyAt } }
      : {}),
    revision: post.revision,
    createdAt: post.createdAt,
    editedAt: post.editedAt ?? null,
    deletedAt: post.deletedAt ?? null,
    ...(own && post.clientMessageId !== undefined ? { clientMessageId: post.clientMessageId } : {}),
  };
}

function authorView({ author }: WebPostRecord): WebAuthor {
  const { kind, id, name, handle, avatarUrl } = author;
  const color = author.color ?? (kind === "person" ? colorOf(id) : SYSTEM_COLOR);
  return {
    kind,
    id,
    name,
    color,
    ...(handle === undefined ? {} : { handle }),
    ...(avatarUrl === undefined ? {} : { avatarUrl }),
  };
}

/** Parts of an older version that this one cannot read are left out; the post's text still says what they said. */
function partsOf(post: WebPostRecord): WebPart[] {
  const uploads = new Map(post.uploads.map((upload) => [upload.uploadId, upload]));
  return (post.parts ?? []).flatMap((stored): WebPart[] => {
    const artifact = StoredArtifact.safeParse(stored);
    if (artifact.success) {
      const { uploadId, ...part } = artifact.data;
      const upload = uploads.get(uploadId);
      return upload === undefined ? [] : [{ ...part, upload: uploadView(upload) }];
    }
    const part = WebPart.safeParse(stored);
    return part.success ? [part.data] : [];
  });
}

function reactionsOf(post: WebPostRecord): WebPost["reactions"] {
  const groups = Map.groupBy(post.reactions, ({ reaction }) => reaction);
  return [...groups].map(([reaction, given]) => ({
    reaction,
    personIds: given.filter(({ kind }) => kind === "person").map(({ actorId }) => actorId),
    agentHandles: given.filter(({ kind }) => kind === "agent").map(({ actorId }) => actorId),
  }));
}

export function turnView(status: WebAgentStatusRecord): TurnStatus {
  const { roomId, threadRootId, agentId, handle, name, color, avatarUrl, line } = status;
  const agent = { agentId, handle, name, color, ...(avatarUrl === undefined ? {} : { avatarUrl }) };
  return { roomId, threadRootId: threadRootId ?? null, agent, line };
}
