import { randomUUID } from "node:crypto";
import type { MatrixAccount } from "./accounts.ts";
import { MatrixApi } from "./matrix-api.ts";

export interface NewRoom {
  readonly name?: string;
  readonly topic?: string;
  /** User ids; whoever joins is up to them. */
  readonly invite?: readonly string[];
  /** Default `private_chat`: whoever was invited may enter. */
  readonly preset?: "private_chat" | "public_chat" | "trusted_private_chat";
  /** Marks the invitations as those of a direct message, and notes it for the person. */
  readonly direct?: boolean;
  readonly encrypted?: boolean;
  readonly version?: string;
  readonly space?: boolean;
  /** Power levels of others. */
  readonly power?: Readonly<Record<string, number>>;
}

export interface Words {
  /** Event id of the root; adds the fall-back reply for clients without threads. */
  readonly thread?: string;
  readonly replyTo?: string;
  /** User ids; always sent, empty when there are none. */
  readonly mentions?: readonly string[];
  readonly everyone?: boolean;
  readonly html?: string;
  readonly msgtype?: string;
}

interface Sent {
  readonly event_id: string;
}

/** As much of a sync answer as tells of invitations. */
interface InviteSync {
  readonly rooms?: {
    readonly invite?: Readonly<
      Record<
        string,
        {
          readonly invite_state: {
            readonly events: readonly {
              readonly type: string;
              readonly state_key: string;
              readonly sender: string;
              readonly content: { readonly is_direct?: boolean };
            }[];
          };
        }
      >
    >;
  };
}

/** What a person does with a client, by the client-server API itself. Encryption is not its business. */
export class MatrixPerson {
  readonly userId: string;
  readonly account: MatrixAccount;
  readonly api: MatrixApi;
  readonly url: string;

  /** `puppet`: the account is one of an application service, whose token it has. */
  constructor(url: string, account: MatrixAccount, { puppet = false }: { readonly puppet?: boolean } = {}) {
    this.url = url;
    this.account = account;
    this.userId = account.userId;
    this.api = new MatrixApi(url, account.accessToken, puppet ? account.userId : undefined);
  }

