import type { TurnStatus, WebAgent, WebPerson, WebPost, WebRoom } from "./protocol.ts";

type RoomSeqs = readonly { readonly roomId: string; readonly lastSeq: number }[];

/** What the socket brings; frames may repeat, and a post with a smaller `changeSeq` than the one held is old. */
export type ServerFrame =
  | { readonly type: "hello"; readonly personId: string; readonly rooms: RoomSeqs }
  | { readonly type: "sync"; readonly rooms: RoomSeqs }
  | {
      readonly type: "post";
      readonly change: "created" | "edited" | "deleted" | "reaction" | "thread";
      readonly post: WebPost;
    }
  | {
      readonly type: "preview";
      readonly roomId: string;
      readonly threadRootId: string | null;
      readonly postId: string;
      readonly offset: number;
      readonly text: string;
    }
  | { readonly type: "room"; readonly room: WebRoom }
  | { readonly type: "room_removed"; readonly roomId: string }
  | {
      readonly type: "member";
      readonly roomId: string;
      readonly change: "joined" | "left";
      readonly person: WebPerson;
    }
  | { readonly type: "person"; readonly person: WebPerson }
  | { readonly type: "agents"; readonly agents: readonly WebAgent[] }
  | {
      readonly type: "typing";
      readonly roomId: string;
      readonly threadRootId: string | null;
      readonly personId: string;
      readonly name: string;
    }
  | { readonly type: "presence"; readonly personId: string; readonly online: boolean }
  | { readonly type: "turn"; readonly turn: TurnStatus }
  | { readonly type: "read"; readonly roomId: string; readonly seq: number }
  | { readonly type: "error"; readonly code: string; readonly message: string };

const REQUIRED_KEYS: { readonly [Type in ServerFrame["type"]]: readonly string[] } = {
  hello: ["personId", "rooms"],
  sync: ["rooms"],
  post: ["change", "post"],
  preview: ["roomId", "postId", "offset", "text"],
  room: ["room"],
  room_removed: ["roomId"],
  member: ["roomId", "change", "person"],
  person: ["person"],
  agents: ["agents"],
  typing: ["roomId", "personId", "name"],
  presence: ["personId", "online"],
  turn: ["turn"],
  read: ["roomId", "seq"],
  error: ["code", "message"],
};

/** Guarantees a frame of a known type with its members present; undefined for anything else, such as a newer server's frame. */
export function parseServerFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== "string") return undefined;
  let frame: unknown;
  try {
    frame = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof frame !== "object" || frame === null || !("type" in frame) || typeof frame.type !== "string")
    return undefined;
  if (!Object.hasOwn(REQUIRED_KEYS, frame.type)) return undefined;
  const parsed = frame as ServerFrame; // the same origin's server validates what it sends; presence of members is checked here
  return REQUIRED_KEYS[parsed.type].every((key) => Object.hasOwn(parsed, key)) ? parsed : undefined;
}
