import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { EnvelopeInput } from "../../../src/envelope/envelope.ts";
import type { AdapterCheck } from "./checks.ts";
import type { Inbound } from "./harness.ts";
import { envelopeOf, isAbout, QUIET_MS, staysOpen, until } from "./probe.ts";

export const intakeChecks: readonly AdapterCheck[] = [
  {
    id: "AD-AUTH-01",
    title: "what is unsigned, wrongly signed, stale or oversized is refused, and nothing of it is handed in",
    async run(rig) {
      const forgeries = await rig.forgeries();
      assert.ok(forgeries.length >= 4, "the harness knows too few forgeries");
      await pause(QUIET_MS);
      const before = rig.sink.calls();
      for (const forgery of forgeries) {
        assert.equal(await forgery.send(), "refused", `${forgery.name} was let in`);
        assert.equal(rig.sink.calls(), before, `${forgery.name} reached the pipeline`);
      }
    },
  },
  {
    id: "AD-AUTH-01",
    title: "what is just good enough is let in",
    async run(rig) {
      for (const request of await rig.genuine())
        assert.equal(await request.send(), "acknowledged", `${request.name} was refused`);
    },
  },
  {
    id: "AD-AUTH-02",
    title: "an event is acknowledged only after it was ingested",
    async run(rig) {
      const target = await rig.conversation();
      rig.sink.hold("message_created");
      const inbound = await rig.inbound("message_created", { target });
      await until(
        () => rig.sink.offered.some((one) => one.kind === "message_created"),
        "the event did not reach the sink",
      );
      assert.ok(await staysOpen(inbound.answer), "the event was acknowledged before it was ingested");
      rig.sink.release();
      assert.equal(await inbound.answer, "acknowledged");
    },
  },
  {
    id: "AD-AUTH-02",
    title: "an event that could not be ingested is not acknowledged, and is taken when it comes again",
    async run(rig) {
      const target = await rig.conversation();
      rig.sink.rejectNext(1);
      const inbound = await rig.inbound("message_created", { target });
      assert.equal(await inbound.answer, "refused", "an event that was not stored was acknowledged");
      await until(
        () => rig.sink.taken.some((one) => one.kind === "message_created" && isAbout(one, inbound)),
        "the event did not come again",
      );
    },
  },
  {
    id: "AD-ID-01",
    title: "an event that is delivered again has the same dedupeKey, and no two events share one",
    async run(rig, harness) {
      assert.ok(harness.redelivered.length > 0);
      const keys = new Map<string, string>();
      for (const kind of harness.redelivered) {
        const before = rig.sink.taken.length;
        const inbound = await rig.inboundTwice(kind);
        // Not every platform says when something happened: an event is known again by its key alone.
        const deliveries = (): readonly (readonly EnvelopeInput[])[] => {
          const about = rig.sink.taken.slice(before).filter((one) => one.kind === kind && isAbout(one, inbound));
          return [...Map.groupBy(about, (one) => one.dedupeKey).values()].filter((same) => same.length >= 2);
        };
        await until(() => deliveries().length > 0, `${kind} was not handed in again under the same dedupeKey`);
      }
      for (const envelope of rig.sink.taken) {
        const { kind, conversation, body } = envelope;
        const event = JSON.stringify([kind, conversation.channel.id, body]);
        const known = keys.get(envelope.dedupeKey);
        assert.ok(known === undefined || known === event, `two events share ${envelope.dedupeKey}`);
        keys.set(envelope.dedupeKey, event);
      }
    },
  },
  {
    id: "AD-ID-01",
    title: "keys look as they did in every release before",
    async run(rig, harness) {
      const kinds = harness.kinds.filter((kind) => harness.keys[kind] !== undefined);
      assert.deepEqual(kinds, harness.kinds, "the harness does not know how the keys of every kind look");
      for (const kind of kinds) {
        const inbound = await rig.inbound(kind);
        const { dedupeKey, orderingKey, conversation } = await envelopeOf(rig, kind, inbound);
        const golden = goldenKey(harness.keys[kind] ?? "", rig.installationId, inbound);
        assert.match(dedupeKey, golden, `${kind} has a dedupeKey of another form`);
        const thread = conversation.thread === undefined ? [] : [conversation.thread.id];
        assert.equal(orderingKey, JSON.stringify([rig.installationId, inbound.channelId, ...thread]));
      }
    },
  },
  {
    id: "AD-ID-01",
    title: "ids that hold what keys are joined with are told apart",
    needs: ["chosen_ids"],
    async run(rig) {
      const events = (await rig.lookalikes?.()) ?? [];
      assert.ok(events.length >= 2, "the harness knows no events that read alike");
      const before = rig.sink.calls();
      for (const event of events) assert.equal(await event.send(), "acknowledged", `${event.name} was refused`);
      await until(() => rig.sink.calls() >= before + events.length, "not every event was handed in");
      const keys = [...rig.sink.taken, ...rig.sink.malformed].map((one) => one.dedupeKey);
      assert.ok(keys.length >= events.length, "events with odd ids were ignored");
      assert.equal(new Set(keys).size, keys.length, "different events share a dedupeKey");
    },
  },
  {
    id: "AD-ID-02",
    title: "events of two installations share neither dedupeKey nor orderingKey",
    async run(rig) {
      const { otherInstallationId } = await rig.inboundForTwins();
      const of = (installationId: string): readonly EnvelopeInput[] =>
        rig.sink.taken.filter((one) => one.installationId === installationId);
      await until(
        () => of(rig.installationId).length > 0 && of(otherInstallationId).length > 0,
        "the events of both installations did not come",
      );
      for (const key of ["dedupeKey", "orderingKey"] as const) {
        const own = new Set(of(rig.installationId).map((one) => one[key]));
        for (const other of of(otherInstallationId))
          assert.ok(!own.has(other[key]), `two installations share the ${key} ${other[key]}`);
      }
    },
  },
];

/** What the key of this event has to look like. */
function goldenKey(template: string, installationId: string, inbound: Inbound): RegExp {
  const ids: Readonly<Record<string, string | undefined>> = {
    "{installation}": installationId,
    "{channel}": inbound.channelId,
    "{message}": inbound.messageId,
    "{actor}": inbound.actorId,
  };
  const pieces = template.split(/(\{[a-z]+\}|\*)/u).map((piece) => {
    if (piece === "*") return '[^"]+';
    return (piece.startsWith("{") ? (ids[piece] ?? piece) : piece).replaceAll(
      /[^\w]/gu,
      (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`,
    );
  });
  return new RegExp(`^${pieces.join("")}$`, "u");
}
