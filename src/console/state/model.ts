import type {
  MeAnswer,
  RoomInvitation,
  StateAnswer,
  TurnStatus,
  WebAgent,
  WebPerson,
  WebPost,
  WebRoom,
  WebUpload,
} from "../api/protocol.ts";
import type { ConnectionState } from "../api/socket.ts";

/** Who looks at the page: not known yet, nobody, or a person with a session. */
export type Session =
  | { readonly phase: "checking"; readonly notice?: string }
  | { readonly phase: "signed_out"; readonly notice?: string }
  | { readonly phase: "signed_in"; readonly me: MeAnswer };

/** Which posts of a room or thread are held: all from `oldestSeq` to the newest, without a gap. */
export interface PostWindow {
  readonly status: "loading" | "ready" | "failed";
  readonly oldestSeq: number;
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  readonly error?: string;
}

/** A post that the server has not confirmed; it keeps its `clientMessageId` over every attempt, so that a repeat cannot double it. */
export interface PendingPost {
  readonly clientMessageId: string;
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly text: string;
  readonly uploads: readonly WebUpload[];
  readonly createdAt: string;
  readonly state: "sending" | "failed";
  readonly error?: string;
  /** The failure may pass, so the page tries again by itself when the connection is back. */
  readonly retryable?: boolean;
}

export interface TypingPerson {
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly personId: string;
  readonly name: string;
  readonly untilMs: number;
}

export interface RoomMembers {
  readonly personIds: readonly string[];
  readonly agentHandles: readonly string[];
  readonly invitations: readonly RoomInvitation[];
  readonly mayInvite: boolean;
}

export const PANE_TABS = ["thread", "members", "work", "files"] as const;
export type PaneTab = (typeof PANE_TABS)[number];

export interface Pane {
  readonly open: boolean;
  readonly tab: PaneTab;
  readonly threadRootId: string | null;
}

export interface ConsoleState {
  readonly session: Session;
  readonly connection: ConnectionState;
  readonly people: Readonly<Record<string, WebPerson>>;
  readonly agents: readonly WebAgent[];
  readonly rooms: Readonly<Record<string, WebRoom>>;
  readonly roomsLoaded: boolean;
  readonly members: Readonly<Record<string, RoomMembers>>;
  readonly activeRoomId: string | null;
  readonly pane: Pane;
  readonly posts: Readonly<Record<string, WebPost>>;
  /** By `windowKey`. */
  readonly windows: Readonly<Record<string, PostWindow>>;
  /** Per room: every change up to this `changeSeq` is held. */
  readonly cursors: Readonly<Record<string, number>>;
  /** Per room: the read mark at the time of opening, above which the line "New" is drawn. */
  readonly unreadAfter: Readonly<Record<string, number>>;
  /** Live text of streaming posts. */
  readonly previews: Readonly<Record<string, string>>;
  readonly pending: readonly PendingPost[];
  readonly typing: readonly TypingPerson[];
  readonly turns: readonly TurnStatus[];
  readonly work: Readonly<Record<string, StateAnswer>>;
  /** A sentence about something that just failed or succeeded, until it is dismissed. */
  readonly notice: { readonly kind: "error" | "ok"; readonly text: string } | null;
}

export const initialState: ConsoleState = {
  session: { phase: "checking" },
  connection: "connecting",
  people: {},
  agents: [],
  rooms: {},
  roomsLoaded: false,
  members: {},
  activeRoomId: null,
  pane: { open: true, tab: "members", threadRootId: null },
  posts: {},
  windows: {},
  cursors: {},
  unreadAfter: {},
  previews: {},
  pending: [],
  typing: [],
  turns: [],
  work: {},
  notice: null,
};

/** Names a room's or a thread's window; equal for equal places alone. */
export function windowKey(roomId: string, threadRootId: string | null): string {
  return threadRootId === null ? roomId : `${roomId} ${threadRootId}`;
}
