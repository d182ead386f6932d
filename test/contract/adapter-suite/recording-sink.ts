import type { AdapterSink, Installation, MalformedEvent } from "../../../src/contracts/adapter-sink.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { EnvelopeInput } from "../../../src/envelope/envelope.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { type RecordedState, recordedState } from "../../support/recorded-state.ts";

type IgnoredEvent = Parameters<AdapterSink["ignored"]>[0];

/** The pipeline's side as a check sees and steers it. */
export interface RecordingSink extends AdapterSink {
  /** Every envelope that was handed in, repeats and refused ones included, exactly as it came. */
  readonly offered: readonly EnvelopeInput[];
  /** Those that were taken, repeats included. */
  readonly taken: readonly EnvelopeInput[];
  readonly malformed: readonly MalformedEvent[];
  readonly ignoredEvents: readonly IgnoredEvent[];
  /** Every log line with its fields; secrets and errors inside are not spared. */
  readonly logged: readonly unknown[];
  /** Calls of any kind, for checks that want none. */
  calls(): number;
  /** What is stored, as another process finds it. */
  readonly stored: RecordedState;
  /** From now on `ingest` of this kind waits until `release`; others go on, for the platform may tell of members first. */
  hold(kind: EnvelopeInput["kind"]): void;
  release(): void;
  /** The next calls of `ingest` reject as they do without a ledger. */
  rejectNext(count: number): void;
  /** After so many further commits (of events, of state) the process counts as dead: nothing that it does is kept any more. */
  dieAfter(commits: number): void;
  isDead(): boolean;
  /** What outlives the process: the state as the next one finds it. */
  readonly lasting: RecordedState;
}

/** A sink that keeps what it gets; it parses nothing, so that the checks see what the adapter really said. */
export function recordingSink(lasting: RecordedState = recordedState()): RecordingSink {
  const offered: EnvelopeInput[] = [];
  const taken: EnvelopeInput[] = [];
  const malformed: MalformedEvent[] = [];
  const ignoredEvents: IgnoredEvent[] = [];
  const logged: unknown[] = [];
  const known = new Map<string, string>();
  let held: { readonly kind: EnvelopeInput["kind"]; readonly end: Promise<void> } | undefined;
  let release = (): void => undefined;
  let rejections = 0;
  let commitsLeft = Number.POSITIVE_INFINITY;
  const requireLife = (): void => {
    if (commitsLeft <= 0) throw new ParleyError("LEDGER_UNAVAILABLE");
  };
  const commit = (): void => {
    requireLife();
    commitsLeft -= 1;
  };
  const log = (fields: unknown, message: string): void => void logged.push({ fields, message });
  const logger: Logger = {
    debug: log,
    info: log,
    warn: log,
    error: log,
    child: (fields) => {
      logged.push({ fields });
      return logger;
    },
  };
  return {
    offered,
    taken,
    malformed,
    ignoredEvents,
    logged,
    logger,
    calls: () => offered.length + malformed.length + ignoredEvents.length,
    hold: (kind) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = { kind, end: promise };
      release = resolve;
    },
    release: () => release(),
    rejectNext: (count) => {
      rejections = count;
    },
    dieAfter: (commits) => {
      commitsLeft = commits;
    },
    isDead: () => commitsLeft <= 0,
    lasting,
    agents: () => AGENTS,
    agentsFor: () => AGENTS,
    ingest: async (envelope) => {
      offered.push(envelope);
      if (held?.kind === envelope.kind) await held.end;
      if (rejections > 0) {
        rejections -= 1;
        throw new ParleyError("LEDGER_UNAVAILABLE");
      }
      commit();
      taken.push(envelope);
      const earlier = known.get(envelope.dedupeKey);
      if (earlier !== undefined) return { eventId: earlier, duplicate: true };
      const eventId = `event-${known.size}`;
      known.set(envelope.dedupeKey, eventId);
      return { eventId, duplicate: false };
    },
    ingestMalformed: async (event) => {
      commit();
      malformed.push(event);
    },
    ignored: (event) => {
      ignoredEvents.push(event);
    },
    installations: recordedInstallations(),
    stored: lasting,
    state: {
      ...lasting,
      read: async (...which) => {
        requireLife();
        return await lasting.read(...which);
      },
      write: async (...what) => {
        commit();
        await lasting.write(...what);
      },
      lease: async (...which) => {
        requireLife();
        return await lasting.lease(...which);
      },
    },
  };
}

const AGENTS = ["guide", "assistant"].map((handle) => ({ agentId: `agent-${handle}`, handle, name: handle }));

function recordedInstallations(): AdapterSink["installations"] {
  const rows = new Map<string, Installation>();
  return {
    list: async (platform) => [...rows.values()].filter((row) => row.platform === platform),
    save: async (given) => {
      const installationId = `installation:${given.organizationId}:${given.externalId}`;
      const row: Installation = { ...given, installationId, status: "active" };
      rows.set(installationId, row);
      return row;
    },
    setStatus: async (installationId, status) => {
      const row = rows.get(installationId);
      if (row !== undefined) rows.set(installationId, { ...row, status });
    },
  };
}
