import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { AdapterCheck } from "./checks.ts";
import {
  failureOf,
  IDENTITY,
  marker,
  PATIENCE_MS,
  postFor,
  QUIET_MS,
  staysOpen,
  text,
  until,
  within,
} from "./probe.ts";
import { watchTimers } from "./watch-timers.ts";

/** How long a send may go on after its signal aborted, in ms. */
const ABORT_MS = 1_000;
/** How long sockets may take to close after `stop` resolved, in ms. */
const CLOSE_MS = 1_000;

export const lifeChecks: readonly AdapterCheck[] = [
  {
    id: "AD-LIFE-01",
    title: "creating an adapter contacts nobody and opens nothing",
    unstarted: true,
    alone: true,
    async run(rig) {
      const timers = watchTimers();
      const before = { traffic: rig.traffic(), connections: rig.connections() };
      try {
        timers.run(() => rig.create());
        await pause(QUIET_MS);
        assert.equal(rig.traffic(), before.traffic, "creating an adapter called the platform");
        assert.equal(rig.connections(), before.connections, "creating an adapter opened a connection");
        assert.deepEqual(timers.living(), [], "creating an adapter set a timer");
        assert.equal(rig.sink.calls(), 0);
      } finally {
        timers.stop();
      }
    },
  },
  {
    id: "AD-LIFE-02",
    title: "starting twice changes nothing: no second connection, no event handed in twice",
    async run(rig) {
      const before = { traffic: rig.traffic(), connections: rig.connections() };
      await rig.adapter.start(rig.sink, new AbortController().signal);
      await pause(QUIET_MS);
      assert.equal(rig.connections(), before.connections, "a second start opened connections");
      assert.equal(rig.adapter.health().length, new Set(rig.adapter.health().map((row) => row.installationId)).size);
      const inbound = await rig.inbound("reaction_added");
      assert.equal(await inbound.answer, "acknowledged");
      await pause(QUIET_MS);
      const handed = rig.sink.offered.filter((one) => one.kind === "reaction_added");
      assert.equal(handed.length, 1, `one event was handed in ${handed.length} times after a second start`);
    },
  },
  {
    id: "AD-LIFE-02",
    title: "stopping twice, at once, or without a start is no error",
    async run(rig) {
      const isHarmless = async (work: Promise<unknown>): Promise<void> =>
        await assert.doesNotReject(within(work, PATIENCE_MS, "stop did not resolve"));
      await isHarmless(rig.create().stop());
      await isHarmless(Promise.all([rig.adapter.stop(), rig.adapter.stop()]));
      await isHarmless(rig.adapter.stop());
    },
  },
  {
    id: "AD-LIFE-03",
    title: "stop waits for events that are being ingested, and takes no new ones",
    async run(rig) {
      const target = await rig.conversation();
      rig.sink.hold("message_created");
      const inbound = await rig.inbound("message_created", { target });
      await until(
        () => rig.sink.offered.some((one) => one.kind === "message_created"),
        "the event did not reach the sink",
      );
      const stopping = rig.adapter.stop();
      assert.ok(await staysOpen(stopping), "stop resolved while an event was being ingested");
      rig.sink.release();
      await within(stopping, PATIENCE_MS, "stop did not resolve");
      const before = rig.sink.calls();
      await inbound.answer;
      const late = await rig.inbound("message_created", { target });
      assert.equal(await late.answer, "refused", "an event was acknowledged by an adapter that has stopped");
      assert.equal(rig.sink.calls(), before, "an adapter that has stopped took an event");
    },
  },
  {
    id: "AD-LIFE-03",
    title: "stop closes every socket and timer",
    unstarted: true,
    alone: true,
    async run(rig) {
      const timers = watchTimers();
      try {
        const signal = new AbortController().signal;
        await timers.run(() => rig.adapter.start(rig.sink, signal));
        const target = await rig.conversation();
        await timers.run(async () => {
          await (await rig.inbound("message_created", { target })).answer;
          await rig.adapter.send(postFor(rig.adapter, target, text(marker())));
        });
        const preview = await timers.run(() =>
          rig.adapter.features.preview?.open({
            target,
            identity: IDENTITY,
            idempotencyKey: marker(),
            markdown: "So far",
            conversation: target.conversation,
            signal,
          }),
        );
        await preview?.settle();
        assert.ok(rig.connections() > 0, "the check sees no connection, and so could miss that one stays open");
        assert.ok(timers.living().length > 0, "the check sees no timer, and so could miss that one stays");
        await rig.adapter.stop();
        await until(() => rig.connections() === 0, "a connection stayed open after stop", CLOSE_MS);
        await until(() => timers.living().length === 0, "a timer was still there after stop", CLOSE_MS).catch(() =>
          assert.deepEqual(timers.living(), [], "a timer was still there after stop"),
        );
      } finally {
        timers.stop();
      }
    },
  },
  {
    id: "AD-LIFE-04",
    title: "a send that waits for the platform ends within a second of its abort, and does not call that certain",
    async run(rig) {
      const target = await rig.conversation();
      await rig.fail("silent_before", target);
      const running = new AbortController();
      const before = rig.traffic();
      const work = rig.adapter.send(postFor(rig.adapter, target, text(marker()), { signal: running.signal }));
      const ended = failureOf(work);
      await until(() => rig.traffic() > before, "the send did not reach the platform");
      assert.ok(await staysOpen(work), "the send ended although the platform was silent");
      running.abort();
      const error = await within(ended, ABORT_MS, "the send went on after its abort");
      assert.equal(error.delivery, "unknown", "a call that was under way is called certainly not sent");
    },
  },
  {
    id: "AD-LIFE-04",
    title: "a send whose signal aborted while it waited for others writes nothing",
    async run(rig) {
      const target = await rig.conversation();
      await rig.fail("silent_before", target);
      const [first, second] = [new AbortController(), new AbortController()];
      const before = rig.traffic();
      const ahead = failureOf(rig.adapter.send(postFor(rig.adapter, target, text(marker()), { signal: first.signal })));
      await until(() => rig.traffic() > before, "the send did not reach the platform");
      const waiting = failureOf(
        rig.adapter.send(postFor(rig.adapter, target, text(marker()), { signal: second.signal })),
      );
      second.abort();
      assert.equal(
        (await within(waiting, ABORT_MS, "the waiting send went on after its abort")).code,
        "TURN_CANCELLED",
      );
      first.abort();
      await ahead;
      await pause(QUIET_MS);
      assert.deepEqual(await rig.platform.messages(target), []);
    },
  },
  {
    id: "AD-LIFE-04",
    title: "a send whose signal has aborted before it began writes nothing and says so",
    async run(rig) {
      const target = await rig.conversation();
      const error = await failureOf(
        rig.adapter.send(postFor(rig.adapter, target, text(marker()), { signal: AbortSignal.abort() })),
      );
      assert.equal(error.code, "TURN_CANCELLED");
      assert.equal(error.delivery, "not_sent");
      await pause(QUIET_MS);
      assert.deepEqual(await rig.platform.messages(target), []);
    },
  },
];
