import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { contentToText } from "../../../src/envelope/content.ts";
import { Envelope, type EnvelopeInput } from "../../../src/envelope/envelope.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterRig } from "./harness.ts";
import { envelopeOf, isAbout, marker, messageIdOf, QUIET_MS, say, text } from "./probe.ts";

export const parseChecks: readonly AdapterCheck[] = [
  {
    id: "AD-PARSE-01",
    title: "an event of each kind becomes an envelope that the schema accepts",
    async run(rig, harness) {
      for (const kind of harness.kinds) {
        const inbound = await rig.inbound(kind);
        assert.equal(await inbound.answer, "acknowledged", `${kind} was not acknowledged`);
        const envelope = await envelopeOf(rig, kind, inbound);
        const parsed = Envelope.safeParse(envelope);
        assert.ok(parsed.success, `${kind} is no envelope: ${parsed.error?.message ?? ""}`);
        assert.equal(envelope.platform, rig.adapter.platform);
        assert.equal(envelope.installationId, rig.installationId);
        assert.equal(envelope.organizationId, rig.organizationId);
        assertNow(envelope);
      }
      assert.deepEqual(rig.sink.malformed, []);
    },
  },
  {
    id: "AD-PARSE-01",
    title: "a message keeps its words, its mentions and its place",
    async run(rig) {
      const target = await rig.conversation();
      const words = `first **bold** word ${marker()}`;
      const top = await rig.inbound("message_created", { target, text: `${words} @guide please` });
      const envelope = await envelopeOf(rig, "message_created", top);
      assert.ok(envelope.kind === "message_created");
      const body = Envelope.parse(envelope);
      assert.ok(body.kind === "message_created");
      assert.ok(contentToText(body.body.content).includes(words), "the words of the message are not in its content");
      assert.deepEqual(body.body.mentions.agents, ["guide"]);
      assert.equal(envelope.conversation.thread, undefined);
      const thread = await rig.thread(target);
      const reply = await rig.inbound("message_created", { target: thread, text: marker() });
      const inThread = await envelopeOf(rig, "message_created", reply);
      assert.equal(inThread.conversation.thread?.id, thread.conversation.thread?.id);
      assert.ok(inThread.platformOrder > envelope.platformOrder, "a later message sorts before an earlier one");
    },
  },
  {
    id: "AD-PARSE-02",
    title: "an unknown kind of event is ignored with a reason, and acknowledged",
    async run(rig) {
      const events = await rig.unknownEvents();
      assert.ok(events.length > 0);
      for (const event of events) {
        const before = { ignored: rig.sink.ignoredEvents.length, calls: rig.sink.calls() };
        assert.equal(await event.send(), "acknowledged", `${event.name} was not acknowledged`);
        await pause(QUIET_MS);
        const reasons = rig.sink.ignoredEvents.slice(before.ignored).map((one) => one.reason);
        assert.equal(rig.sink.calls(), before.calls + 1, `${event.name} was not ignored, or more than once`);
        assert.equal(reasons.length, 1, `${event.name} was not ignored`);
        assert.notEqual(reasons[0]?.trim(), "", `${event.name} was ignored without a reason`);
      }
    },
  },
  {
    id: "AD-PARSE-03",
    title: "an event that fits no schema is handed in as malformed with its reason, once, and acknowledged",
    async run(rig) {
      const events = await rig.malformedEvents();
      assert.ok(events.length > 0);
      const keys = new Set<string>();
      for (const event of events) {
        const before = { malformed: rig.sink.malformed.length, calls: rig.sink.calls() };
        assert.equal(await event.send(), "acknowledged", `${event.name} was not acknowledged`);
        assert.equal(rig.sink.calls(), before.calls + 1, `of ${event.name} more was said than that it is malformed`);
        const [found] = rig.sink.malformed.slice(before.malformed);
        assert.ok(found !== undefined, `${event.name} was not handed in as malformed`);
        assert.notEqual(found.reason.trim(), "", `${event.name} has no reason`);
        assert.notEqual(found.raw, "", `of ${event.name} nothing was kept`);
        assert.equal(found.platform, rig.adapter.platform);
        assert.ok(!keys.has(found.dedupeKey), `${event.name} shares its key with another event`);
        keys.add(found.dedupeKey);
      }
      const after = await rig.inbound("message_created");
      assert.equal(await after.answer, "acknowledged", "after a malformed event nothing more is taken");
      await envelopeOf(rig, "message_created", after);
    },
  },
  {
    id: "AD-PARSE-04",
    title: "what the installation itself says is marked as its own, as an event and in the history",
    async run(rig) {
      const target = await rig.conversation();
      const since = new Date(Date.now() - 60_000).toISOString();
      const [receipt] = await say(rig, target, text(marker()));
      const person = await rig.inbound("message_created", { target });
      await envelopeOf(rig, "message_created", person);
      await pause(QUIET_MS);
      const past = await rig.adapter.features.history?.read({
        target,
        since,
        maxMessages: 50,
        signal: AbortSignal.timeout(5_000),
      });
      const all = [...rig.sink.offered, ...(past ?? [])];
      const own = all.filter((one) => messageIdOf(one) === receipt?.messageId);
      assert.ok(own.length > 0, "the installation's own message was seen nowhere");
      for (const envelope of own) {
        assert.equal(envelope.sender.self, true, "an own message is not marked as such");
        assert.notEqual(envelope.sender.kind, "human", "an own message is said to be a person's");
      }
      const others = all.filter((one) => isAbout(one, person) && one.kind === "message_created");
      assert.ok(others.length > 0);
      for (const envelope of others) {
        assert.notEqual(envelope.sender.self, true, "a person's message is marked as the installation's own");
        assert.equal(envelope.sender.kind, "human");
      }
    },
  },
  {
    id: "AD-PARSE-04",
    title: "what other bots say is a bot's, and not the installation's own",
    needs: ["other_bot"],
    async run(rig) {
      const envelope = await envelopeOf(rig, "message_created", await rig.otherBotSpeaks());
      assert.equal(envelope.sender.kind, "bot");
      assert.notEqual(envelope.sender.self, true);
    },
  },
  {
    id: "AD-PARSE-05",
    title: "an edit and a delete name the message that they change",
    async run(rig) {
      for (const kind of ["message_edited", "message_deleted"] as const) {
        const inbound = await rig.inbound(kind);
        assert.ok(inbound.messageId !== undefined);
        const envelope = await envelopeOf(rig, kind, inbound);
        assert.equal(messageIdOf(envelope), inbound.messageId);
        const created = await envelopeOf(rig, "message_created", inbound);
        assert.ok(envelope.platformOrder > created.platformOrder, `${kind} sorts before the message itself`);
        if (kind === "message_edited") assert.ok((envelope.revision ?? 0) > (created.revision ?? 0));
      }
    },
  },
  {
    id: "AD-PARSE-05",
    title: "a change without new text is no edit",
    async run(rig) {
      const change = await rig.changeWithoutText();
      assert.equal(await change.answer, "acknowledged");
      await settled(rig);
      assert.deepEqual(
        rig.sink.offered.filter((one) => one.kind === "message_edited"),
        [],
        "a change without new text was taken for an edit",
      );
    },
  },
];

/** Some event that came after makes sure that the one before was worked off. */
async function settled(rig: AdapterRig): Promise<void> {
  await envelopeOf(rig, "message_created", await rig.inbound("message_created"));
  await pause(QUIET_MS);
}

function assertNow(envelope: EnvelopeInput): void {
  const ageMs = Math.abs(Date.now() - Date.parse(envelope.occurredAt));
  assert.ok(ageMs < 60_000, `${envelope.kind} is said to have happened ${ageMs} ms away from now`);
}