  async createRoom(room: NewRoom = {}): Promise<string> {
    const { name, topic, invite = [], preset = "private_chat", direct = false, encrypted, version, space } = room;
    const initial = encrypted === true ? [stateOf("m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" })] : [];
    const { room_id: roomId } = await this.api.call<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", {
      body: {
        preset,
        invite,
        is_direct: direct,
        initial_state: initial,
        ...(name !== undefined && { name }),
        ...(topic !== undefined && { topic }),
        ...(version !== undefined && { room_version: version }),
        ...(space === true && { creation_content: { type: "m.space" } }),
        ...(room.power !== undefined && {
          power_level_content_override: { users: await this.#powers(room.power, version) },
        }),
      },
    });
    if (direct) await this.#noteDirect(roomId, invite);
    return roomId;
  }

  async join(roomId: string): Promise<void> {
    await this.api.call("POST", `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`, { body: {} });
  }

  async leave(roomId: string): Promise<void> {
    await this.#member(roomId, "leave", {});
  }

  async invite(roomId: string, userId: string): Promise<void> {
    await this.#member(roomId, "invite", { user_id: userId });
  }

  async kick(roomId: string, userId: string, reason?: string): Promise<void> {
    await this.#member(roomId, "kick", { user_id: userId, ...(reason !== undefined && { reason }) });
  }

  async ban(roomId: string, userId: string): Promise<void> {
    await this.#member(roomId, "ban", { user_id: userId });
  }

  /** Rooms that the person is invited to now, with who invited them and whether as to a direct message. */
  async invitations(): Promise<readonly { roomId: string; inviter: string; direct: boolean }[]> {
    // Synapse answers equal questions from memory for two minutes.
    const presence = { not_types: [randomUUID()] };
    const filter = { room: { timeline: { limit: 1 } }, presence, account_data: { types: [] } };
    const { rooms } = await this.api.call<InviteSync>("GET", "/_matrix/client/v3/sync", {
      query: { timeout: "0", filter: JSON.stringify(filter) },
    });
    return Object.entries(rooms?.invite ?? {}).flatMap(
      ([
        roomId,
        {
          invite_state: { events },
        },
      ]) => {
        const own = events.find((event) => event.type === "m.room.member" && event.state_key === this.userId);
        return own === undefined ? [] : [{ roomId, inviter: own.sender, direct: own.content.is_direct === true }];
      },
    );
  }

  /** Gives the event id of the message. */
  say(roomId: string, body: string, words: Words = {}): Promise<string> {
    const { msgtype = "m.text", html } = words;
    return this.send(roomId, "m.room.message", {
      msgtype,
      body,
      ...(html !== undefined && { format: "org.matrix.custom.html", formatted_body: html }),
      ...besideWords(words),
    });
  }

  edit(roomId: string, eventId: string, body: string, words: Words = {}): Promise<string> {
    const content = { msgtype: words.msgtype ?? "m.text", body, ...besideWords({ mentions: words.mentions ?? [] }) };
    return this.send(roomId, "m.room.message", {
      ...content,
      body: `* ${body}`,
      "m.new_content": content,
      "m.relates_to": { rel_type: "m.replace", event_id: eventId },
    });
  }

  /** Gives the event id of the reaction, by which it is taken back. */
  react(roomId: string, eventId: string, key: string): Promise<string> {
    return this.send(roomId, "m.reaction", {
      "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key },
    });
  }

  async redact(roomId: string, eventId: string, reason?: string): Promise<string> {
    const path = `${roomPath(roomId)}/redact/${encodeURIComponent(eventId)}/${randomUUID()}`;
    const body = reason === undefined ? {} : { reason };
    return (await this.api.call<Sent>("PUT", path, { body })).event_id;
  }

  /** Gives the `mxc://` address. */
  async upload(name: string, bytes: Uint8Array<ArrayBuffer>, mediaType: string): Promise<string> {
    const { content_uri: uri } = await this.api.call<{ content_uri: string }>("POST", "/_matrix/media/v3/upload", {
      query: { filename: name },
      bytes,
      contentType: mediaType,
    });
    return uri;
  }

  async sendFile(
    roomId: string,
    file: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string },
    words: Words & { readonly caption?: string } = {},
  ): Promise<string> {
    const url = await this.upload(file.name, file.bytes, file.mediaType);
    return await this.send(roomId, "m.room.message", {
      msgtype: words.msgtype ?? (file.mediaType.startsWith("image/") ? "m.image" : "m.file"),
      body: words.caption ?? file.name,
      filename: file.name,
      url,
      info: { mimetype: file.mediaType, size: file.bytes.length },
      ...besideWords(words),
    });
  }

  /** As Element records it. */
  async sendVoice(
    roomId: string,
    bytes: Uint8Array<ArrayBuffer>,
    durationMs: number,
    words: Words = {},
  ): Promise<string> {
    const url = await this.upload("voice.ogg", bytes, "audio/ogg");
    return await this.send(roomId, "m.room.message", {
      msgtype: "m.audio",
      body: "Voice message",
      url,
      info: { mimetype: "audio/ogg", size: bytes.length, duration: durationMs },
      "org.matrix.msc1767.audio": { duration: durationMs, waveform: [0, 128, 512, 1024] },
      "org.matrix.msc3245.voice": {},
      ...besideWords(words),
    });
  }

  /** Sends any event; gives its id. */
  async send(roomId: string, type: string, content: object): Promise<string> {
    const path = `${roomPath(roomId)}/send/${encodeURIComponent(type)}/${randomUUID()}`;
    return (await this.api.call<Sent>("PUT", path, { body: content })).event_id;
  }

  async setState(roomId: string, type: string, content: object, stateKey = ""): Promise<string> {
    const path = `${roomPath(roomId)}/state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}`;
    return (await this.api.call<Sent>("PUT", path, { body: content })).event_id;
  }

  async state<Content>(roomId: string, type: string, stateKey = ""): Promise<Content> {
    const path = `${roomPath(roomId)}/state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}`;
    return await this.api.call<Content>("GET", path);
  }

  async rename(roomId: string, name: string): Promise<string> {
    return await this.setState(roomId, "m.room.name", { name });
  }

  /** Changes single entries of the room's power levels. */
  async setPower(roomId: string, users: Readonly<Record<string, number>>, others: object = {}): Promise<string> {
    const levels = await this.state<{ users?: Record<string, number> }>(roomId, "m.room.power_levels");
    return await this.setState(roomId, "m.room.power_levels", {
      ...levels,
      ...others,
      users: { ...levels.users, ...users },
    });
  }

  /** Closes the room with a tombstone; gives the room that follows, in which the person is alone. */
  async upgrade(roomId: string, version: string): Promise<string> {
    const path = `${roomPath(roomId)}/upgrade`;
    return (await this.api.call<{ replacement_room: string }>("POST", path, { body: { new_version: version } }))
      .replacement_room;
  }

  /** Puts a room or a space into a space. */
  async addChild(spaceId: string, childId: string): Promise<void> {
    await this.setState(spaceId, "m.space.child", { via: [serverOf(this.userId)] }, childId);
  }

  async typing(roomId: string, isTyping: boolean): Promise<void> {
    const path = `${roomPath(roomId)}/typing/${encodeURIComponent(this.userId)}`;
    await this.api.call("PUT", path, { body: isTyping ? { typing: true, timeout: 20_000 } : { typing: false } });
  }

  async read(roomId: string, eventId: string): Promise<void> {
    await this.api.call("POST", `${roomPath(roomId)}/receipt/m.read/${encodeURIComponent(eventId)}`, { body: {} });
  }

  async #member(roomId: string, what: string, body: object): Promise<void> {
    await this.api.call("POST", `${roomPath(roomId)}/${what}`, { body });
  }

  /** Who makes a room has every right; since version 12 without an entry, which is then forbidden. */
  async #powers(others: Readonly<Record<string, number>>, version: string | undefined): Promise<object> {
    return (version ?? (await this.#defaultVersion())) === "12" ? others : { [this.userId]: 100, ...others };
  }

  async #defaultVersion(): Promise<string> {
    const answer = await this.api.call<{ capabilities: { "m.room_versions"?: { default?: string } } }>(
      "GET",
      "/_matrix/client/v3/capabilities",
    );
    return answer.capabilities["m.room_versions"]?.default ?? "";
  }

  /** Other clients tell direct messages from rooms by this list alone. */
  async #noteDirect(roomId: string, others: readonly string[]): Promise<void> {
    const path = `/_matrix/client/v3/user/${encodeURIComponent(this.userId)}/account_data/m.direct`;
    const known = await this.api
      .call<Record<string, string[]>>("GET", path)
      .catch(() => ({}) as Record<string, string[]>);
    for (const other of others) known[other] = [...(known[other] ?? []), roomId];
    await this.api.call("PUT", path, { body: known });
  }
}

export function roomPath(roomId: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;
}

export function serverOf(userId: string): string {
  return userId.slice(userId.indexOf(":") + 1);
}

function stateOf(type: string, content: object): object {
  return { type, state_key: "", content };
}

function besideWords({ thread, replyTo, mentions = [], everyone }: Words): object {
  const relation =
    thread !== undefined
      ? {
          rel_type: "m.thread",
          event_id: thread,
          is_falling_back: replyTo === undefined,
          "m.in_reply_to": { event_id: replyTo ?? thread },
        }
      : replyTo === undefined
        ? undefined
        : { "m.in_reply_to": { event_id: replyTo } };
  return {
    "m.mentions": {
      ...(mentions.length > 0 && { user_ids: mentions }),
      ...(everyone === true && { room: true }),
    },
    ...(relation !== undefined && { "m.relates_to": relation }),
  };
}
