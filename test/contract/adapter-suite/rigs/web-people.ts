import { randomUUID } from "node:crypto";
import { issueSignInLink } from "../../../../adapters/web/index.ts";
import type { WebPost, WebRoom } from "../../../../adapters/web/protocol.ts";
import type { ChatAdapter, Target } from "../../../../src/contracts/adapter.ts";
import type { WebRole } from "../../../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../../../src/contracts/web-room-store.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import { type LiveSocket, WebClient } from "../../../support/web/web-client.ts";
import type { Answer, Inbound, InboundOptions } from "../harness.ts";
import { IDENTITY, marker, partsOf, postFor, until } from "../probe.ts";
import type { SignedIn, WebSide } from "./web-side.ts";

/** The organization of a rig, and the one that twins of its rooms are in. */
export function organizationsOf(own: string): readonly [string, string] {
  return [own, `${own}-umbrella`];
}

export async function signIn(
  store: WebRoomStore,
  baseUrl: string,
  organizationId: string,
  personName: string,
  role: WebRole = "member",
): Promise<SignedIn> {
  const link = await issueSignInLink({ store, baseUrl, organizationId, personName, role });
  const client = new WebClient(baseUrl);
  const { person } = await client.signIn(link.url);
  return { client, person, secret: client.cookie?.split("=")[1] ?? "" };
}

/** What people do in the room's page, by HTTP and WebSocket. */
export class WebPeople {
  readonly #side: WebSide;
  readonly #adapter: ChatAdapter;
  readonly #store: WebRoomStore;
  readonly #pages: LiveSocket[] = [];

  constructor(side: WebSide, adapter: ChatAdapter, store: WebRoomStore) {
    this.#side = side;
    this.#adapter = adapter;
    this.#store = store;
  }

  openPages(): number {
    return this.#pages.filter((page) => page.raw.readyState === page.raw.OPEN).length;
  }

