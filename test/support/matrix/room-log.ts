import { MatrixApi } from "./matrix-api.ts";
import { roomPath } from "./person.ts";

/** An event as the homeserver keeps it; only what everybody has is sure. */
export interface RoomEvent {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly state_key?: string;
  readonly content: { readonly [key: string]: unknown };
  readonly unsigned?: { readonly redacted_because?: object; readonly transaction_id?: string };
}

interface Relation {
  readonly rel_type?: string;
  readonly event_id?: string;
  readonly key?: string;
  readonly is_falling_back?: boolean;
  readonly "m.in_reply_to"?: { readonly event_id: string };
}

export interface Notification {
  readonly event: RoomEvent;
  readonly room_id: string;
  /** A mention, of the person or of everybody: more than that there is something new. */
  readonly highlight: boolean;
}

const PAGE = 500;

/** What the homeserver itself says of its rooms, by the eyes of somebody who is in them. */
export class RoomLog {
  #looks = 0;
  readonly #api: MatrixApi;

  /** Never through a proxy: it is the witness. */
  constructor(url: string, accessToken: string) {
    this.#api = new MatrixApi(url, accessToken);
  }

  /** Everything that the observer may see in the room, oldest first, as it stands now: what was redacted is empty. */
  async events(roomId: string): Promise<readonly RoomEvent[]> {
    const found: RoomEvent[] = [];
    let from: string | undefined;
    do {
      const page = await this.#api.call<{ chunk: RoomEvent[]; end?: string }>("GET", `${roomPath(roomId)}/messages`, {
        query: { dir: "f", limit: PAGE, from },
      });
      found.push(...page.chunk);
      from = page.end;
    } while (from !== undefined);
    return found;
  }

  /** Members as they are now, by user id. */
  async members(roomId: string): Promise<ReadonlyMap<string, string>> {
    const { chunk } = await this.#api.call<{ chunk: RoomEvent[] }>("GET", `${roomPath(roomId)}/members`);
    return new Map(chunk.map((event) => [event.state_key ?? "", String(event.content["membership"])]));
  }

  /** Who read how far: by user and thread (`main` for what is in none). */
  async receipts(roomId: string): Promise<readonly { userId: string; eventId: string; threadId?: string }[]> {
    const ephemeral = await this.#ephemeral(roomId);
    return ephemeral
      .filter((event) => event.type === "m.receipt")
      .flatMap((event) =>
        Object.entries(event.content).flatMap(([eventId, kinds]) =>
          Object.entries((kinds as { "m.read"?: Record<string, { thread_id?: string }> })["m.read"] ?? {}).map(
            ([userId, { thread_id: threadId }]) => ({ userId, eventId, ...(threadId !== undefined && { threadId }) }),
          ),
        ),
      );
  }

  /** Who is writing something now. */
  async typing(roomId: string): Promise<readonly string[]> {
    const event = (await this.#ephemeral(roomId)).find((one) => one.type === "m.typing");
    return (event?.content["user_ids"] as string[] | undefined) ?? []; // the form of m.typing
  }

  /** Of what the observer was notified, newest first; the homeserver judged it by the push rules. */
  async notifications(): Promise<readonly Notification[]> {
    const { notifications } = await this.#api.call<{
      notifications: {
        event: RoomEvent;
        room_id: string;
        actions: (string | { set_tweak?: string; value?: boolean })[];
      }[];
    }>("GET", "/_matrix/client/v3/notifications", { query: { limit: PAGE } });
    return notifications.map(({ event, room_id, actions }) => ({
      event,
      room_id,
      highlight: actions.some((one) => typeof one === "object" && one.set_tweak === "highlight" && one.value !== false),
    }));
  }

  /** The bytes of a file, as a logged-in client gets them. */
  async media(mxc: string): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#api.bytes(`/_matrix/client/v1/media/download/${mxc.slice("mxc://".length)}`);
  }

  async #ephemeral(roomId: string): Promise<readonly RoomEvent[]> {
    // Synapse answers the same first sync from its cache for two minutes: no two ask the same.
    this.#looks += 1;
    const filter = {
      presence: { types: [] },
      account_data: { types: [] },
      room: {
        rooms: [roomId],
        state: { types: [] },
        timeline: { limit: 1 + (this.#looks % 50) },
        account_data: { types: [] },
      },
    };
    const answer = await this.#api.call<{ rooms?: { join?: Record<string, { ephemeral?: { events: RoomEvent[] } }> } }>(
      "GET",
      "/_matrix/client/v3/sync",
      { query: { filter: JSON.stringify(filter), timeout: 0 } },
    );
    return answer.rooms?.join?.[roomId]?.ephemeral?.events ?? [];
  }
}

export function relationOf(event: RoomEvent): Relation {
  return (event.content["m.relates_to"] ?? {}) as Relation; // the form of relations; the kit's writers keep it
}

export function isRedacted(event: RoomEvent): boolean {
  return event.unsigned?.redacted_because !== undefined;
}
