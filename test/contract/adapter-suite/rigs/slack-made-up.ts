import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { request } from "undici";
import { signature } from "../../../support/slack/index.ts";
import type { Answer, MadeUp } from "../harness.ts";
import type { SlackSide } from "./slack-side.ts";

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
/** More than Slack ever sends. */
const OVERSIZED_CHARS = 1_100_000;

interface Signed {
  readonly body: string;
  readonly type?: string;
  /** How far from now the timestamp is, in s. */
  readonly awayS?: number;
  /** Replaces the headers that belong to the body; an absent one is left out. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunked?: boolean;
}

/** Requests and envelopes that the stand-in's Slack would not send by itself. */
export class SlackMadeUp {
  readonly #side: SlackSide;

  constructor(side: SlackSide) {
    this.#side = side;
  }

  unknownEvents(): readonly MadeUp[] {
    const channel = this.#side.workspace.channels[0];
    const inner = (event: object): object => this.#callback(event);
    return [
      this.#event("an event type of the future", inner({ type: "hologram_shown", channel, user: "U0HOLOGRAM" })),
      this.#event(
        "a message subtype of the future",
        inner({ type: "message", subtype: "hologram", channel, ts: "1.1" }),
      ),
      this.#event("a payload type of the future", { type: "hologram_callback" }),
      this.#interaction("an interaction type of the future", { type: "hologram_touched" }),
    ];
  }