  async conversation(): Promise<Target> {
    const { asker, bystander } = this.#side;
    const room = await asker.client.ok<WebRoom>("POST", "/rooms", { name: `room-${marker()}`, kind: "public" });
    await bystander.client.ok("POST", `/rooms/${room.id}/join`);
    if (this.#isRunning()) {
      if (this.#pages.length === 0) this.#pages.push(await asker.client.socket());
      await this.drained();
    }
    return this.#targetOf(room.id, room.name);
  }

  async thread(target: Target): Promise<Target> {
    const { id } = await this.#post(target, `root ${marker()}`);
    return { ...target, conversation: { ...target.conversation, thread: { id } } };
  }

  async inbound(kind: EventKind, options: InboundOptions = {}): Promise<Inbound> {
    const { asker, organizationId } = this.#side;
    const { client, person } = asker;
    const target = options.target ?? (await this.conversation());
    const channelId = target.conversation.channel.id;
    const byAsker = { channelId, actorId: person.id };
    const words = options.text ?? `words ${marker()}`;
    const answerTo = (method: string, path: string, json?: unknown): Promise<Answer> =>
      answered(client, method, path, json);
    const aboutPost = async (method: string, suffix: string, json?: unknown): Promise<Inbound> => {
      const { id } = await this.#post(target, `words ${marker()}`);
      return { ...byAsker, messageId: id, answer: answerTo(method, `/messages/${id}${suffix}`, json) };
    };
    switch (kind) {
      case "message_created": {
        const uploadIds = options.file === undefined ? [] : [await this.#upload(channelId, options.file)];
        const body = this.#bodyOf(target, words, uploadIds);
        const answer = answerTo("POST", `/rooms/${channelId}/messages`, body);
        return { ...byAsker, messageId: await this.#storedAs(body.clientMessageId), answer };
      }
      case "message_edited":
        return await aboutPost("PATCH", "", { text: words });
      case "message_deleted":
        return await aboutPost("DELETE", "");
      case "reaction_added":
        return await aboutPost("PUT", `/reactions/${encodeURIComponent("👀")}`);
      case "reaction_removed": {
        const added = await aboutPost("PUT", `/reactions/${encodeURIComponent("👀")}`);
        await added.answer;
        const path = `/messages/${added.messageId}/reactions/${encodeURIComponent("👀")}`;
        return { ...added, answer: answerTo("DELETE", path) };
      }
      case "member_joined":
      case "member_left": {
        const newcomer = await signIn(this.#store, this.#side.url, organizationId, `New ${marker()}`);
        const about = { channelId, actorId: newcomer.person.id };
        const joined = answered(newcomer.client, "POST", `/rooms/${channelId}/join`);
        if (kind === "member_joined") return { ...about, answer: joined };
        await joined;
        await this.drained();
        return { ...about, answer: answered(newcomer.client, "POST", `/rooms/${channelId}/leave`) };
      }
      case "channel_created": {
        const room = await client.ok<WebRoom>("POST", "/rooms", { name: `room-${marker()}`, kind: "public" });
        return { channelId: room.id, actorId: person.id, answer: Promise.resolve("acknowledged") };
      }
      case "channel_renamed":
        return { ...byAsker, answer: answerTo("PATCH", `/rooms/${channelId}`, { name: `room-${marker()}` }) };
      case "channel_archived":
        return { ...byAsker, answer: answerTo("PATCH", `/rooms/${channelId}`, { archived: true }) };
      case "direct_message_opened": {
        const room = await client.ok<WebRoom>("POST", "/direct", { agent: IDENTITY.handle });
        return { channelId: room.id, actorId: person.id, answer: Promise.resolve("acknowledged") };
      }
      case "command_invoked":
        return {
          ...byAsker,
          answer: answerTo("POST", `/rooms/${channelId}/messages`, this.#bodyOf(target, `/help ${options.text ?? ""}`)),
        };
      case "action_submitted":
        return await this.#answerApproval(target);
      case "session_stopped":
        return { ...byAsker, answer: answerTo("POST", `/rooms/${channelId}/stop`, {}) };
      case "thread_created":
        throw new Error("in the room, threads come without an event");
    }
  }

  /** As after a crash between the pipeline's commit and the log's mark: the entry is handed on once more. */
  async inboundTwice(kind: EventKind): Promise<Inbound> {
    const target = await this.conversation();
    const poke = await this.pokeFor(target);
    const inbound = await this.inbound(kind, { target });
    await inbound.answer;
    const elsewhere = inbound.channelId !== target.conversation.channel.id;
    const again = elsewhere ? await this.pokeFor(this.#targetOf(inbound.channelId)) : poke;
    await this.drained();
    await this.#side.database.query({ text: "update web_events set ingested_at = null where room_id = $1" }, [
      inbound.channelId,
    ]);
    await again();
    return inbound;
  }

  /** Makes a post; what is returned repeats its request, which adds nothing and hands on what waits in the room. */
  async pokeFor(target: Target): Promise<() => Promise<Answer>> {
    const body = this.#bodyOf(target, "poke");
    const poke = (): Promise<Answer> =>
      answered(this.#side.asker.client, "POST", `/rooms/${target.conversation.channel.id}/messages`, body);
    await poke();
    return poke;
  }

  async inboundForTwins(): Promise<{ otherInstallationId: string }> {
    const { url, organizationId: own } = this.#side;
    const [, organizationId] = organizationsOf(own);
    await this.#store.rooms.ensureDefaultRoom({ organizationId, roomId: `r_${randomUUID()}`, name: "general" });
    const other = await signIn(this.#store, url, organizationId, "Mara", "owner");
    for (const { client } of [this.#side.asker, other]) {
      const { rooms } = await client.ok<{ rooms: WebRoom[] }>("GET", "/rooms");
      const general = rooms.find((room) => room.name === "general");
      const body = { clientMessageId: randomUUID(), text: "hello" };
      await client.ok("POST", `/rooms/${general?.id}/messages`, body);
    }
    return { otherInstallationId: `installation:${organizationId}:web` };
  }

  async editToTheSame(): Promise<Inbound> {
    const target = await this.conversation();
    const { id, text } = await this.#post(target, "see https://example.org/page");
    const { client, person } = this.#side.asker;
    const channelId = target.conversation.channel.id;
    const answer = answered(client, "PATCH", `/messages/${id}`, { text });
    return { channelId, actorId: person.id, messageId: id, answer };
  }

  /** What a broken adapter writes past the real one. */
  async writeDirectly(target: Target, text: string): Promise<string> {
    const { channel, thread } = target.conversation;
    const { post } = await this.#store.posts.createByAgent({
      organizationId: this.#side.organizationId,
      roomId: channel.id,
      postId: `m_${randomUUID()}`,
      idempotencyKey: randomUUID(),
      agent: IDENTITY,
      ...(thread === undefined ? {} : { threadRootId: thread.id }),
      text,
      parts: [{ type: "text", markdown: text }],
      mentions: { personIds: [], agentHandles: [], everyone: false },
      state: "final",
      uploads: [],
    });
    return post.postId;
  }

  /** Resolves when everything in the organization's log has been handed on. */
  async drained(): Promise<void> {
    await until(async () => {
      const waiting = await this.#side.database.query(
        { text: "select 1 from web_events where organization_id = $1 and ingested_at is null limit 1" },
        [this.#side.organizationId],
      );
      return waiting.length === 0;
    }, "the room's log was not handed on");
  }

  #isRunning(): boolean {
    return this.#adapter.health().some((row) => row.state === "connected");
  }

  #targetOf(roomId: string, name?: string): Target {
    const { organizationId, installationId, asker } = this.#side;
    return {
      organizationId,
      installationId,
      conversation: {
        space: { id: "web" },
        channel: { id: roomId, ...(name === undefined ? {} : { name }), kind: "public", external: false },
      },
      askerId: asker.person.id,
    };
  }

  #bodyOf(target: Target, text: string, uploadIds: readonly string[] = []) {
    const thread = target.conversation.thread?.id;
    return {
      clientMessageId: randomUUID(),
      text,
      uploadIds,
      ...(thread === undefined ? {} : { threadRootId: thread }),
    };
  }

  async #post(target: Target, text: string): Promise<WebPost> {
    const path = `/rooms/${target.conversation.channel.id}/messages`;
    const { post } = await this.#side.asker.client.ok<{ post: WebPost }>("POST", path, this.#bodyOf(target, text));
    return post;
  }

  async #upload(roomId: string, file: NonNullable<InboundOptions["file"]>): Promise<string> {
    const upload = { name: file.name, type: "image/png", bytes: file.bytes };
    const { body } = await this.#side.asker.client.upload(`/rooms/${roomId}/uploads`, upload);
    return typeof body === "object" && body !== null && "id" in body ? String(body.id) : "";
  }

  /** The id of the post that a request makes, which is stored before the request is answered. */
  async #storedAs(clientMessageId: string): Promise<string> {
    let found: string | undefined;
    await until(async () => {
      const [row] = await this.#side.database.query<{ id: string }>(
        { text: "select id from web_posts where client_message_id = $1" },
        [clientMessageId],
      );
      found = row?.id;
      return found !== undefined;
    }, "the post was not stored");
    return found ?? "";
  }

  async #answerApproval(target: Target): Promise<Inbound> {
    const { client, person } = this.#side.asker;
    const approval = partsOf([
      { type: "approval_request", approvalId: "a1", prompt: "May I?", options: [{ id: "yes", label: "Yes" }] },
    ]);
    const { messageId } = await this.#adapter.send(postFor(this.#adapter, target, approval));
    const body = { clientActionId: randomUUID(), actionId: "a1", value: "yes" };
    return {
      channelId: target.conversation.channel.id,
      actorId: person.id,
      messageId,
      answer: answered(client, "POST", `/messages/${messageId}/actions`, body),
    };
  }
}

async function answered(client: WebClient, method: string, path: string, json?: unknown): Promise<Answer> {
  const { status } = await client.request(method, path, json);
  return status < 300 ? "acknowledged" : "refused";
}
