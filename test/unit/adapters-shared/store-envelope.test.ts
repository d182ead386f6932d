import { describe, expect, test } from "vitest";
import { storeEnvelope } from "../../../adapters/shared/store-envelope.ts";
import type { EnvelopeInput } from "../../../src/envelope/envelope.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

const envelope: EnvelopeInput = {
  version: 1,
  organizationId: "main",
  installationId: "i1",
  platform: "web",
  conversation: { space: { id: "s" }, channel: { id: "c", kind: "public" } },
  sender: { id: "u", kind: "human" },
  occurredAt: "2026-11-21T12:00:00.000Z",
  platformOrder: "1",
  dedupeKey: "k",
  orderingKey: "o",
  traceId: "0".repeat(32),
  kind: "session_stopped",
  body: {},
};

describe("storing an envelope", () => {
  const store = async (failure?: ParleyError) => {
    const malformed: string[] = [];
    const ingest = () =>
      failure === undefined ? Promise.resolve({ eventId: "e", duplicate: false }) : Promise.reject(failure);
    const outcome = await storeEnvelope({ ingest }, envelope, async (reason) => void malformed.push(reason)).then(
      () => "acknowledged",
      (error: ParleyError) => error.code,
    );
    return { outcome, malformed };
  };

  test("ends in an acknowledgement when it was stored, or can never be", async () => {
    expect(await store()).toEqual({ outcome: "acknowledged", malformed: [] });
    const refused = new ParleyError("PAYLOAD_MALFORMED", { detail: "dedupeKey: must not contain control characters" });
    expect(await store(refused)).toEqual({
      outcome: "acknowledged",
      malformed: ["dedupeKey: must not contain control characters"],
    });
  });

  test("ends in none when it may be stored later", async () => {
    for (const code of ["LEDGER_UNAVAILABLE", "INVARIANT_BROKEN"] as const)
      expect(await store(new ParleyError(code))).toEqual({ outcome: code, malformed: [] });
  });
});
