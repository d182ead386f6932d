import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../../../src/contracts/adapter.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterRig, Afterwards } from "./harness.ts";
import { messageIdOf, until } from "./probe.ts";
import { type RecordingSink, recordingSink } from "./recording-sink.ts";

/** After how many commits a process dies: each kind of gap between two of them is among these. */
const DEATHS = [0, 1, 2, 3, 4, 6] as const;
/** How long a dying process may take to come to the commit at which it dies, or to have no more to do, in ms. */
const LIFE_MS = 1_500;
/** Longest time until what was missed has come in, in ms. */
const CATCH_UP_MS = 15_000;

export const restartChecks: readonly AdapterCheck[] = [
  {
    id: "AD-LIFE-05",
    title: "wherever a process dies, the ones after it take in every message",
    needs: ["position"],
    async run(rig) {
      const { say, succeed } = afterwardsOf(rig);
      const targets = [await rig.conversation(), await rig.conversation()];
      const said: string[] = [];
      const sayIn = async (places: readonly Target[]): Promise<void> => {
        for (const place of places) said.push(await say(place));
      };
      const sinks = [rig.sink];
      rig.sink.dieAfter(3);
      await sayIn([...targets, ...targets]);
      await ended(rig.sink);
      await rig.adapter.stop();
      for (const commits of DEATHS) {
        await sayIn(targets);
        const sink = recordingSink(rig.sink.lasting);
        sinks.push(sink);
        sink.dieAfter(commits);
        const starting = succeed(sink);
        // A start that finds no ledger may fail; what counts is what the next one does.
        starting.catch(() => undefined);
        await sayIn(targets);
        await ended(sink);
        await starting.then(
          (adapter) => adapter.stop(),
          () => undefined,
        );
      }
      const last = recordingSink(rig.sink.lasting);
      sinks.push(last);
      await succeed(last);
      await allTaken(sinks, said);
    },
  },
  {
    id: "AD-LIFE-06",
    title:
      "what was said while no adapter ran is taken in after the start, in order, and of what came before nothing new is made",
    needs: ["position"],
    async run(rig) {
      const { say, succeed } = afterwardsOf(rig);
      const target = await rig.conversation();
      const before = await say(target);
      await allTaken([rig.sink], [before]);
      await rig.adapter.stop();
      const missed: string[] = [];
      for (let count = 0; count < 5; count++) missed.push(await say(target));
      const sink = recordingSink(rig.sink.lasting);
      await succeed(sink);
      await allTaken([sink], missed);
      const taken = sink.taken.filter(
        (one) => one.kind === "message_created" && missed.includes(messageIdOf(one) ?? ""),
      );
      const orders = [...new Map(taken.map((one) => [messageIdOf(one), one.platformOrder])).entries()];
      assert.deepEqual(
        orders.toSorted(([, a], [, b]) => (a < b ? -1 : 1)).map(([id]) => id),
        missed,
        "what was missed came in another order than it was said",
      );
      const keys = new Set(rig.sink.taken.map((one) => one.dedupeKey));
      for (const one of sink.taken.filter((envelope) => messageIdOf(envelope) === before))
        assert.ok(keys.has(one.dedupeKey), "what had been taken in before came again as something else");
    },
  },
  {
    id: "AD-LIFE-06",
    title: "a conversation that was left meanwhile is not read",
    needs: ["position"],
    async run(rig) {
      const { say, succeed, putOut, reads } = afterwardsOf(rig);
      if (putOut === undefined) return;
      const [left, kept] = [await rig.conversation(), await rig.conversation()];
      await allTaken([rig.sink], [await say(left), await say(kept)]);
      await rig.adapter.stop();
      await putOut(left);
      const unheard = await say(left);
      const heard = await say(kept);
      const before = reads(left);
      const sink = recordingSink(rig.sink.lasting);
      await succeed(sink);
      await allTaken([sink], [heard]);
      assert.ok(
        !sink.offered.some((one) => messageIdOf(one) === unheard),
        "what was said after the installation had gone was taken in",
      );
      assert.equal(reads(left), before, "the platform was asked for what was said where the installation is no more");
    },
  },
];

function afterwardsOf(rig: AdapterRig): Afterwards {
  assert.ok(rig.afterwards !== undefined, "the rig cannot start a second adapter");
  return rig.afterwards;
}

/** Until the process is dead, or has had nothing to do for long enough. */
async function ended(sink: RecordingSink): Promise<void> {
  const deadlineMs = performance.now() + LIFE_MS;
  while (!sink.isDead() && performance.now() < deadlineMs) await pause(10);
}

async function allTaken(sinks: readonly RecordingSink[], messageIds: readonly string[]): Promise<void> {
  const missing = (): readonly string[] => {
    const taken = new Set(
      sinks.flatMap((sink) => sink.taken.filter((one) => one.kind === "message_created").map(messageIdOf)),
    );
    return messageIds.filter((id) => !taken.has(id));
  };
  await until(() => missing().length === 0, "not every message was taken in", CATCH_UP_MS).catch(() =>
    assert.deepEqual(missing(), [], "messages were never taken in"),
  );
}
