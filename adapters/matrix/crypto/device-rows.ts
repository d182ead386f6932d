import type { AdapterLease, AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import { ParleyError, toParleyError } from "../../../src/errors/parley-error.ts";
import { abortableSleep } from "../../shared/abortable-sleep.ts";

export type RowChanges = ReadonlyMap<string, Uint8Array | null>;

/** While the lease lasts, nobody else can have written: repeating a write that failed is harmless. */
const RETRY_EVERY_MS = 250;
const GIVE_UP_AFTER_MS = 10_000;

/**
 * The durable rows of one device, under a prefix of their own, written only while its lease is held.
 *
 * A ledger that is away for moments is waited for; a lease that is lost ends every write at once.
 */
export class DeviceRows {
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  readonly #lease: AdapterLease;
  readonly #prefix: string;

  constructor(state: AdapterStateStore, installationId: string, lease: AdapterLease, prefix: string) {
    this.#state = state;
    this.#installationId = installationId;
    this.#lease = lease;
    this.#prefix = prefix;
  }

  /** The rows whose keys begin with the prefix, by what follows it. */
  under(prefix: string): DeviceRows {
    return new DeviceRows(this.#state, this.#installationId, this.#lease, `${this.#prefix}${prefix}`);
  }

  async read(): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await this.#state.read(this.#installationId, this.#prefix);
    return new Map([...rows].map(([key, value]) => [key.slice(this.#prefix.length), value]));
  }

  /** All of the changes or none. Errors: LEASE_LOST; LEDGER_UNAVAILABLE when it was away for 10 s. */
  async write(changes: RowChanges): Promise<void> {
    const prefixed = new Map([...changes].map(([key, value]) => [`${this.#prefix}${key}`, value]));
    const begunAtMs = performance.now();
    for (;;) {
      if (this.#lease.lost.aborted) throw toParleyError(this.#lease.lost.reason, "LEASE_LOST");
      try {
        await this.#state.write(this.#installationId, prefixed, this.#lease);
        return;
      } catch (error) {
        const away = error instanceof ParleyError && error.code === "LEDGER_UNAVAILABLE";
        if (!away || performance.now() - begunAtMs > GIVE_UP_AFTER_MS) throw error;
      }
      await abortableSleep(RETRY_EVERY_MS, this.#lease.lost).catch(() => undefined);
    }
  }
}
