import type { WebPost, WebRoom } from "../api/protocol.ts";
import type { Action } from "./action.ts";
import type { ConsoleState, RoomMembers } from "./model.ts";

const MOST_COUNTED_UNREAD = 100;

/** Rooms, their members, what is read and which one is open. */
export function reduceRooms(state: ConsoleState, action: Action): ConsoleState {
  switch (action.type) {
    case "rooms": {
      const rooms = Object.fromEntries(action.rooms.map((room) => [room.id, room]));
      const activeRoomId = state.activeRoomId !== null && rooms[state.activeRoomId] ? state.activeRoomId : null;
      return { ...state, rooms, roomsLoaded: true, activeRoomId };
    }
    case "room":
      return setRoom(state, action.room);
    case "room_removed": {
      const { [action.roomId]: _removed, ...rooms } = state.rooms;
      return { ...state, rooms, activeRoomId: state.activeRoomId === action.roomId ? null : state.activeRoomId };
    }
    case "room_opened": {
      const room = state.rooms[action.roomId];
      const pane = {
        ...state.pane,
        threadRootId: null,
        tab: state.pane.tab === "thread" ? "members" : state.pane.tab,
      } as const;
      const opened = { ...state, activeRoomId: action.roomId, pane };
      return room ? drawUnreadLine(opened, room) : opened;
    }
    case "unread_line": {
      const room = state.rooms[action.roomId];
      return room ? drawUnreadLine(state, room) : state;
    }
    case "room_read": {
      const room = state.rooms[action.roomId];
      if (!room || action.seq <= room.readSeq) return state;
      return setRoom(state, { ...room, readSeq: action.seq, unread: unreadAfter(state, room, action.seq) });
    }
    case "post":
      return countUnread(state, action.change, action.post);
    case "changes":
      return raiseLastSeq(state, action.roomId, action.answer.cursor);
    case "window_loaded":
      return raiseLastSeq(state, action.roomId, action.answer.lastSeq);
    case "members": {
      const { people, agents } = action.members;
      const members: RoomMembers = {
        personIds: people.map((person) => person.id),
        agentHandles: agents.map((agent) => agent.handle),
      };
      return { ...state, members: { ...state.members, [action.roomId]: members } };
    }
    case "member": {
      const held = state.members[action.roomId];
      if (!held) return state;
      const others = held.personIds.filter((personId) => personId !== action.person.id);
      const personIds = action.change === "joined" ? [...others, action.person.id] : others;
      return { ...state, members: { ...state.members, [action.roomId]: { ...held, personIds } } };
    }
    default:
      return state;
  }
}

function setRoom(state: ConsoleState, room: WebRoom): ConsoleState {
  return { ...state, rooms: { ...state.rooms, [room.id]: room } };
}

function raiseLastSeq(state: ConsoleState, roomId: string, seq: number): ConsoleState {
  const room = state.rooms[roomId];
  return room && seq > room.lastSeq ? setRoom(state, { ...room, lastSeq: seq }) : state;
}

function drawUnreadLine(state: ConsoleState, room: WebRoom): ConsoleState {
  return { ...state, unreadAfter: { ...state.unreadAfter, [room.id]: room.readSeq } };
}

function countUnread(state: ConsoleState, change: string, post: WebPost): ConsoleState {
  const room = state.rooms[post.roomId];
  if (!room) return state;
  const lastSeq = Math.max(room.lastSeq, post.changeSeq);
  const isNew = change === "created" && post.seq > room.lastSeq && countsAsUnread(state, room, post);
  if (!isNew && lastSeq === room.lastSeq) return state;
  const unread = isNew ? Math.min(MOST_COUNTED_UNREAD, room.unread + 1) : room.unread;
  return setRoom(state, { ...room, lastSeq, unread });
}

function countsAsUnread(state: ConsoleState, room: WebRoom, post: WebPost): boolean {
  const own = state.session.phase === "signed_in" && post.author.id === state.session.me.person.id;
  return !own && post.threadRootId === null && post.seq > room.readSeq && post.deletedAt === null;
}

function unreadAfter(state: ConsoleState, room: WebRoom, seq: number): number {
  if (seq >= room.lastSeq) return 0;
  return Object.values(state.posts).filter(
    (post) => post.roomId === room.id && countsAsUnread(state, { ...room, readSeq: seq }, post),
  ).length;
}