  malformedEvents(): readonly MadeUp[] {
    const channel = this.#side.workspace.channels[0];
    const user = this.#side.asker;
    const inner = (event: unknown): object => this.#callback(event);
    const events = [
      this.#event("a callback without an event", this.#callback(undefined)),
      this.#event("an event that is a list", inner([])),
      this.#event("a message without a channel", inner({ type: "message", user, ts: "1.1", text: "x" })),
      this.#event("a message with a channel that is a number", inner({ type: "message", user, channel: 7, ts: "1.1" })),
      this.#event("a message without a timestamp", inner({ type: "message", user, channel, text: "x" })),
      this.#event("a message of nobody", inner({ type: "message", channel, ts: "1.1", text: "x" })),
      this.#event(
        "a reaction without a name",
        inner({ type: "reaction_added", user, item: { type: "message", channel, ts: "1.1" } }),
      ),
      this.#event("a payload without a type", { hello: randomUUID() }),
      this.#interaction("a press of no button", { type: "block_actions", actions: [] }),
    ];
    if (this.#side.transport === "socket") return [...events, this.#event("a payload that is null", null)];
    return [
      ...events,
      this.#http("a body that is no JSON", { body: `{"type": ${randomUUID()}` }),
      this.#http("a body that is a list", { body: `["${randomUUID()}"]` }),
      this.#http("a payload that is no JSON", { body: `payload=${randomUUID()}`, type: FORM_TYPE }),
      this.#http("a command without a channel", {
        body: `command=%2Fparley&team_id=${this.#side.workspace.team.id}&text=x`,
        type: FORM_TYPE,
      }),
    ];
  }

  /** Channel and timestamp of the one, put together, are those of the other. */
  lookalikes(): readonly MadeUp[] {
    const user = this.#side.asker;
    return [
      ["C1:1795276011", "1.1"],
      ["C1", "1795276011:1.1"],
      ['C1","1795276011', "1.1"],
      ["C1", '1795276011","1.1'],
    ].map(([channel, ts]) =>
      this.#event(`a message ${ts} in ${channel}`, this.#callback({ type: "message", user, channel, ts, text: "x" })),
    );
  }

  /** Over Socket Mode no request at all is Slack's. */
  forgeries(url: string): readonly MadeUp[] {
    const good = (): string => JSON.stringify(this.#callback({ type: "hologram_shown" }));
    const at = (name: string, signed: Signed): MadeUp => this.#http(name, signed, url);
    const nowS = Math.floor(Date.now() / 1000);
    const body = good();
    const { signingSecret } = this.#side.workspace.app;
    const stamp = { "x-slack-request-timestamp": String(nowS) };
    const signed = (secret: string, text: string, time: string = String(nowS)): Record<string, string> => ({
      "x-slack-request-timestamp": time,
      "x-slack-signature": signature(secret, time, text),
    });
    const forgeries = [
      at("a request without a signature", { body, headers: stamp }),
      at("a request without a timestamp", {
        body,
        headers: { "x-slack-signature": signature(signingSecret, nowS, body) },
      }),
      at("a request without either", { body, headers: {} }),
      at("a signature by another secret", { body, headers: signed("another-secret", body) }),
      at("a signature by an empty secret", { body, headers: signed("", body) }),
      at("the signature of another body", { body, headers: signed(signingSecret, good()) }),
      at("a signature that is cut off", {
        body,
        headers: { ...stamp, "x-slack-signature": signature(signingSecret, nowS, body).slice(0, -2) },
      }),
      at("a signature of no version", {
        body,
        headers: { ...stamp, "x-slack-signature": signature(signingSecret, nowS, body).slice(3) },
      }),
      at("a request of 310 s ago", { body, awayS: -310 }),
      at("a request of 310 s from now", { body, awayS: 310 }),
      at("a timestamp that is no number", { body, headers: signed(signingSecret, body, "today") }),
      at("an oversized request", { body: this.#oversized() }),
      at("an oversized request that does not say so", { body: this.#oversized(), chunked: true }),
      at("nonsense that is not signed", { body: "{", headers: {} }),
      at("a form that is not signed", { body: "command=%2Fparley&text=x", type: FORM_TYPE, headers: {} }),
    ];
    return this.#side.transport === "http" ? forgeries : [...forgeries, at("a request that is signed", { body })];
  }

  genuine(): readonly MadeUp[] {
    const body = (): string => JSON.stringify(this.#callback({ type: "hologram_shown" }));
    if (this.#side.transport === "socket")
      return [this.#event("an envelope", this.#callback({ type: "hologram_shown" }))];
    return [
      this.#http("a request of now", { body: body() }),
      // The same JSON in other bytes: whoever signs what was parsed and written anew finds another signature.
      this.#http("a request with blanks and escapes of its own", {
        body: JSON.stringify(this.#callback({ type: "hologram_shown" }), null, 2).replace("hologram", "\\u0068ologram"),
      }),
      this.#http("a request of 290 s ago", { body: body(), awayS: -290 }),
      this.#http("a request of 290 s from now", { body: body(), awayS: 290 }),
      this.#http("Slack's check that it takes no plain HTTP", { body: "ssl_check=1", type: FORM_TYPE }),
    ];
  }

  #oversized(): string {
    return JSON.stringify({ ...this.#callback({ type: "hologram_shown" }), padding: "x".repeat(OVERSIZED_CHARS) });
  }

  #callback(event: unknown): { readonly [key: string]: unknown } {
    const { team, app } = this.#side.workspace;
    return {
      type: "event_callback",
      team_id: team.id,
      api_app_id: app.appId,
      event_id: `Ev${randomUUID().replaceAll("-", "").slice(0, 16).toUpperCase()}`,
      event_time: Math.floor(Date.now() / 1000),
      ...(event === undefined ? {} : { event }),
    };
  }

  #event(name: string, body: object | null): MadeUp {
    if (this.#side.transport === "http") return this.#http(name, { body: JSON.stringify(body) });
    return { name, send: () => this.#envelope("events_api", body) };
  }

  #interaction(name: string, payload: object): MadeUp {
    const { team } = this.#side.workspace;
    const body = { team: { id: team.id }, user: { id: this.#side.asker }, trigger_id: randomUUID(), ...payload };
    if (this.#side.transport === "socket") return { name, send: () => this.#envelope("interactive", body) };
    return this.#http(name, {
      body: new URLSearchParams({ payload: JSON.stringify(body) }).toString(),
      type: FORM_TYPE,
    });
  }

  async #envelope(type: string, payload: object | null): Promise<Answer> {
    const { slack, workspace } = this.#side;
    const app = slack.core.world.need(slack.core.world.apps, workspace.app.appId);
    const { result } = await slack.sockets.deliver(app, { type, payload, accepts_response_payload: false });
    return result === "ok" ? "acknowledged" : "refused";
  }

  #http(name: string, signed: Signed, url?: string): MadeUp {
    const { slack, workspace } = this.#side;
    const { body, type = JSON_TYPE, awayS = 0, chunked = false } = signed;
    return {
      name,
      send: async () => {
        const timestamp = Math.floor(Date.now() / 1000) + awayS;
        const target = url ?? slack.core.world.need(slack.core.world.apps, workspace.app.appId).requestUrl ?? "";
        const headers = signed.headers ?? {
          "x-slack-request-timestamp": String(timestamp),
          "x-slack-signature": signature(workspace.app.signingSecret, timestamp, body),
        };
        try {
          const answer = await request(target, {
            method: "POST",
            headers: { ...headers, "content-type": type },
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

async function* piecesOf(body: string): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += 65_536) yield Buffer.from(body.slice(at, at + 65_536));
}
