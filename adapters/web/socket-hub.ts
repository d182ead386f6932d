import type { Logger } from "../../src/contracts/logger.ts";
import type { WebNotice, WebPostChange, WebPostRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import type { WebAdapterDependencies } from "./context.ts";
import { newId } from "./ids.ts";
import { NoticeFrames } from "./notice-frames.ts";
import type { PeopleDirectory } from "./people-directory.ts";
import { SOCKET_CLOSE } from "./protocol.ts";
import type { RoomSocket } from "./room-socket.ts";
import { SocketIndex } from "./socket-index.ts";
import { postView } from "./views.ts";

/** Revoked sessions are told by a notice; this bounds how long a lost notice keeps a socket open. */
const CHECK_INTERVAL_MS = 5_000;
/** Every how many checks the sockets are pinged and told the rooms' newest numbers: 15 s. */
const CHECKS_PER_SYNC = 3;

export interface SocketHubOptions {
  readonly store: WebRoomStore;
  readonly people: PeopleDirectory;
  readonly agents: WebAdapterDependencies["agents"];
  readonly revision: ((organizationId: string) => object) | undefined;
  readonly logger: () => Logger | undefined;
}

/** Brings what changed to the sockets of this process; what another process changed comes as notices. */
export class SocketHub {
  /** Names this process in notices and presence. */
  readonly processId = newId("process");
  readonly #store: WebRoomStore;
  readonly #people: PeopleDirectory;
  readonly #logger: () => Logger | undefined;
  readonly #sockets = new SocketIndex();
  readonly #frames: NoticeFrames;
  readonly #changedPosts = new Map<string, { organizationId: string; change: WebPostChange }>();
  #work: Promise<void> = Promise.resolve();
  #unlisten: (() => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checks = 0;

  constructor({ store, people, agents, revision, logger }: SocketHubOptions) {
    this.#store = store;
    this.#people = people;
    this.#logger = logger;
    this.#frames = new NoticeFrames({
      store,
      people,
      agents,
      revision,
      sockets: this.#sockets,
      processId: this.processId,
    });
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#store.live.listen(
      (notice) => this.#hear(notice),
      () => this.#later(() => this.#resync()),
    );
    this.#timer = setInterval(() => {
      if (this.#sockets.size > 0) this.#later(() => this.#check());
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Closes every socket and stops listening; safe to call twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const unlisten = this.#unlisten;
    this.#unlisten = undefined;
    if (unlisten === undefined) return;
    await unlisten();
    const closed = [...this.#sockets.all()].map((socket) => new Promise<void>((resolve) => socket.onClose(resolve)));
    for (const socket of this.#sockets.all()) socket.close(SOCKET_CLOSE.goingAway, "the server stops");
    await Promise.all(closed);
    await this.#work;
    await this.#store.live.setPresence(this.processId, []).catch((error: unknown) => this.#log(error));
  }

  /** Takes a signed-in socket: from now on it hears of its rooms, beginning with their newest numbers. */
  accept(socket: RoomSocket): void {
    this.#sockets.add(socket);
    socket.onClose(() => {
      const wasLast = this.#sockets.remove(socket);
      if (wasLast && this.#unlisten !== undefined) this.#later(() => this.#tellPresence());
    });
    this.#later(async () => {
      await this.#enterRooms([socket]);
      await this.#tellPresence();
    });
  }

  /** Shows a streaming post's new text here at once; `shown` is what the sockets hold already. */
  preview(post: WebPostRecord, shown: string, text: string): void {
    const offset = text.startsWith(shown) ? shown.length : 0;
    const { roomId, postId } = post;
    const frame = {
      type: "preview",
      roomId,
      threadRootId: post.threadRootId ?? null,
      postId,
      offset,
      text: text.slice(offset),
    } as const;
    this.#sockets.toRoom(roomId, frame);
  }

  #hear(notice: WebNotice): void {
    // What takes rights away is done before anything that waits: nothing more is sent to who lost them.
    if (notice.type === "session") {
      this.#sockets.closeSessions(new Set(notice.sessionIds), SOCKET_CLOSE.signedOut, "signed out");
      return;
    }
    if (notice.type === "member" && notice.change === "left") this.#sockets.leave(notice.personId, notice.roomId);
    if (notice.type === "person") this.#people.forget(notice.organizationId);
    if (this.#sockets.size === 0) return;
    if (notice.type !== "post") {
      this.#later(() => this.#frames.show(notice));
      return;
    }
    if (!this.#sockets.hasRoom(notice.roomId)) return;
    const isFirst = this.#changedPosts.size === 0;
    // A post that is made and changed within one batch is still new to the page.
    if (!this.#changedPosts.has(notice.postId)) this.#changedPosts.set(notice.postId, notice);
    if (isFirst) this.#later(() => this.#showPosts());
  }

  async #showPosts(): Promise<void> {
    const changed = new Map(this.#changedPosts);
    this.#changedPosts.clear();
    const groups = Map.groupBy(changed, ([, { organizationId }]) => organizationId);
    for (const [organizationId, entries] of groups) {
      const posts = await this.#store.posts.byIds(
        organizationId,
        entries.map(([postId]) => postId),
      );
      for (const post of posts) this.#showPost(post, changed.get(post.postId)?.change ?? "edited");
    }
  }

  #showPost(post: WebPostRecord, change: WebPostChange): void {
    const forOthers = JSON.stringify({ type: "post", change, post: postView(post, "") });
    for (const socket of this.#sockets.inRoom(post.roomId)) {
      const { personId } = socket.session;
      if (post.visibleTo !== undefined && post.visibleTo !== personId) continue;
      if (post.author.id === personId) socket.send({ type: "post", change, post: postView(post, personId) });
      else socket.sendText(forOthers);
    }
  }

  /** Runs work one after another, so that frames keep the order of their notices. */
  #later(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => this.#log(error));
  }

  #log(error: unknown): void {
    this.#logger()?.warn(
      { code: toParleyError(error).code },
      "web room: a change could not be shown; pages read it with the next sync",
    );
  }

  async #check(): Promise<void> {
    const sockets = [...this.#sockets.all()];
    const valid = await this.#store.access.validSessions([...new Set(sockets.map(({ session }) => session.sessionId))]);
    for (const socket of sockets) {
      if (!valid.has(socket.session.sessionId)) socket.close(SOCKET_CLOSE.signedOut, "signed out");
    }
    await this.#frames.showChangedAgents();
    this.#checks += 1;
    if (this.#checks % CHECKS_PER_SYNC !== 0) return;
    for (const socket of sockets) socket.ping();
    await this.#resync();
    await this.#tellPresence();
  }

  /** Makes the rooms of every socket those that its person is in now, and tells their newest numbers. */
  async #resync(): Promise<void> {
    this.#people.forgetAll();
    await this.#enterRooms([...this.#sockets.all()]);
  }

  async #enterRooms(sockets: readonly RoomSocket[]): Promise<void> {
    for (const [organizationId, group] of Map.groupBy(sockets, ({ session }) => session.organizationId)) {
      for (const socket of group) socket.leftEarly.clear();
      const personIds = [...new Set(group.map(({ session }) => session.personId))];
      const rows = Map.groupBy(
        await this.#store.rooms.joinedSeqs(organizationId, personIds),
        ({ personId }) => personId,
      );
      for (const socket of group) {
        const { personId } = socket.session;
        const joined = (rows.get(personId) ?? []).filter(({ roomId }) => !socket.leftEarly.has(roomId));
        this.#sockets.setRooms(
          socket,
          joined.map(({ roomId }) => roomId),
        );
        const rooms = joined.map(({ roomId, lastSeq }) => ({ roomId, lastSeq }));
        socket.send(socket.ready ? { type: "sync", rooms } : { type: "hello", personId, rooms });
        socket.ready = true;
      }
    }
  }

  async #tellPresence(): Promise<void> {
    await this.#store.live.setPresence(this.processId, this.#sockets.people());
  }
}
