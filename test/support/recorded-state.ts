import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** Adapter state as a check sees and steers it; outlives the adapters that use it, as the ledger does. */
export interface RecordedState extends AdapterStateStore {
  /** Every committed write in order: what changed, as keys. */
  readonly writes: readonly (readonly string[])[];
  /** The next writes reject as they do without a ledger. */
  rejectNext(count: number): void;
  /** Another process takes this lease away. */
  seize(installationId: string, name: string): void;
}

export function recordedState(): RecordedState {
  const rows = new Map<string, Uint8Array>();
  const leases = new Map<string, { epoch: number; lost: AbortController | undefined }>();
  const writes: string[][] = [];
  let rejections = 0;
  const at = (installationId: string, key: string): string => JSON.stringify([installationId, key]);
  return {
    writes,
    rejectNext: (count) => {
      rejections = count;
    },
    seize(installationId, name) {
      const lease = leases.get(at(installationId, name));
      lease?.lost?.abort(new ParleyError("LEASE_LOST"));
      leases.set(at(installationId, name), { epoch: (lease?.epoch ?? 0) + 1, lost: new AbortController() });
    },
    async read(installationId, prefix) {
      const found = new Map<string, Uint8Array>();
      for (const [place, value] of rows) {
        const [owner = "", key = ""] = JSON.parse(place) as string[]; // written by `at`
        if (owner === installationId && key.startsWith(prefix)) found.set(key, value);
      }
      return found;
    },
    async write(installationId, changes, lease) {
      if (rejections > 0) {
        rejections -= 1;
        throw new ParleyError("LEDGER_UNAVAILABLE");
      }
      if (lease !== undefined && leases.get(at(installationId, lease.name))?.epoch !== lease.epoch)
        throw new ParleyError("LEASE_LOST");
      for (const [key, value] of changes) {
        if (value === null) rows.delete(at(installationId, key));
        else rows.set(at(installationId, key), value);
      }
      writes.push([...changes.keys()]);
    },
    async lease(installationId, name) {
      const place = at(installationId, name);
      const held = leases.get(place);
      if (held?.lost !== undefined) return undefined;
      const taken = { epoch: (held?.epoch ?? 0) + 1, lost: new AbortController() };
      leases.set(place, taken);
      return {
        name,
        epoch: taken.epoch,
        lost: taken.lost.signal,
        release: async () => {
          if (leases.get(place) === taken) leases.set(place, { ...taken, lost: undefined });
        },
      };
    },
  };
}
