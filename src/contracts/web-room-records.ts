import type { ContentBlock } from "../envelope/content.ts";
import type { EventKind } from "../envelope/envelope.ts";
import type { JsonValue } from "./json.ts";

/** What the web room's store hands out. All times are ISO 8601 in UTC with milliseconds. */
export type WebRole = "owner" | "admin" | "member";

export interface WebPersonRecord {
  readonly organizationId: string;
  readonly personId: string;
  readonly name: string;
  readonly role: WebRole;
  readonly active: boolean;
  /** Somebody of another organization: named, and a guest wherever they were let in. */
  readonly external: boolean;
  /** Some process held a socket of this person within the last 45 s. */
  readonly online: boolean;
}

export interface WebSessionRecord {
  readonly sessionId: string;
  readonly organizationId: string;
  readonly personId: string;
  readonly personName: string;
  readonly role: WebRole;
  readonly userAgent: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
}

export type WebRoomKind = "public" | "private" | "direct";

export interface WebRoomRecord {
  readonly organizationId: string;
  readonly roomId: string;
  readonly kind: WebRoomKind;
  readonly name: string;
  readonly topic: string;
  readonly archived: boolean;
  /** The room that everybody joins; it can be neither left nor archived. */
  readonly isDefault: boolean;
  readonly createdBy?: string;
  readonly createdAt: string;
  /** The agent of a direct message with an agent. */
  readonly agentHandle?: string;
  readonly lastSeq: number;
}

/** A room as one person sees it. */
export interface WebRoomView extends WebRoomRecord {
  readonly viewerId: string;
  readonly joined: boolean;
  readonly memberCount: number;
  /** The other person of a direct message between people. */
  readonly peerPersonId?: string;
  readonly peerPersonName?: string;
  readonly readSeq: number;
  readonly unread: number;
  readonly unreadMentions: number;
}

export interface WebMentions {
  readonly personIds: readonly string[];
  readonly agentHandles: readonly string[];
  readonly everyone: boolean;
}

export interface WebUploadRecord {
  readonly organizationId: string;
  readonly uploadId: string;
  readonly roomId: string;
  readonly postId?: string;
  readonly personId?: string;
  readonly name: string;
  readonly mediaType: string;
  readonly kind: "image" | "file";
  readonly sizeBytes: number;
  /** Generated file name in the uploads folder; never derived from what a person typed. */
  readonly storedName: string;
}

export interface WebAuthorRecord {
  readonly kind: "person" | "agent" | "system";
  readonly id: string;
  readonly name: string;
  readonly handle?: string;
  readonly color?: string;
  readonly avatarUrl?: string;
}

export interface WebPostRecord {
  readonly organizationId: string;
  readonly postId: string;
  readonly roomId: string;
  readonly threadRootId?: string;
  readonly seq: number;
  readonly changeSeq: number;
  readonly author: WebAuthorRecord;
  readonly text: string;
  /** A person's post as envelope content. */
  readonly content?: readonly ContentBlock[];
  /** An agent's reply: its parts, an artifact with `uploadId` in place of its bytes. */
  readonly parts?: readonly JsonValue[];
  readonly state: "final" | "streaming";
  /** The only person who may see it. */
  readonly visibleTo?: string;
  readonly clientMessageId?: string;
  readonly mentions: WebMentions;
  readonly uploads: readonly WebUploadRecord[];
  readonly reactions: readonly {
    readonly reaction: string;
    readonly kind: "person" | "agent";
    readonly actorId: string;
  }[];
  readonly answers: readonly {
    readonly actionId: string;
    readonly value?: string;
    readonly personId: string;
    readonly personName: string;
    readonly at: string;
  }[];
  readonly replyCount: number;
  readonly lastReplyAt?: string;
  readonly revision: number;
  readonly createdAt: string;
  readonly editedAt?: string;
  readonly deletedAt?: string;
}

/** One entry of the platform log: something a person did in a room that agents may hear of. */
export interface WebEventRecord {
  readonly organizationId: string;
  readonly roomId: string;
  /** The room's change number: the platform's order. */
  readonly seq: number;
  readonly kind: EventKind;
  /** The envelope's body for this kind. */
  readonly body: JsonValue;
  readonly threadRootId?: string;
  readonly revision: number;
  /** Absent when the room itself acted (it made the default room). */
  readonly personId?: string;
  readonly personName?: string;
  readonly personExternal?: boolean;
  readonly personRole?: WebRole;
  readonly traceId: string;
  readonly occurredAt: string;
  readonly room: Pick<WebRoomRecord, "name" | "kind" | "agentHandle">;
}

export interface WebAgentStatusRecord {
  readonly roomId: string;
  readonly threadRootId?: string;
  readonly agentId: string;
  readonly handle: string;
  readonly name: string;
  readonly color: string;
  readonly avatarUrl?: string;
  readonly line: string;
}

/**
 * What changed, as ids alone; every process that listens hears of it once its transaction is committed.
 *
 * `origin` is the process it came from, for notices whose content that process has shown already.
 */
export type WebNotice = { readonly organizationId: string } & (
  | { readonly type: "post"; readonly roomId: string; readonly postId: string; readonly change: WebPostChange }
  | { readonly type: "preview"; readonly roomId: string; readonly postId: string; readonly origin: string }
  | { readonly type: "room"; readonly roomId: string }
  | { readonly type: "member"; readonly roomId: string; readonly personId: string; readonly change: "joined" | "left" }
  | { readonly type: "person"; readonly personId: string }
  | { readonly type: "session"; readonly sessionIds: readonly string[] }
  | { readonly type: "typing"; readonly roomId: string; readonly personId: string; readonly threadRootId?: string }
  | { readonly type: "presence"; readonly personId: string }
  | { readonly type: "status"; readonly roomId: string; readonly agentId: string; readonly threadRootId?: string }
  | { readonly type: "read"; readonly roomId: string; readonly personId: string; readonly seq: number }
);

export type WebPostChange = "created" | "edited" | "deleted" | "reaction" | "thread";
