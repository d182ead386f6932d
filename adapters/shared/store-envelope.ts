import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/**
 * Stores an event, or as a dead letter what the envelope's schema refuses; either way it may be acknowledged.
 *
 * Rejects when neither could be stored. Without it one bad event would be sent again for ever, or hold up all that follow.
 */
export async function storeEnvelope(
  sink: Pick<AdapterSink, "ingest">,
  envelope: EnvelopeInput,
  storeMalformed: (reason: string) => Promise<void>,
): Promise<void> {
  try {
    await sink.ingest(envelope);
  } catch (error) {
    if (!(error instanceof ParleyError) || error.code !== "PAYLOAD_MALFORMED") throw error;
    await storeMalformed(error.detail ?? "not an envelope");
  }
}
