import type { Connection } from "./connection.ts";

/** Dispatches that a session keeps for a resume. */
const KEPT_DISPATCHES = 20_000;

/** What one identify began and a resume continues. */
export class Session {
  readonly id: string;
  readonly applicationId: string;
  readonly botUserId: string;
  readonly shard: readonly [number, number];
  readonly intents: number;
  connection: Connection | undefined;
  seq = 0;
  /** The newest dispatch that the client says it has, by a heartbeat or a resume. */
  position = 0;
  /** How often the client has named its position, or come back. */
  reports = 0;
  /** Since when there has been no connection; performance time. */
  lostAtMs: number | undefined;
  readonly #kept: { readonly seq: number; readonly text: string }[] = [];

  constructor(begun: {
    id: string;
    applicationId: string;
    botUserId: string;
    shard: readonly [number, number];
    intents: number;
  }) {
    this.id = begun.id;
    this.applicationId = begun.applicationId;
    this.botUserId = begun.botUserId;
    this.shard = begun.shard;
    this.intents = begun.intents;
  }

  /** Numbers a dispatch and keeps it; the frame is the caller's to send. */
  number(type: string, data: unknown): string {
    this.seq += 1;
    const text = JSON.stringify({ t: type, s: this.seq, op: 0, d: data });
    this.#kept.push({ seq: this.seq, text });
    if (this.#kept.length > KEPT_DISPATCHES) this.#kept.shift();
    return text;
  }

  /** The frames after this number; undefined when some of them are no longer kept. */
  since(seq: number): readonly string[] | undefined {
    const first = this.#kept[0]?.seq ?? this.seq + 1;
    if (seq > this.seq || seq + 1 < first) return undefined;
    return this.#kept.filter((one) => one.seq > seq).map((one) => one.text);
  }

  /** Takes what a heartbeat or a resume says. */
  report(position: number): void {
    this.position = position;
    this.reports += 1;
  }

  /** Whether it is told of this guild; of direct messages the first shard alone. */
  covers(guildId: string | undefined): boolean {
    const [index, count] = this.shard;
    return index === (guildId === undefined ? 0 : shardOfGuild(guildId, count));
  }

  wants(intents: number): boolean {
    return intents === 0 || (this.intents & intents) !== 0;
  }
}

/** The one shard of so many that hears of a guild. https://docs.discord.com/developers/events/gateway#sharding */
export function shardOfGuild(guildId: string, count: number): number {
  return Number((BigInt(guildId) >> 22n) % BigInt(count));
}
