import { createHash } from "node:crypto";
import type { AdapterSink, IngestOptions } from "../../src/contracts/adapter-sink.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { storeEnvelope } from "../shared/store-envelope.ts";
import type { Space } from "./guilds.ts";
import type { NoEnvelope } from "./inbound-context.ts";

const PLATFORM = "discord";
const RETRY_MS = [250, 500, 1_000, 2_000, 5_000] as const;

/**
 * Hands events to the sink until they are taken: Discord sends nothing twice on its own while a connection lasts.
 *
 * Each method resolves with true once the event is stored, and with false when the adapter ends first; then it counts as never
 * received. They never reject.
 */
export class Intake {
  readonly #sink: AdapterSink;
  readonly #ending: AbortSignal;

  constructor(sink: AdapterSink, ending: AbortSignal) {
    this.#sink = sink;
    this.#ending = ending;
  }

  store(envelope: EnvelopeInput, options?: IngestOptions): Promise<boolean> {
    const sink = options === undefined ? this.#sink : withOptions(this.#sink, options);
    return this.#untilTaken(() =>
      storeEnvelope(sink, envelope, (reason) =>
        this.#sink.ingestMalformed({
          platform: PLATFORM,
          installationId: envelope.installationId,
          organizationId: envelope.organizationId,
          reason,
          raw: envelope.kind,
          dedupeKey: `discord:refused:${digest(envelope.dedupeKey)}`,
        }),
      ),
    );
  }

  /** An event that is no envelope: counted, or kept as a dead letter. */
  refuse(space: Space | undefined, eventType: string, result: NoEnvelope, raw: () => string): Promise<boolean> {
    const installationId = space?.record.installationId ?? "unknown";
    if (result.outcome === "ignored") {
      this.#sink.ignored({ platform: PLATFORM, installationId, eventType, reason: result.reason });
      return Promise.resolve(true);
    }
    const text = raw().toWellFormed();
    return this.#untilTaken(() =>
      this.#sink.ingestMalformed({
        platform: PLATFORM,
        installationId,
        organizationId: space?.record.organizationId ?? "unknown",
        reason: result.reason,
        raw: text,
        dedupeKey: `discord:malformed:${digest(text)}`,
      }),
    );
  }

  async #untilTaken(store: () => Promise<void>): Promise<boolean> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await store();
        return true;
      } catch (error) {
        if (attempt === 0)
          this.#sink.logger.warn({ err: error }, "an event of discord could not be stored; trying again");
      }
      try {
        await abortableSleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 5_000, this.#ending);
      } catch {
        return false;
      }
    }
  }
}

function withOptions(sink: AdapterSink, options: IngestOptions): Pick<AdapterSink, "ingest"> {
  return { ingest: (envelope) => sink.ingest(envelope, options) };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
