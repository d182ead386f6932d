import type { ServerFrame } from "./protocol.ts";
import type { RoomSocket } from "./room-socket.ts";

/** The sockets of this process by room and by person. */
export class SocketIndex {
  readonly #all = new Set<RoomSocket>();
  readonly #byRoom = new Map<string, Set<RoomSocket>>();
  readonly #byPerson = new Map<string, Set<RoomSocket>>();

  get size(): number {
    return this.#all.size;
  }

  all(): ReadonlySet<RoomSocket> {
    return this.#all;
  }

  add(socket: RoomSocket): void {
    this.#all.add(socket);
    addTo(this.#byPerson, socket.session.personId, socket);
  }

  /** True when it was the person's last socket here. */
  remove(socket: RoomSocket): boolean {
    this.#all.delete(socket);
    this.setRooms(socket, []);
    removeFrom(this.#byPerson, socket.session.personId, socket);
    return !this.#byPerson.has(socket.session.personId);
  }

  /** Makes these the rooms that the socket hears of; does nothing for a socket that is gone. */
  setRooms(socket: RoomSocket, roomIds: readonly string[]): void {
    const wanted = this.#all.has(socket) ? new Set(roomIds) : new Set<string>();
    for (const roomId of socket.rooms) {
      if (wanted.has(roomId)) continue;
      socket.rooms.delete(roomId);
      removeFrom(this.#byRoom, roomId, socket);
    }
    for (const roomId of wanted) {
      socket.rooms.add(roomId);
      addTo(this.#byRoom, roomId, socket);
    }
  }

  join(personId: string, roomId: string): void {
    for (const socket of this.ofPerson(personId)) {
      socket.leftEarly.delete(roomId);
      socket.rooms.add(roomId);
      addTo(this.#byRoom, roomId, socket);
    }
  }

  leave(personId: string, roomId: string): void {
    for (const socket of this.ofPerson(personId)) {
      socket.leftEarly.add(roomId);
      socket.rooms.delete(roomId);
      removeFrom(this.#byRoom, roomId, socket);
    }
  }

  inRoom(roomId: string): ReadonlySet<RoomSocket> {
    return this.#byRoom.get(roomId) ?? NONE;
  }

  hasRoom(roomId: string): boolean {
    return this.#byRoom.has(roomId);
  }

  ofPerson(personId: string): ReadonlySet<RoomSocket> {
    return this.#byPerson.get(personId) ?? NONE;
  }

  ofOrganization(organizationId: string): readonly RoomSocket[] {
    return [...this.#all].filter(({ session }) => session.organizationId === organizationId);
  }

  /** Everybody with a socket here, once. */
  people(): readonly { readonly organizationId: string; readonly personId: string }[] {
    return [...this.#byPerson.values()].flatMap((sockets) => {
      const [first] = sockets;
      return first === undefined
        ? []
        : [{ organizationId: first.session.organizationId, personId: first.session.personId }];
    });
  }

  toRoom(roomId: string, frame: ServerFrame, exceptPersonId?: string): void {
    const text = JSON.stringify(frame);
    for (const socket of this.inRoom(roomId)) {
      if (socket.session.personId !== exceptPersonId) socket.sendText(text);
    }
  }

  toOrganization(organizationId: string, frame: ServerFrame): void {
    const text = JSON.stringify(frame);
    for (const socket of this.ofOrganization(organizationId)) socket.sendText(text);
  }

  closeSessions(sessionIds: ReadonlySet<string>, code: number, reason: string): void {
    for (const socket of this.#all) {
      if (!sessionIds.has(socket.session.sessionId)) continue;
      // Nothing is sent while the close is being answered.
      this.setRooms(socket, []);
      socket.close(code, reason);
    }
  }
}

const NONE: ReadonlySet<RoomSocket> = new Set();

function addTo(index: Map<string, Set<RoomSocket>>, key: string, socket: RoomSocket): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([socket]));
  else set.add(socket);
}

function removeFrom(index: Map<string, Set<RoomSocket>>, key: string, socket: RoomSocket): void {
  const set = index.get(key);
  set?.delete(socket);
  if (set?.size === 0) index.delete(key);
}
