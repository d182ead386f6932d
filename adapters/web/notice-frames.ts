import type { WebNotice, WebPersonRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import type { WebAdapterDependencies } from "./context.ts";
import type { PeopleDirectory } from "./people-directory.ts";
import type { ServerFrame } from "./protocol.ts";
import type { SocketIndex } from "./socket-index.ts";
import { agentView, personView, roomView, turnView } from "./views.ts";

export interface NoticeFramesOptions {
  readonly store: WebRoomStore;
  readonly people: PeopleDirectory;
  readonly agents: WebAdapterDependencies["agents"];
  /** Another object whenever the agents of a room may have changed. Default: they only change with the agents themselves. */
  readonly revision: ((organizationId: string) => object) | undefined;
  readonly sockets: SocketIndex;
  readonly processId: string;
}

type NoticeOf<Type extends WebNotice["type"]> = Extract<WebNotice, { type: Type }>;

/** Turns notices, which are ids alone, into frames for the sockets that may see them. */
export class NoticeFrames {
  readonly #store: WebRoomStore;
  readonly #people: PeopleDirectory;
  readonly #agents: WebAdapterDependencies["agents"];
  readonly #sockets: SocketIndex;
  readonly #processId: string;
  readonly #revision: NoticeFramesOptions["revision"];
  readonly #shownAgents = new Map<string, { readonly agents: string; readonly revision: object | undefined }>();

  constructor({ store, people, agents, revision, sockets, processId }: NoticeFramesOptions) {
    this.#revision = revision;
    this.#store = store;
    this.#people = people;
    this.#agents = agents;
    this.#sockets = sockets;
    this.#processId = processId;
  }

  async show(notice: WebNotice): Promise<void> {
    switch (notice.type) {
      case "preview":
        return await this.#preview(notice);
      case "room":
        return await this.#room(notice.organizationId, notice.roomId);
      case "member":
        return await this.#member(notice);
      case "person":
        return await this.#person(notice);
      case "typing":
        return await this.#typing(notice);
      case "presence":
        return await this.#presence(notice);
      case "status":
        return await this.#status(notice);
      case "read":
        return this.#read(notice);
      case "post":
      case "session":
        // The hub handles these itself: posts in batches, ended sessions at once.
        return;
    }
  }

  async #preview(notice: NoticeOf<"preview">): Promise<void> {
    // The process that has the live text has shown it already.
    if (notice.origin === this.#processId || !this.#sockets.hasRoom(notice.roomId)) return;
    const [post] = await this.#store.posts.byIds(notice.organizationId, [notice.postId]);
    if (post === undefined || post.state !== "streaming") return;
    const { roomId, postId, text } = post;
    const threadRootId = post.threadRootId ?? null;
    this.#sockets.toRoom(roomId, { type: "preview", roomId, threadRootId, postId, offset: 0, text });
  }

  async #room(organizationId: string, roomId: string): Promise<void> {
    const sockets = this.#sockets.ofOrganization(organizationId);
    const views = await this.#store.rooms.viewsFor(organizationId, roomId, [
      ...new Set(sockets.map(({ session }) => session.personId)),
    ]);
    const byViewer = new Map(views.map((view) => [view.viewerId, view]));
    // Of a private room those outside hear nothing; of a public one they hear that it was archived.
    const isPublic = (await this.#store.rooms.get(organizationId, roomId))?.kind === "public";
    for (const socket of sockets) {
      const view = byViewer.get(socket.session.personId);
      if (view !== undefined) socket.send({ type: "room", room: roomView(view, socket.session.role) });
      else if (isPublic) socket.send({ type: "room_removed", roomId });
    }
  }

  async #member(notice: NoticeOf<"member">): Promise<void> {
    const { organizationId, roomId, personId, change } = notice;
    const person = await this.#load(organizationId, personId);
    if (person === undefined) return;
    if (change === "joined") {
      // Asked again: the person may have left since.
      if (!(await this.#store.rooms.isMember(organizationId, roomId, personId))) return;
      this.#sockets.join(personId, roomId);
    }
    const [view] = await this.#store.rooms.viewsFor(organizationId, roomId, [personId]);
    for (const socket of this.#sockets.ofPerson(personId)) {
      const frame: ServerFrame =
        view === undefined ? { type: "room_removed", roomId } : { type: "room", room: roomView(view, person.role) };
      socket.send(frame);
    }
    this.#sockets.toRoom(roomId, { type: "member", roomId, change, person: personView(person) });
  }

  async #person(notice: NoticeOf<"person">): Promise<void> {
    const person = await this.#load(notice.organizationId, notice.personId);
    if (person !== undefined)
      this.#sockets.toOrganization(notice.organizationId, { type: "person", person: personView(person) });
  }

  async #typing(notice: NoticeOf<"typing">): Promise<void> {
    const { organizationId, roomId, personId } = notice;
    if (!this.#sockets.hasRoom(roomId)) return;
    const name = await this.#people.nameOf(organizationId, personId);
    const threadRootId = notice.threadRootId ?? null;
    this.#sockets.toRoom(roomId, { type: "typing", roomId, threadRootId, personId, name }, personId);
  }

  async #presence(notice: NoticeOf<"presence">): Promise<void> {
    const person = await this.#load(notice.organizationId, notice.personId);
    if (person === undefined) return;
    const frame: ServerFrame = { type: "presence", personId: person.personId, online: person.online };
    this.#sockets.toOrganization(notice.organizationId, frame);
  }

  async #status(notice: NoticeOf<"status">): Promise<void> {
    const { organizationId, roomId, agentId, threadRootId } = notice;
    if (!this.#sockets.hasRoom(roomId)) return;
    const statuses = await this.#store.live.statuses(organizationId, roomId);
    const status = statuses.find((one) => one.agentId === agentId && one.threadRootId === threadRootId);
    const ended =
      status === undefined ? this.#agents(organizationId).find((agent) => agent.agentId === agentId) : undefined;
    if (status !== undefined) {
      this.#sockets.toRoom(roomId, { type: "turn", turn: turnView(status) });
    } else if (ended !== undefined) {
      const thread = threadRootId === undefined ? {} : { threadRootId };
      this.#sockets.toRoom(roomId, { type: "turn", turn: turnView({ ...ended, roomId, ...thread, line: "" }) });
    }
  }

  #read({ roomId, personId, seq }: NoticeOf<"read">): void {
    for (const socket of this.#sockets.ofPerson(personId)) socket.send({ type: "read", roomId, seq });
  }

  async #load(organizationId: string, personId: string): Promise<WebPersonRecord | undefined> {
    return await this.#store.access.person(organizationId, personId);
  }

  /** Tells of agents that came, went or changed since the last call, in the organization or in some room. */
  async showChangedAgents(): Promise<void> {
    const organizations = new Set(this.#sockets.people().map(({ organizationId }) => organizationId));
    for (const organizationId of organizations) {
      const agents = this.#agents(organizationId).map(agentView);
      const now = { agents: JSON.stringify(agents), revision: this.#revision?.(organizationId) };
      const before = this.#shownAgents.get(organizationId);
      this.#shownAgents.set(organizationId, now);
      // Pages that were opened before the first look may show less than it saw.
      if (before?.agents !== now.agents || before.revision !== now.revision)
        this.#sockets.toOrganization(organizationId, { type: "agents", agents });
    }
  }
}
