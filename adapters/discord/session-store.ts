import type { AdapterLease, AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import type { GatewaySession } from "./client-shard.ts";
import { isGatewayUrl } from "./inbound-frame.ts";
import { asNumber, asRecord, asString } from "./raw.ts";

const WRITE_AFTER_MS = 250;

/** A session and the position up to which its events were ingested. */
export interface StoredPosition {
  readonly session: GatewaySession;
  readonly sequence: number;
}

/**
 * Keeps one shard's session and position over restarts.
 *
 * It is told of a position only after the events that it covers were ingested, and writes it a moment later, and at the end.
 */
export class SessionStore {
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  readonly #key: string;
  readonly #lease: AdapterLease;
  readonly #logger: Logger;
  #latest: (() => StoredPosition | undefined) | undefined;
  #written = "";
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly state: AdapterStateStore;
    readonly installationId: string;
    readonly shardId: number;
    readonly lease: AdapterLease;
    readonly logger: Logger;
  }) {
    this.#state = options.state;
    this.#installationId = options.installationId;
    this.#key = `session:${options.shardId}`;
    this.#lease = options.lease;
    this.#logger = options.logger;
  }

  /** Rejects with LEDGER_UNAVAILABLE; an unreadable row counts as none. */
  async read(): Promise<StoredPosition | undefined> {
    const row = (await this.#state.read(this.#installationId, this.#key)).get(this.#key);
    if (row === undefined) return undefined;
    const text = new TextDecoder().decode(row);
    const position = parsePosition(text);
    if (position !== undefined) this.#written = text;
    return position;
  }

  /** Writes soon what `latest` says then; undefined means that nothing may be written yet. */
  moved(latest: () => StoredPosition | undefined): void {
    this.#latest = latest;
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS);
  }

  /** Writes at once; never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #write(): Promise<void> {
    const position = this.#latest?.();
    if (position === undefined || this.#lease.lost.aborted) return;
    const text = JSON.stringify({ ...position.session, sequence: position.sequence });
    if (text === this.#written) return;
    try {
      const changes = new Map([[this.#key, new TextEncoder().encode(text)]]);
      await this.#state.write(this.#installationId, changes, this.#lease);
      this.#written = text;
    } catch (error) {
      // An older position only means that more is sent again after a restart.
      this.#logger.warn({ err: error }, "the position in discord's gateway could not be stored");
    }
  }
}

function parsePosition(text: string): StoredPosition | undefined {
  let raw: ReturnType<typeof asRecord>;
  try {
    raw = asRecord(JSON.parse(text));
  } catch {
    return undefined;
  }
  const sessionId = asString(raw?.["sessionId"]);
  const resumeUrl = raw?.["resumeUrl"];
  const shardCount = asNumber(raw?.["shardCount"]);
  const sequence = asNumber(raw?.["sequence"]);
  if (sessionId === undefined || !isGatewayUrl(resumeUrl) || shardCount === undefined || sequence === undefined)
    return undefined;
  return { session: { sessionId, resumeUrl, shardCount }, sequence };
}
