import type { AdapterSink, Installation, MalformedEvent } from "../../../src/contracts/adapter-sink.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { Envelope, type EnvelopeInput } from "../../../src/envelope/envelope.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { recordedState } from "../recorded-state.ts";

export interface RecordingSink extends AdapterSink {
  /** Distinct events in the order of their first delivery. */
  readonly envelopes: readonly Envelope[];
  /** Every call, repeats included. */
  readonly deliveries: readonly string[];
  readonly malformed: readonly MalformedEvent[];
  readonly logged: readonly string[];
  /** While true, `ingest` rejects as it does when the ledger is away. */
  away: boolean;
}

/** What the pipeline looks like to an adapter: it keeps each event once by its dedupe key, and can be away. */
export function recordingSink(handles: readonly string[] = ["guide", "assistant"]): RecordingSink {
  const envelopes: Envelope[] = [];
  const deliveries: string[] = [];
  const malformed: MalformedEvent[] = [];
  const logged: string[] = [];
  const installations: Installation[] = [];
  const known = new Map<string, string>();
  const log = (fields: unknown, message: string): void => void logged.push(JSON.stringify({ fields, message }));
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  return {
    envelopes,
    deliveries,
    malformed,
    logged,
    away: false,
    logger,
    agents: () => handles.map((handle) => ({ agentId: `agent-${handle}`, handle, name: handle })),
    agentsFor: () => [],
    async ingest(input: EnvelopeInput) {
      await Promise.resolve();
      if (this.away) throw new ParleyError("LEDGER_UNAVAILABLE");
      const envelope = Envelope.parse(input);
      deliveries.push(envelope.dedupeKey);
      const earlier = known.get(envelope.dedupeKey);
      if (earlier !== undefined) return { eventId: earlier, duplicate: true };
      const eventId = `e_${known.size}`;
      known.set(envelope.dedupeKey, eventId);
      envelopes.push(envelope);
      return { eventId, duplicate: false };
    },
    async ingestMalformed(event) {
      malformed.push(event);
    },
    ignored: () => undefined,
    state: recordedState(),
    installations: {
      list: async (platform) => installations.filter((installation) => installation.platform === platform),
      save: async (installation) => {
        const saved = {
          ...installation,
          installationId: `i_${installation.organizationId}`,
          status: "active" as const,
        };
        installations.push(saved);
        return saved;
      },
      setStatus: async () => undefined,
    },
  };
}
