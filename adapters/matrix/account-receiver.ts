import { toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { Account } from "./account.ts";
import { AppService } from "./app-service.ts";
import type { OpenCrypto } from "./crypto-port.ts";
import { Intake } from "./intake.ts";
import { Joins } from "./joins.ts";
import type { Puppets } from "./puppets.ts";
import { ReadMarks } from "./read-marks.ts";
import { SyncLoop } from "./sync-loop.ts";
import { Tombstones } from "./tombstones.ts";
import { wakeHomeserver } from "./wake-homeserver.ts";

const RETRY_MS = [1_000, 5_000, 15_000, 60_000] as const;

export interface ReceiverParts {
  readonly account: Account;
  readonly puppets: Puppets;
  readonly openCrypto: OpenCrypto | undefined;
}

/** Brings the events of one account in: by its sync loop, or by what the homeserver pushes to its application service. */
export class AccountReceiver {
  readonly #account: Account;
  readonly #puppets: Puppets;
  readonly #joins: Joins;
  readonly #marks: ReadMarks;
  readonly #intake: Intake;
  readonly #loop: SyncLoop | undefined;
  readonly #prepared: AppService | undefined;
  readonly #stopping = new AbortController();
  /** Set once the application service may take transactions. */
  service: AppService | undefined;
  /** Resolves when events can arrive, or when it is known that they will later. */
  started: Promise<void> = Promise.resolve();
  #preparing: Promise<void> = Promise.resolve();
  #waking: Promise<void> = Promise.resolve();
  #detail: string | undefined;

  constructor({ account, puppets, openCrypto }: ReceiverParts) {
    this.#account = account;
    this.#puppets = puppets;
    this.#joins = new Joins(account);
    this.#marks = new ReadMarks(account);
    this.#intake = new Intake(account, this.#marks, new Tombstones(account, this.#joins));
    const parts = { account, intake: this.#intake, joins: this.#joins };
    if (account.puppetPrefix === undefined) this.#loop = new SyncLoop({ ...parts, openCrypto });
    else this.#prepared = new AppService({ ...parts, puppets });
  }

  start(): void {
    if (this.#loop !== undefined) this.started = this.#loop.start();
    else {
      this.started = new Promise((resolve) => {
        this.#preparing = this.#prepare(resolve).finally(resolve);
      });
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const { service } = this;
    this.service = undefined;
    await this.#loop?.stop();
    await service?.stop();
    await this.#preparing;
    await this.#waking;
    await this.#joins.close();
    this.#marks.close();
  }

  health(): { readonly state: "connected" | "connecting" | "failed"; readonly detail?: string } {
    if (this.#loop !== undefined) return this.#loop.health();
    if (this.service !== undefined) return { state: "connected" };
    return this.#detail === undefined ? { state: "connecting" } : { state: "connecting", detail: this.#detail };
  }

  /** Until it succeeds the homeserver is told to come again, and keeps everything in order. */
  async #prepare(onKnown: () => void): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        await this.#account.rooms.restore();
        await this.#puppets.start();
        await this.#joins.restore();
        this.service = this.#prepared;
        this.#waking = wakeHomeserver(this.#account, this.#stopping.signal);
        return;
      } catch (error) {
        const fault = toParleyError(error);
        this.#detail = fault.detail ?? fault.code;
        const { sink, installationId } = this.#account;
        if (attempt === 0)
          sink.logger.warn(
            { installationId, code: fault.code, detail: fault.detail },
            "the Matrix application service is not ready yet",
          );
        onKnown();
        if (fault.code === "PLATFORM_UNAUTHORIZED") return;
        const pauseMs = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 60_000;
        await abortableSleep(Math.max(pauseMs, fault.retryAfterMs ?? 0), this.#stopping.signal).catch(() => undefined);
      }
    }
  }
}
