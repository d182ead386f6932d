import type { WebPost, WebRoom } from "../api/protocol.ts";
import type { Handlers } from "./apply-handlers.ts";
import type { ConsoleState } from "./model.ts";

const MOST_COUNTED_UNREAD = 100;

/** Rooms, their members, what is read and which one is open. */
export const roomHandlers: Handlers = {
  rooms: (state, action) => {
    const rooms = Object.fromEntries(action.rooms.map((room) => [room.id, room]));
    const activeRoomId = state.activeRoomId !== null && rooms[state.activeRoomId] ? state.activeRoomId : null;
    return { ...state, rooms, roomsLoaded: true, activeRoomId };
  },
  room: (state, { room }) => setRoom(state, room),
  room_removed: (state, { roomId }) => {
    const { [roomId]: _removed, ...rooms } = state.rooms;
    return { ...state, rooms, activeRoomId: state.activeRoomId === roomId ? null : state.activeRoomId };
  },
  room_opened: (state, { roomId }) => {
    const tab = state.pane.tab === "thread" ? "members" : state.pane.tab;
    const opened = { ...state, activeRoomId: roomId, pane: { ...state.pane, threadRootId: null, tab } };
    return drawUnreadLine(opened, roomId);
  },
  unread_line: (state, { roomId }) => drawUnreadLine(state, roomId),
  room_read: (state, { roomId, seq }) => {
    const room = state.rooms[roomId];
    if (!room || seq <= room.readSeq) return state;
    return setRoom(state, { ...room, readSeq: seq, ...unreadAfter(state, room, seq) });
  },
  post: (state, { change, post }) => countUnread(state, change, post),
  changes: (state, { roomId, answer }) => raiseLastSeq(state, roomId, answer.cursor),
  window_loaded: (state, { roomId, answer }) => raiseLastSeq(state, roomId, answer.lastSeq),
  members: (state, { roomId, members: { people, agents, invitations, mayInvite } }) => {
    const personIds = people.map((person) => person.id);
    const members = { personIds, agentHandles: agents.map((agent) => agent.handle), invitations, mayInvite };
    return { ...state, members: { ...state.members, [roomId]: members } };
  },
  member: (state, { roomId, change, person }) => {
    const held = state.members[roomId];
    if (!held) return state;
    const others = held.personIds.filter((personId) => personId !== person.id);
    const personIds = change === "joined" ? [...others, person.id] : others;
    return { ...state, members: { ...state.members, [roomId]: { ...held, personIds } } };
  },
};

function setRoom(state: ConsoleState, room: WebRoom): ConsoleState {
  return { ...state, rooms: { ...state.rooms, [room.id]: room } };
}

function raiseLastSeq(state: ConsoleState, roomId: string, seq: number): ConsoleState {
  const room = state.rooms[roomId];
  return room && seq > room.lastSeq ? setRoom(state, { ...room, lastSeq: seq }) : state;
}

/** The line is drawn for what came while nobody looked; what comes before one's eyes is not new. */
function drawUnreadLine(state: ConsoleState, roomId: string): ConsoleState {
  const room = state.rooms[roomId];
  const { [roomId]: _line, ...others } = state.unreadAfter;
  if (!room || room.unread === 0) return { ...state, unreadAfter: others };
  return { ...state, unreadAfter: { ...others, [roomId]: room.readSeq } };
}

function countUnread(state: ConsoleState, change: string, post: WebPost): ConsoleState {
  const room = state.rooms[post.roomId];
  if (!room) return state;
  const lastSeq = Math.max(room.lastSeq, post.changeSeq);
  const isNew = change === "created" && post.seq > room.lastSeq && countsAsUnread(state, room, post);
  if (!isNew && lastSeq === room.lastSeq) return state;
  if (!isNew) return setRoom(state, { ...room, lastSeq });
  const unread = Math.min(MOST_COUNTED_UNREAD, room.unread + 1);
  const unreadMentions = Math.min(MOST_COUNTED_UNREAD, room.unreadMentions + (namesReader(state, post) ? 1 : 0));
  return setRoom(state, { ...room, lastSeq, unread, unreadMentions });
}

function countsAsUnread(state: ConsoleState, room: WebRoom, post: WebPost): boolean {
  const own = state.session.phase === "signed_in" && post.author.id === state.session.me.person.id;
  return !own && post.threadRootId === null && post.seq > room.readSeq && post.deletedAt === null;
}

function unreadAfter(state: ConsoleState, room: WebRoom, seq: number): Pick<WebRoom, "unread" | "unreadMentions"> {
  const left =
    seq >= room.lastSeq
      ? []
      : Object.values(state.posts).filter(
          (post) => post.roomId === room.id && countsAsUnread(state, { ...room, readSeq: seq }, post),
        );
  return { unread: left.length, unreadMentions: left.filter((post) => namesReader(state, post)).length };
}

function namesReader(state: ConsoleState, post: WebPost): boolean {
  const { session } = state;
  const named = session.phase === "signed_in" && post.mentions.personIds.includes(session.me.person.id);
  return named || post.mentions.everyone;
}
