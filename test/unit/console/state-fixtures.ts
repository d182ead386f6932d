import type { WebAgent, WebPerson, WebPost, WebRoom } from "../../../src/console/api/protocol.ts";
import { type ConsoleState, initialState } from "../../../src/console/state/model.ts";
import { reduce } from "../../../src/console/state/store.ts";

export const ada: WebPerson = { id: "p-ada", name: "Ada", role: "owner", color: "#445566", active: true, online: true };
export const ben: WebPerson = { ...ada, id: "p-ben", name: "Ben Carter", role: "member" };
export const guide: WebAgent = {
  agentId: "a-guide",
  handle: "guide",
  name: "Guide",
  description: "",
  color: "#116644",
  status: "active",
};

export function makeRoom(changes: Partial<WebRoom> = {}): WebRoom {
  return {
    id: "r1",
    kind: "public",
    name: "general",
    topic: "",
    archived: false,
    joined: true,
    createdAt: "2026-11-01T08:00:00.000Z",
    memberCount: 2,
    lastSeq: 0,
    readSeq: 0,
    unread: 0,
    unreadMentions: 0,
    may: { post: true, manage: true },
    ...changes,
  };
}

/** A post made and last changed by change number `seq`; ten minutes after the one before it, by Ben unless said otherwise. */
export function makePost(seq: number, changes: Partial<WebPost> = {}): WebPost {
  return {
    id: `m${seq}`,
    roomId: "r1",
    threadRootId: null,
    seq,
    changeSeq: seq,
    author: { kind: "person", id: ben.id, name: ben.name, color: ben.color },
    text: `text ${seq}`,
    state: "final",
    ephemeral: false,
    uploads: [],
    mentions: { personIds: [], agentHandles: [], everyone: false },
    reactions: [],
    answers: [],
    revision: 0,
    createdAt: new Date(Date.UTC(2026, 10, 2, 8, seq * 10)).toISOString(),
    editedAt: null,
    deletedAt: null,
    ...changes,
  };
}

/** Ada, signed in, with one room whose first page is loaded. */
export function openState(posts: readonly WebPost[] = [], room: Partial<WebRoom> = {}): ConsoleState {
  const lastSeq = Math.max(0, ...posts.map((post) => post.changeSeq));
  const me = {
    person: ada,
    organizationId: "default",
    sessionId: "s1",
    commands: [],
    limits: { maxPostChars: 16_000, maxUploadBytes: 1_000, maxUploadsPerPost: 10 },
  };
  const place = { roomId: "r1", threadRootId: null };
  return [
    { type: "signed_in", me } as const,
    { type: "rooms", rooms: [makeRoom({ lastSeq, ...room })] } as const,
    { type: "room_opened", roomId: "r1" } as const,
    { type: "window_loading", older: false, ...place } as const,
    { type: "window_loaded", older: false, answer: { posts, hasMore: false, lastSeq }, ...place } as const,
  ].reduce(reduce, initialState);
}
