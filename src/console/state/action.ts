import type {
  ChangesAnswer,
  MeAnswer,
  MembersAnswer,
  MessagesAnswer,
  StateAnswer,
  TurnStatus,
  WebAgent,
  WebPerson,
  WebPost,
  WebRoom,
} from "../api/protocol.ts";
import type { ConnectionState } from "../api/socket.ts";
import type { Pane, PendingPost, TypingPerson } from "./model.ts";

interface Place {
  readonly roomId: string;
  readonly threadRootId: string | null;
}

/** Everything that can change the page's state; each is applied by exactly one of the reducers. */
export type Action =
  | { readonly type: "signed_in"; readonly me: MeAnswer }
  | { readonly type: "signed_out"; readonly notice?: string }
  | { readonly type: "unreachable"; readonly notice: string }
  | { readonly type: "connection"; readonly state: ConnectionState }
  | { readonly type: "notice"; readonly kind: "error" | "ok"; readonly text: string }
  | { readonly type: "notice_dismissed" }
  | { readonly type: "people"; readonly people: readonly WebPerson[] }
  | { readonly type: "person"; readonly person: WebPerson }
  | { readonly type: "presence"; readonly personId: string; readonly online: boolean }
  | { readonly type: "agents"; readonly agents: readonly WebAgent[] }
  | { readonly type: "rooms"; readonly rooms: readonly WebRoom[] }
  | { readonly type: "room"; readonly room: WebRoom }
  | { readonly type: "room_removed"; readonly roomId: string }
  | { readonly type: "room_opened"; readonly roomId: string }
  | { readonly type: "room_read"; readonly roomId: string; readonly seq: number }
  | { readonly type: "unread_line"; readonly roomId: string }
  | { readonly type: "members"; readonly roomId: string; readonly members: MembersAnswer }
  | {
      readonly type: "member";
      readonly roomId: string;
      readonly change: "joined" | "left";
      readonly person: WebPerson;
    }
  | { readonly type: "pane"; readonly pane: Partial<Pane> }
  | ({ readonly type: "window_loading"; readonly older: boolean } & Place)
  | ({ readonly type: "window_failed"; readonly message: string } & Place)
  | ({ readonly type: "window_loaded"; readonly older: boolean; readonly answer: MessagesAnswer } & Place)
  | { readonly type: "windows_dropped"; readonly roomId: string }
  | { readonly type: "changes"; readonly roomId: string; readonly answer: ChangesAnswer }
  | { readonly type: "post"; readonly change: string; readonly post: WebPost }
  | { readonly type: "previews"; readonly texts: Readonly<Record<string, string>> }
  | { readonly type: "pending"; readonly post: PendingPost }
  | { readonly type: "pending_dropped"; readonly clientMessageId: string }
  | { readonly type: "typing"; readonly person: TypingPerson }
  | { readonly type: "typing_expired"; readonly nowMs: number }
  | { readonly type: "turn"; readonly turn: TurnStatus }
  | { readonly type: "work"; readonly roomId: string; readonly work: StateAnswer };

export type ActionOf<Type extends Action["type"]> = Extract<Action, { type: Type }>;
