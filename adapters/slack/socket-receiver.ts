import type { Logger } from "../../src/contracts/logger.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { fromSdkError } from "./client-errors.ts";
import type { Ingress } from "./ingress.ts";
import { asRecord } from "./raw.ts";
import type { SdkFetch } from "./sdk-connections.ts";
import { GuardedSocketClient, type SocketEnvelope } from "./socket-client.ts";

const CONNECT_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 2_000;
const RETRY_MS = [200, 1_000, 3_000, 10_000, 30_000] as const;
const WATCH_INTERVAL_MS = 30_000;
/** Sockets that Slack forgot stay open and silent for hours (openclaw/openclaw#27232); a new one costs nothing. */
const STALE_AFTER_MS = 15 * 60_000;

export interface SocketReceiverOptions {
  readonly appToken: string;
  readonly apiUrl: string;
  readonly connections: number;
  readonly ingress: Ingress;
  /** Called when a socket stands after none did. */
  readonly onBack: () => void;
  readonly sdkFetch: SdkFetch;
  readonly logger: Logger;
}

interface Slot {
  client: GuardedSocketClient | undefined;
  connected: boolean;
  failures: number;
  lastHeardAtMs: number;
  retryTimer: NodeJS.Timeout | undefined;
  connecting: Promise<void> | undefined;
}

/**
 * Takes events over Socket Mode and acknowledges each one after it is committed.
 *
 * Several sockets stand side by side, each replaced before it is given up, so that events never wait for a reconnect.
 */
export class SocketReceiver {
  readonly #options: SocketReceiverOptions;
  readonly #slots: Slot[];
  #watch: NodeJS.Timeout | undefined;
  #fault: string | undefined;
  #stopping = false;

  constructor(options: SocketReceiverOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.connections }, () => ({
      client: undefined,
      connected: false,
      failures: 0,
      lastHeardAtMs: 0,
      retryTimer: undefined,
      connecting: undefined,
    }));
  }

  /** Resolves when a first socket is open, or after its first attempt failed; further attempts go on by themselves. */
  async start(): Promise<void> {
    const attempts = this.#slots.map((slot) => this.#connect(slot));
    this.#watch = setInterval(() => this.#replaceStale(), WATCH_INTERVAL_MS).unref();
    await Promise.race(attempts);
    if (this.connectedCount === 0) await Promise.all(attempts);
  }

  /** Takes no more envelopes; those under way still get their acknowledgement. */
  refuseNew(): void {
    this.#stopping = true;
  }

  /** Closes all sockets; envelopes that are not acknowledged yet come again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watch);
    await Promise.all(
      this.#slots.map(async (slot) => {
        clearTimeout(slot.retryTimer);
        await slot.connecting;
        await close(slot.client);
        slot.connected = false;
      }),
    );
  }

  get connectedCount(): number {
    return this.#slots.filter((slot) => slot.connected).length;
  }

  health(): { connected: boolean; detail: string } {
    const sockets = `${this.connectedCount} of ${this.#slots.length} sockets connected`;
    return {
      connected: this.connectedCount > 0,
      detail: this.#fault === undefined ? sockets : `${sockets}; ${this.#fault}`,
    };
  }

  /** Opens a socket for the slot and only then gives the old one up. Never rejects. */
  #connect(slot: Slot): Promise<void> {
    slot.connecting ??= this.#open(slot).finally(() => {
      slot.connecting = undefined;
    });
    return slot.connecting;
  }

  async #open(slot: Slot): Promise<void> {
    if (this.#stopping) return;
    const client = new GuardedSocketClient(this.#options);
    client.on("slack_event", (envelope: SocketEnvelope) => {
      slot.lastHeardAtMs = Date.now();
      void this.#take(envelope);
    });
    try {
      await withDeadline(client.start(), CONNECT_TIMEOUT_MS);
    } catch (error) {
      await close(client);
      this.#failed(slot, error);
      return;
    }
    const before = slot.client;
    const wasCutOff = this.connectedCount === 0;
    Object.assign(slot, { client, connected: true, failures: 0, lastHeardAtMs: Date.now() });
    this.#fault = undefined;
    if (wasCutOff) this.#options.onBack();
    client.on("refresh", () => void this.#connect(slot));
    client.on("disconnected", () => {
      if (slot.client !== client) return;
      slot.connected = false;
      this.#retry(slot);
    });
    await close(before);
  }

  #failed(slot: Slot, error: unknown): void {
    const fault = fromSdkError("apps.connections.open", error);
    this.#fault = fault.detail ?? fault.code;
    this.#options.logger.warn(
      { code: fault.code, detail: fault.detail, failures: slot.failures + 1 },
      "slack socket could not be opened",
    );
    slot.failures += 1;
    this.#retry(slot);
  }

  #retry(slot: Slot): void {
    if (this.#stopping) return;
    clearTimeout(slot.retryTimer);
    const pauseMs = RETRY_MS[Math.min(slot.failures, RETRY_MS.length - 1)] ?? 30_000;
    slot.retryTimer = setTimeout(() => void this.#connect(slot), pauseMs).unref();
  }

  /** One at a time, so that never all sockets are new at once. */
  #replaceStale(): void {
    const stale = this.#slots.find((slot) => slot.connected && Date.now() - slot.lastHeardAtMs > STALE_AFTER_MS);
    if (stale !== undefined) void this.#connect(stale);
  }

  async #take(envelope: SocketEnvelope): Promise<void> {
    if (this.#stopping) return;
    try {
      await this.#store(envelope);
    } catch (error) {
      const fault = toParleyError(error);
      this.#options.logger.warn(
        { code: fault.code, detail: fault.detail },
        "slack envelope is not stored and not acknowledged",
      );
      return;
    }
    // A socket that closed meanwhile cannot acknowledge; the envelope comes again and is known then.
    await envelope.ack().catch(() => undefined);
  }

  #store(envelope: SocketEnvelope): Promise<void> {
    const { ingress } = this.#options;
    const raw = (): string => JSON.stringify(envelope.body) ?? "null";
    const body = asRecord(envelope.body);
    if (body === undefined) return ingress.malformed("envelope without a readable payload", raw);
    switch (envelope.type) {
      case "events_api":
      // The SDK reads the event inside before it hands an envelope out; payloads such as app_rate_limited hold none.
      case "unreadable":
        return ingress.event(body, raw);
      case "slash_commands":
        return ingress.command(body, raw);
      case "interactive":
        return ingress.interaction(body, raw);
      default:
        return ingress.event({ type: envelope.type }, raw);
    }
  }
}

async function close(client: GuardedSocketClient | undefined): Promise<void> {
  if (client === undefined) return;
  try {
    await withDeadline(client.disconnect(), CLOSE_TIMEOUT_MS);
  } catch {
    // It was closed already, or the other side does not answer: there is nothing left to keep.
  }
}

function withDeadline<Result>(work: Promise<Result>, ms: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
