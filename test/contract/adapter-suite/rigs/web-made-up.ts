import { randomBytes, randomUUID } from "node:crypto";
import { request } from "undici";
import { WebSocket } from "ws";
import { issueSignInLink } from "../../../../adapters/web/index.ts";
import { MAX_POST_CHARS, WEB_API_PREFIX } from "../../../../adapters/web/protocol.ts";
import type { WebRoomStore } from "../../../../src/contracts/web-room-store.ts";
import { WebClient } from "../../../support/web/web-client.ts";
import type { Answer, MadeUp } from "../harness.ts";
import { signIn, type WebPeople } from "./web-people.ts";
import type { WebSide } from "./web-side.ts";

/** Requests that no page would make, and entries of the platform's log that this version would not write. */
export class WebMadeUp {
  readonly #side: WebSide;
  readonly #people: WebPeople;
  readonly #store: WebRoomStore;

  constructor(side: WebSide, people: WebPeople, store: WebRoomStore) {
    this.#side = side;
    this.#people = people;
    this.#store = store;
  }

  async unknownEvents(): Promise<readonly MadeUp[]> {
    return [await this.#entry("an entry of a kind of the future", "hologram_shown", { messageId: "m_1" })];
  }

  async malformedEvents(): Promise<readonly MadeUp[]> {
    return [
      await this.#entry("a message with an id that is a number", "message_created", { messageId: 5 }),
      await this.#entry("a message without content", "message_created", { messageId: "m_1" }),
      await this.#entry("a message that is a list", "message_edited", ["m_1"]),
      await this.#entry("a reaction without a name", "reaction_added", { messageId: "m_1" }),
      await this.#entry("a command without a name", "command_invoked", { text: "x" }),
    ];
  }

  /** One good request, and in each of these one thing about it that is not. */
  async forgeries(): Promise<readonly MadeUp[]> {
    const { asker, url, organizationId } = this.#side;
    const target = await this.#people.conversation();
    const path = `/rooms/${target.conversation.channel.id}/messages`;
    const gone = await signIn(this.#store, url, organizationId, "Cleo");
    await gone.client.ok("POST", "/sign-out");
    const expired = await signIn(this.#store, url, organizationId, "Dora");
    await this.#side.database.query(
      { text: "update web_sessions set expires_at = now() - interval '1 second' where person_id = $1" },
      [expired.person.id],
    );
    await this.#people.drained();
    const cookie = asker.client.cookie ?? "";
    const name = cookie.split("=")[0] ?? "";
    const { origin } = asker.client;
    const json = { "content-type": "application/json" };
    const body = (text = "forged"): string => JSON.stringify({ clientMessageId: randomUUID(), text });
    const at = (what: string, headers: Record<string, string>, text: string = body()): MadeUp =>
      this.#http(what, path, headers, text);
    const usedLink = await issueSignInLink({
      store: this.#store,
      baseUrl: url,
      organizationId,
      personName: "Eva",
      role: "member",
    });
    await new WebClient(url).signIn(usedLink.url);
    await this.#people.drained();
    return [
      at("a post without a session", { ...json, origin }),
      at("a post with a session that never was", {
        ...json,
        origin,
        cookie: `${name}=${randomBytes(32).toString("base64url")}`,
      }),
      at("a post with a session that is cut off", { ...json, origin, cookie: cookie.slice(0, -3) }),
      at("a post with a session that was signed out", { ...json, origin, cookie: gone.client.cookie ?? "" }),
      at("a post with a session that expired", { ...json, origin, cookie: expired.client.cookie ?? "" }),
      at("a post from another site's page", { ...json, origin: "https://evil.example", cookie }),
      at("a post from no page", { ...json, cookie }),
      at("a post from a page of the same name at another port", { ...json, origin: "http://127.0.0.1:1", cookie }),
      at("a post that the browser calls cross-site", { ...json, origin, cookie, "sec-fetch-site": "cross-site" }),
      at("a form", { "content-type": "application/x-www-form-urlencoded", origin, cookie }),
      at("plain text", { "content-type": "text/plain", origin, cookie }),
      at("an oversized post", { ...json, origin, cookie }, body("x".repeat(200_000))),
      at("a post over the limit of its text", { ...json, origin, cookie }, body("x".repeat(MAX_POST_CHARS + 1))),
      at("nonsense without a session", { ...json, origin }, "{"),
      this.#http("a sign-in by a link that was used", "/sign-in", { ...json, origin }, codeOf(usedLink.url)),
      { name: "a socket without a session", send: () => this.#socket({ origin }) },
      {
        name: "a socket from another site's page",
        send: () => this.#socket({ origin: "https://evil.example", cookie }),
      },
    ];
  }

  async genuine(): Promise<readonly MadeUp[]> {
    const { asker, url, organizationId } = this.#side;
    const target = await this.#people.conversation();
    const headers = {
      "content-type": "application/json",
      origin: asker.client.origin,
      cookie: asker.client.cookie ?? "",
    };
    const link = await issueSignInLink({
      store: this.#store,
      baseUrl: url,
      organizationId,
      personName: "Finn",
      role: "member",
    });
    const longest = JSON.stringify({ clientMessageId: randomUUID(), text: "€".repeat(MAX_POST_CHARS) });
    return [
      this.#http("the longest post", `/rooms/${target.conversation.channel.id}/messages`, headers, longest),
      this.#http(
        "a sign-in",
        "/sign-in",
        { "content-type": "application/json", origin: headers.origin },
        codeOf(link.url),
      ),
      { name: "a socket", send: () => this.#socket(headers) },
    ];
  }

  /** An entry as another version, or a fault, would have left it in the log. */
  async #entry(name: string, kind: string, body: unknown): Promise<MadeUp> {
    const { database, organizationId, asker } = this.#side;
    const target = await this.#people.conversation();
    const poke = await this.#people.pokeFor(target);
    await this.#people.drained();
    const roomId = target.conversation.channel.id;
    return {
      name,
      send: async () => {
        await database.query(
          {
            text: `with room as (update web_rooms set last_seq = last_seq + 1 where id = $1 returning last_seq)
                   insert into web_events (room_id, seq, organization_id, kind, body, person_id, trace_id)
                   select $1, last_seq, $2, $3, $4::jsonb, $5, $6 from room`,
          },
          [roomId, organizationId, kind, JSON.stringify(body), asker.person.id, randomBytes(16).toString("hex")],
        );
        const answer = await poke();
        const waiting = await database.query(
          { text: "select 1 from web_events where room_id = $1 and ingested_at is null" },
          [roomId],
        );
        return waiting.length === 0 ? answer : "refused";
      },
    };
  }

  #http(name: string, path: string, headers: Record<string, string>, body: string): MadeUp {
    return {
      name,
      send: async () => {
        try {
          const answer = await request(`${this.#side.url}${WEB_API_PREFIX}${path}`, { method: "POST", headers, body });
          await answer.body.dump();
          return answer.statusCode < 300 ? "acknowledged" : "refused";
        } catch {
          // The connection was closed before the whole body was sent: that is a refusal too.
          return "refused";
        }
      },
    };
  }

  async #socket(headers: Record<string, string>): Promise<Answer> {
    const socket = new WebSocket(this.#side.asker.client.socketUrl(), { headers });
    return await new Promise((resolve) => {
      socket.once("open", () => {
        socket.terminate();
        resolve("acknowledged");
      });
      socket.once("error", () => resolve("refused"));
    });
  }
}

function codeOf(link: string): string {
  return JSON.stringify({ code: new URLSearchParams(new URL(link).hash.slice(1)).get("code") });
}
