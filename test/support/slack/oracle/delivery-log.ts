/** What became of one attempt to hand something to an app. */
export interface DeliveryAttempt {
  readonly at: number;
  endedAt?: number;
  /** `ok`, or why Slack takes it for failed: http_timeout, http_error, connection_failed, timeout, no_connection, ... */
  result?: string;
  status?: number;
  /** The Socket Mode connection that got it. */
  connectionId?: number;
}

/** One event (or command, or interaction) on its way to one app. */
export interface DeliveryRecord {
  /** The event_id; for commands and interactions the trigger id. */
  readonly id: string;
  readonly kind: "events_api" | "slash_commands" | "interactive";
  readonly team: string;
  readonly appId: string;
  /** Event type, command or interaction type. */
  readonly type: string;
  readonly channel?: string;
  readonly ts?: string;
  readonly attempts: DeliveryAttempt[];
  /** When the app acknowledged first, even if the answer was then dropped by a fault. */
  acknowledgedAt?: number;
  /** `given_up`: all attempts failed and Slack forgets it. */
  state: "pending" | "acknowledged" | "given_up";
}

/** Every event that was handed out, with its attempts. */
export class DeliveryLog {
  readonly records: DeliveryRecord[] = [];
  readonly #byId = new Map<string, DeliveryRecord>();
  readonly #byMessage = new Map<string, DeliveryRecord[]>();
  #pending = 0;
  readonly #idle = new Set<() => void>();

  /** `copies`: how many copies of it are under way, each of which has to be settled. */
  add(record: DeliveryRecord, copies = 1): void {
    this.records.push(record);
    this.#byId.set(record.id, record);
    this.#pending += copies;
    if (record.channel === undefined || record.ts === undefined) return;
    const key = `${record.channel}|${record.ts}`;
    const ofMessage = this.#byMessage.get(key);
    if (ofMessage === undefined) this.#byMessage.set(key, [record]);
    else ofMessage.push(record);
  }

  /** Ends one copy; a delivery counts as acknowledged as soon as one of its copies was. */
  settle(record: DeliveryRecord, state: "acknowledged" | "given_up"): void {
    if (record.state !== "acknowledged") record.state = state;
    this.#pending -= 1;
    if (this.#pending > 0) return;
    for (const wake of this.#idle) wake();
    this.#idle.clear();
  }

  byId(id: string): DeliveryRecord | undefined {
    return this.#byId.get(id);
  }

  /** When the first event about this message was acknowledged; undefined when none was. */
  acknowledgedAt(channel: string, ts: string): number | undefined {
    let first: number | undefined;
    for (const record of this.#byMessage.get(`${channel}|${ts}`) ?? []) {
      const at = record.acknowledgedAt;
      if (at !== undefined && (first === undefined || at < first)) first = at;
    }
    return first;
  }

  pendingCount(): number {
    return this.#pending;
  }

  ofType(type: string): DeliveryRecord[] {
    return this.records.filter((record) => record.type === type);
  }

  /** Resolves when every copy of every event has been acknowledged or given up; rejects after `timeoutMs` (default 30 000). */
  whenIdle(options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    const timeoutMs = options.timeoutMs ?? 30_000;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#idle.delete(wake);
        reject(new Error(`${this.#pending} deliveries are still pending after ${timeoutMs} ms`));
      }, timeoutMs);
      const wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#idle.add(wake);
    });
  }
}
