import { MatrixPerson, type Synapse } from "../support/matrix/index.ts";
import { tokenNumber } from "../support/slack/history-checker.ts";
import { percentile } from "./statistics.ts";

export interface MatrixLoadReport {
  readonly perSecond: number;
  readonly p50Ms: number;
}

interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: {
    readonly join?: Record<string, { timeline?: { events?: { sender: string; content?: { body?: unknown } }[] } }>;
  };
}

/** A person with a client of their own, who asks in rooms and sees the answers as any client does: by syncing. */
export class MatrixAsker {
  readonly #person: MatrixPerson;
  readonly #answered = new Map<string, (atMs: number) => void>();
  readonly #ended = new AbortController();
  #following: Promise<void> = Promise.resolve();

  private constructor(person: MatrixPerson) {
    this.#person = person;
  }

  static async join(synapse: Synapse): Promise<MatrixAsker> {
    const account = await synapse.register();
    const asker = new MatrixAsker(new MatrixPerson(synapse.url, account));
    const { next_batch: since } = await asker.#sync(undefined, 0);
    asker.#following = asker.#follow(since);
    return asker;
  }

  /** Rooms with this account in them, once it has joined. */
  async rooms(count: number, accountId: string, join: (roomId: string) => Promise<unknown>): Promise<string[]> {
    const rooms: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const roomId = await this.#person.createRoom({ name: `room ${index}`, invite: [accountId] });
      await join(roomId);
      rooms.push(roomId);
    }
    return rooms;
  }

  async isMember(roomId: string, accountId: string): Promise<boolean> {
    const { membership } = await this.#person.state<{ membership: string }>(roomId, "m.room.member", accountId);
    return membership === "join";
  }

  /** Closed loop: `inFlight` questions are unanswered at any time. */
  async run(load: {
    rooms: readonly string[];
    count: number;
    inFlight: number;
    firstToken: number;
  }): Promise<MatrixLoadReport> {
    const latencies: number[] = [];
    let asked = 0;
    const startedAtMs = performance.now();
    const askOn = async (): Promise<void> => {
      while (asked < load.count) {
        const number = asked;
        asked += 1;
        const token = tokenNumber(load.firstToken + number);
        const beganAtMs = performance.now();
        const answer = new Promise<number>((resolve) => this.#answered.set(token, resolve));
        await this.#person.say(load.rooms[number % load.rooms.length] ?? "", `@echo hello [#${token}]`);
        latencies.push((await answer) - beganAtMs);
      }
    };
    await Promise.all(Array.from({ length: load.inFlight }, askOn));
    return {
      perSecond: load.count / ((performance.now() - startedAtMs) / 1_000),
      p50Ms: percentile(latencies, 50),
    };
  }

  async leave(): Promise<void> {
    this.#ended.abort();
    await this.#following;
  }

  #sync(since: string | undefined, timeout: number): Promise<SyncAnswer> {
    return this.#person.api.call<SyncAnswer>("GET", "/_matrix/client/v3/sync", {
      query: { timeout, ...(since === undefined ? {} : { since }) },
      signal: this.#ended.signal,
    });
  }

  async #follow(from: string): Promise<void> {
    let since = from;
    while (!this.#ended.signal.aborted) {
      const answer = await this.#sync(since, 10_000).catch((error: unknown) => {
        if (this.#ended.signal.aborted) return undefined;
        throw error;
      });
      if (answer === undefined) return;
      since = answer.next_batch;
      for (const room of Object.values(answer.rooms?.join ?? {}))
        for (const { sender, content } of room.timeline?.events ?? [])
          if (sender !== this.#person.userId) this.#see(typeof content?.body === "string" ? content.body : "");
    }
  }

  #see(text: string): void {
    const token = /\[#([\w-]+)\]/.exec(text)?.[1];
    if (token === undefined) return;
    this.#answered.get(token)?.(performance.now());
    this.#answered.delete(token);
  }
}
