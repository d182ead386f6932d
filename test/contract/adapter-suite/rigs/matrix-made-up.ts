import { randomBytes, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { request } from "undici";
import type { Answer, MadeUp } from "../harness.ts";
import type { MatrixPeople } from "./matrix-people.ts";
import type { MatrixSide } from "./matrix-side.ts";

/** More than any homeserver pushes at once. */
const OVERSIZED_BYTES = 8 * 1024 * 1024 + 100_000;

/** Events that a homeserver would not hand out by itself, and requests that are none of its. */
export class MatrixMadeUp {
  readonly #side: MatrixSide;
  readonly #people: MatrixPeople;

  constructor(side: MatrixSide, people: MatrixPeople) {
    this.#side = side;
    this.#people = people;
  }

  async unknownEvents(): Promise<readonly MadeUp[]> {
    const roomId = await this.#room();
    const { asker, deliveries } = this.#side;
    const known = await asker.say(roomId, "something to relate to");
    await deliveries.answerOf(known);
    const sent = (name: string, type: string, content: object): MadeUp => ({
      name,
      send: async () => await deliveries.answerOf(await asker.send(roomId, type, content)),
    });
    return [
      sent("an event type of the future", "org.example.hologram", { shown: true }),
      sent("a call", "m.call.invite", { call_id: "c1", version: "1", lifetime: 60_000, party_id: "p1" }),
      sent("a reaction that annotates nothing", "m.reaction", {
        "m.relates_to": { rel_type: "org.example.hologram", event_id: known, key: "x" },
      }),
      {
        name: "a state of the future",
        send: async () =>
          await deliveries.answerOf(await asker.setState(roomId, "org.example.hologram", { shown: true }, "key")),
      },
    ];
  }

  /** Synapse itself refuses such events of its own people; those of other homeservers it hands on. */
  async malformedEvents(): Promise<readonly MadeUp[]> {
    const roomId = await this.#room();
    const { asker, deliveries } = this.#side;
    const known = await asker.say(roomId, "something to relate to");
    await deliveries.answerOf(known);
    const injected = (name: string, event: unknown): MadeUp => ({ name, send: () => deliveries.inject(roomId, event) });
    const message = (name: string, content: unknown): MadeUp => injected(name, this.#event({ content }));
    return [
      message("a message without a body", { msgtype: "m.text" }),
      message("a message without a type", { body: "words" }),
      message("a message with a body that is a number", { msgtype: "m.text", body: 7 }),
      message("an edit without new words", {
        msgtype: "m.text",
        body: "* x",
        "m.relates_to": { rel_type: "m.replace", event_id: known },
      }),
      message("an event with a content that is a text", "words"),
      message("an event without content", undefined),
      injected(
        "a reaction without a sign",
        this.#event({
          type: "m.reaction",
          content: { "m.relates_to": { rel_type: "m.annotation", event_id: known } },
        }),
      ),
      injected("a redaction of nothing", this.#event({ type: "m.room.redaction", content: {} })),
      injected("a membership of nobody", this.#event({ type: "m.room.member", content: { membership: "join" } })),
      injected("an event that is a number", Math.random()),
      injected("an event that is a list", [randomUUID()]),
      injected("an event without a type", this.#event({ type: undefined })),
      injected("an event without an id", this.#event({ event_id: undefined })),
      injected("an event with an id that is a list", this.#event({ event_id: [1] })),
      injected("an event of nobody", this.#event({ sender: undefined })),
    ];
  }

  /** An event id of the one is, put together with what keys are joined by, one of the other. */
  async lookalikes(): Promise<readonly MadeUp[]> {
    const roomId = await this.#room();
    const unique = randomBytes(4).toString("hex");
    return [`$${unique}:1`, `$${unique}","1`, `$${unique},1`, `$${unique}1`, `$${unique}"1`].map((eventId) => ({
      name: `an event ${eventId}`,
      send: () => this.#side.deliveries.inject(roomId, this.#event({ event_id: eventId })),
    }));
  }

  /** To a bot account's adapter no request at all is the homeserver's. */
  forgeries(url: string): readonly MadeUp[] {
    const { service, speaker } = this.#side;
    const good = service?.hsToken ?? speaker.account.accessToken;
    const body = JSON.stringify({ events: [] });
    const at = (name: string, how: Delivery): MadeUp => this.#request(name, url, { body, ...how });
    const forgeries = [
      at("a transaction without a token", {}),
      at("a transaction with an empty token", { token: "" }),
      at("a transaction with another token", { token: randomBytes(16).toString("hex") }),
      at("a transaction with a token that is cut off", { token: good.slice(0, -1) }),
      at("a transaction with a longer token", { token: `${good}0` }),
      at("a transaction with our own token", { token: speaker.account.accessToken }),
      at("a transaction with another token in its address", { query: `?access_token=${randomUUID()}` }),
      at("an oversized transaction", { token: good, body: oversized() }),
      at("an oversized transaction that does not say so", { token: good, body: oversized(), chunked: true }),
      at("nonsense without a token", { body: "{" }),
    ];
    return service === undefined ? [...forgeries, at("a transaction that is in order", { token: good })] : forgeries;
  }

  async genuine(url: string): Promise<readonly MadeUp[]> {
    const { service, deliveries, asker } = this.#side;
    const roomId = await this.#room();
    const event: MadeUp = {
      name: "an event of the homeserver's own",
      send: async () => await deliveries.answerOf(await asker.say(roomId, "words")),
    };
    if (service === undefined) return [event];
    const body = JSON.stringify({ events: [] }, null, 2);
    return [
      event,
      this.#request("a transaction with the token in its header", url, { body, token: service.hsToken }),
      this.#request("a transaction with the token in its address, as before Matrix 1.4", url, {
        body,
        query: `?access_token=${service.hsToken}`,
      }),
    ];
  }

  async #room(): Promise<string> {
    return (await this.#people.conversation()).conversation.channel.id;
  }

  #event(changes: Readonly<Record<string, unknown>>): object {
    return {
      type: "m.room.message",
      event_id: `$${randomBytes(24).toString("base64url")}`,
      sender: this.#side.asker.userId,
      origin_server_ts: Date.now(),
      content: { msgtype: "m.text", body: "made up" },
      ...changes,
    };
  }

  #request(name: string, url: string, { body = "", token, query = "", chunked = false }: Delivery): MadeUp {
    return {
      name,
      send: async (): Promise<Answer> => {
        try {
          const answer = await request(`${url}/_matrix/app/v1/transactions/${randomUUID()}${query}`, {
            method: "PUT",
            headers: {
              "content-type": "application/json",
              ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            },
            body: chunked ? Readable.from(piecesOf(body)) : body,
          });
          await answer.body.dump();
          return answer.statusCode === 200 ? "acknowledged" : "refused";
        } catch {
          // The connection was closed before the whole body was sent: that is a refusal too.
          return "refused";
        }
      },
    };
  }
}

interface Delivery {
  readonly body?: string;
  readonly token?: string;
  readonly query?: string;
  readonly chunked?: boolean;
}

function oversized(): string {
  return JSON.stringify({ events: [], padding: "x".repeat(OVERSIZED_BYTES) });
}

async function* piecesOf(body: string): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += 65_536) yield Buffer.from(body.slice(at, at + 65_536));
}
