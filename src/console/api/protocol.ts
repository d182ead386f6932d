import type { ApprovalRequestPart, ArtifactPart, TaskUpdatePart, WebPart } from "./parts.ts";

/**
 * The shapes of the web room's HTTP and WebSocket interface, as far as the page reads them.
 *
 * The page knows the interface alone and imports nothing of the server; `test/unit/console` compares these shapes with the server's schemas.
 */
export type Role = "owner" | "admin" | "member";

export interface WebPerson {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly color: string;
  readonly active: boolean;
  readonly online: boolean;
}

export interface WebAgent {
  readonly agentId: string;
  readonly handle: string;
  readonly name: string;
  readonly description: string;
  readonly color: string;
  readonly avatarUrl?: string | undefined;
  /** Who answers for it. */
  readonly owner?: string | undefined;
  readonly status: "active" | "paused" | "not_set_up";
  /** Of an agent that dials in: one that is away answers when it is back. */
  readonly connection?: "connected" | "away" | undefined;
}

export interface WebCommand {
  readonly name: string;
  readonly usage: string;
  readonly description: string;
}

export interface MeAnswer {
  readonly person: WebPerson;
  readonly organizationId: string;
  readonly sessionId: string;
  readonly commands: readonly WebCommand[];
  readonly limits: {
    readonly maxPostChars: number;
    readonly maxUploadBytes: number;
    readonly maxUploadsPerPost: number;
  };
}

export interface WebSession {
  readonly id: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
  readonly current: boolean;
  readonly userAgent: string;
}

export interface SignInLinkAnswer {
  readonly url: string;
  readonly expiresAt: string;
}

export interface WebRoom {
  readonly id: string;
  readonly kind: "public" | "private" | "direct";
  readonly name: string;
  readonly topic: string;
  readonly archived: boolean;
  readonly joined: boolean;
  readonly createdAt: string;
  readonly memberCount: number;
  readonly peer?:
    | { readonly kind: "person"; readonly personId: string }
    | { readonly kind: "agent"; readonly handle: string }
    | undefined;
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly unread: number;
  readonly unreadMentions: number;
  readonly may: { readonly post: boolean; readonly manage: boolean };
}

/** Whose invitation an agent is in a room by; agents without one are there by their own definition. */
export interface RoomInvitation {
  readonly agentHandle: string;
  readonly inviterKind: "person" | "operator";
  readonly inviterName: string;
  readonly own: boolean;
}

export interface MembersAnswer {
  readonly people: readonly WebPerson[];
  readonly agents: readonly WebAgent[];
  readonly invitations: readonly RoomInvitation[];
  readonly mayInvite: boolean;
}

export interface WebUpload {
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  readonly kind: "image" | "file";
  readonly sizeBytes: number;
  readonly url: string;
}

export interface WebAuthor {
  readonly kind: "person" | "agent" | "system";
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly handle?: string | undefined;
  readonly avatarUrl?: string | undefined;
}

export interface WebReaction {
  readonly reaction: string;
  readonly personIds: readonly string[];
  readonly agentHandles: readonly string[];
}

export interface WebAnswer {
  readonly actionId: string;
  readonly value?: string | undefined;
  readonly personId: string;
  readonly personName: string;
  readonly at: string;
}

export interface WebPost {
  readonly id: string;
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly seq: number;
  readonly changeSeq: number;
  readonly author: WebAuthor;
  readonly text: string;
  readonly parts?: readonly WebPart[] | undefined;
  readonly state: "final" | "streaming";
  readonly ephemeral: boolean;
  readonly uploads: readonly WebUpload[];
  readonly mentions: {
    readonly personIds: readonly string[];
    readonly agentHandles: readonly string[];
    readonly everyone: boolean;
  };
  readonly reactions: readonly WebReaction[];
  readonly answers: readonly WebAnswer[];
  readonly thread?: { readonly replyCount: number; readonly lastReplyAt: string } | undefined;
  readonly revision: number;
  readonly createdAt: string;
  readonly editedAt: string | null;
  readonly deletedAt: string | null;
  readonly clientMessageId?: string | undefined;
}

export interface MessagesAnswer {
  readonly posts: readonly WebPost[];
  readonly hasMore: boolean;
  readonly lastSeq: number;
}

export interface ChangesAnswer {
  readonly posts: readonly WebPost[];
  readonly cursor: number;
  readonly hasMore: boolean;
}

export interface TurnStatus {
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly agent: Pick<WebAgent, "agentId" | "handle" | "name" | "color" | "avatarUrl">;
  /** Empty when the turn ended. */
  readonly line: string;
}

interface OfPost {
  readonly postId: string;
  readonly agentHandle: string;
  readonly at: string;
}

export interface ExplanationStep {
  readonly at: string;
  readonly verb: "ingest" | "route" | "access" | "assemble" | "invoke" | "render" | "deliver";
  readonly agent?: string | undefined;
  readonly outcome: string;
  readonly rule: string;
  readonly auditRecord?: number | undefined;
}

export interface ExplanationAnswer {
  readonly state: string;
  readonly stateReason?: string | undefined;
  readonly steps: readonly ExplanationStep[];
  readonly auditRecords: readonly { readonly id: number; readonly seal: number | null }[];
}

export interface StateAnswer {
  readonly turns: readonly TurnStatus[];
  readonly tasks: readonly (OfPost & { readonly task: TaskUpdatePart })[];
  readonly approvals: readonly (OfPost & { readonly approval: ApprovalRequestPart })[];
  readonly artifacts: readonly (OfPost & { readonly artifact: ArtifactPart })[];
}

export interface ActionBody {
  readonly clientActionId: string;
  readonly actionId: string;
  readonly value?: string;
  readonly fields?: Readonly<Record<string, string>>;
}
