import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { untilAborted } from "../shared/until-aborted.ts";
import type { DiscordClient } from "./client.ts";
import { discordCode } from "./errors.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";

const NAME = "Parley";
const PREFIX = "webhook:";
const MAX_ENTRIES = 20_000;
/** How long a channel without the right to webhooks is not asked again, in ms. */
const REFUSED_MS = 10 * 60_000;
/** The channel has its 15 webhooks, or the guild its 1,000. */
const FULL = new Set([30_007, 30_018]);

/** A webhook of the application in one channel; agents speak through it under their own names. */
export interface Webhook {
  readonly id: string;
  readonly token: string;
}

/** The application's webhooks: one per channel, made when it is first needed, kept, and found again. */
export class Webhooks {
  readonly #client: DiscordClient;
  readonly #sink: AdapterSink;
  readonly #applicationId: () => string;
  readonly #known = new BoundedMap<string, Webhook>({ maxEntries: MAX_ENTRIES });
  readonly #refused = new BoundedMap<string, true>({ maxEntries: MAX_ENTRIES, ttlMs: REFUSED_MS });
  readonly #looking = new Map<string, Promise<Webhook | undefined>>();

  constructor(client: DiscordClient, sink: AdapterSink, applicationId: () => string) {
    this.#client = client;
    this.#sink = sink;
    this.#applicationId = applicationId;
  }

  /** The webhook of a channel; undefined where none may be. Rejects when Discord or the ledger cannot be asked: nothing was posted. */
  of(installationId: string, channelId: string, signal: AbortSignal): Promise<Webhook | undefined> {
    const known = this.#known.get(channelId);
    if (known !== undefined) return Promise.resolve(known);
    if (this.#refused.get(channelId)) return Promise.resolve(undefined);
    let looking = this.#looking.get(channelId);
    if (looking === undefined) {
      looking = this.#look(installationId, channelId).finally(() => this.#looking.delete(channelId));
      this.#looking.set(channelId, looking);
    }
    return untilAborted(looking, signal);
  }

  /** Discord does not know the webhook any more: somebody removed it. */
  async forget(installationId: string, channelId: string): Promise<void> {
    this.#known.delete(channelId);
    await this.#sink.state.write(installationId, new Map([[PREFIX + channelId, null]]));
  }

  async #look(installationId: string, channelId: string): Promise<Webhook | undefined> {
    const kept = await this.#kept(installationId, channelId);
    if (kept !== undefined) return this.#know(channelId, kept);
    try {
      const webhook = await beforeAnythingIsSent(
        async () => (await this.#find(channelId)) ?? (await this.#create(channelId)),
      );
      await this.#sink.state.write(installationId, new Map([[PREFIX + channelId, encode(webhook)]]));
      return this.#know(channelId, webhook);
    } catch (error) {
      const refused = error instanceof ParleyError && error.code === "PLATFORM_FORBIDDEN";
      if (!refused && !FULL.has(discordCode(error) ?? 0)) throw error;
      this.#refused.set(channelId, true);
      this.#sink.logger.info({ channelId }, "no webhook may be made in a channel: agents speak as the bot there");
      return undefined;
    }
  }

  #know(channelId: string, webhook: Webhook): Webhook {
    this.#known.set(channelId, webhook);
    return webhook;
  }

  async #kept(installationId: string, channelId: string): Promise<Webhook | undefined> {
    const key = PREFIX + channelId;
    const row = (await this.#sink.state.read(installationId, key)).get(key);
    if (row === undefined) return undefined;
    try {
      return readWebhook(asRecord(JSON.parse(new TextDecoder().decode(row))));
    } catch {
      return undefined;
    }
  }

  /** One that an earlier run, or another process, made. */
  async #find(channelId: string): Promise<Webhook | undefined> {
    const answer = await this.#client.call({ route: ROUTES.channelWebhooks(channelId) });
    const own = asList(answer)
      .map(asRecord)
      .find(
        (item) => asId(item?.["application_id"]) === this.#applicationId() && asString(item?.["token"]) !== undefined,
      );
    return readWebhook(own);
  }

  async #create(channelId: string): Promise<Webhook> {
    const answer = await this.#client.call({ route: ROUTES.createWebhook(channelId), body: { name: NAME } });
    const webhook = readWebhook(asRecord(answer));
    if (webhook === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: "Discord's answer names no webhook",
        delivery: "not_sent",
      });
    return webhook;
  }
}

function readWebhook(raw: Raw | undefined): Webhook | undefined {
  const id = asId(raw?.["id"]);
  const token = asString(raw?.["token"]);
  return id === undefined || token === undefined ? undefined : { id, token };
}

function encode(webhook: Webhook): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(webhook));
}

/** Making a webhook or a thread posts nothing: whatever became of it, the message is certainly not there. */
export async function beforeAnythingIsSent<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ParleyError) || error.delivery !== "unknown") throw error;
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: error.detail ?? error.code,
      cause: error,
      facts: error.facts,
      delivery: "not_sent",
    });
  }
}
