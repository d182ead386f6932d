/**
 * Small durable rows that an adapter keeps per installation: positions in an event stream, sessions, keys. In the ledger, encrypted
 * at rest, each bound to its installation and key.
 *
 * A position is written after the events that it covers were taken by `AdapterSink.ingest`, never before: what a crash leaves
 * between the two is delivered again, and recognised by its dedupeKey.
 */
export interface AdapterStateStore {
  /** All rows whose key begins with `prefix`. Rejects with LEDGER_UNAVAILABLE. */
  read(installationId: string, prefix: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Commits all of the changes or none; null removes a row. Keys are at most 1,024 characters.
   *
   * With a lease that is no longer held nothing is written. Errors: LEASE_LOST, LEDGER_UNAVAILABLE.
   */
  write(installationId: string, changes: ReadonlyMap<string, Uint8Array | null>, lease?: AdapterLease): Promise<void>;
  /**
   * Makes this process the only one that works under `name` for the installation; undefined while another one does.
   *
   * Kept alive by the port. After a crash another process gets it within 15 s.
   */
  lease(installationId: string, name: string): Promise<AdapterLease | undefined>;
}

/** The right of one process to be the only one: a gateway session, a device, a sync loop. */
export interface AdapterLease {
  readonly name: string;
  readonly epoch: number;
  /** Aborted once the lease could not be kept; the work under it has to end at once. */
  readonly lost: AbortSignal;
  /** Lets others take it at once; safe to call twice. */
  release(): Promise<void>;
}
