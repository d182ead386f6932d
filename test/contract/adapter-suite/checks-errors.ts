import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { OutboundPost } from "../../../src/contracts/adapter.ts";
import { ERROR_CODES } from "../../../src/errors/codes.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { AdapterCheck } from "./checks.ts";
import { FAILURES, type FailureMode, RATE_LIMIT_PAUSE_MS } from "./harness.ts";
import { envelopeOf, failureOf, marker, outcomeOf, postFor, text, within } from "./probe.ts";

const CONVERSATIONS = 10;
const SENDS_EACH = 5;
/** A platform that does not answer is given up at last, in ms. */
const TIMEOUT_MS = 10_000;

export const errorChecks: readonly AdapterCheck[] = [
  ...(Object.keys(FAILURES) as FailureMode[]) // the object is the list of modes
    .map(failureCheck),
  {
    id: "AD-ERR-01",
    title: "a body that this adapter did not render is refused as content, and nothing is written",
    async run(rig) {
      const target = await rig.conversation();
      const post: OutboundPost = { ...postFor(rig.adapter, target, text(marker())), body: { nonsense: true } };
      const error = await failureOf(rig.adapter.send(post));
      assert.equal(error.code, "CONTENT_REJECTED");
      assert.equal(error.delivery, "not_sent");
      assert.deepEqual(await rig.platform.messages(target), []);
    },
  },
  {
    id: "AD-ERR-02",
    title: "after a rate limit nothing is written there before the pause is over, and other channels go on",
    needs: ["rate_limit"],
    async run(rig) {
      const [limited, other] = [await rig.conversation(), await rig.conversation()];
      await rig.fail("rate_limited", limited);
      const error = await failureOf(rig.adapter.send(postFor(rig.adapter, limited, text(marker()))));
      const until = performance.now() + (error.retryAfterMs ?? 0);
      assert.ok((error.retryAfterMs ?? 0) > RATE_LIMIT_PAUSE_MS / 2, "the pause is shorter than the platform named it");
      // A call that was under way when the limit came would be excused; these are not.
      await pause(100);
      const waiting = [1, 2].map(() => outcomeOf(rig.adapter.send(postFor(rig.adapter, limited, text(marker())))));
      const elsewhere = rig.adapter.send(postFor(rig.adapter, other, text(marker())));
      await within(elsewhere, RATE_LIMIT_PAUSE_MS / 2, "another channel had to wait too");
      for (const { value, error: early } of await Promise.all(waiting)) {
        if (value !== undefined) assert.ok(performance.now() >= until - 50, "a message was written within the pause");
        else assert.ok(early instanceof ParleyError && early.code === "PLATFORM_RATE_LIMITED", String(early));
      }
      assert.equal(rig.platform.earlyWrites(), 0, "the platform was called before the pause was over");
    },
  },
  {
    id: "AD-CONC-01",
    title: `${CONVERSATIONS * SENDS_EACH} parallel sends to ${CONVERSATIONS} conversations keep each one's order, on a slow platform`,
    async run(rig) {
      const targets = await Promise.all(Array.from({ length: CONVERSATIONS }, () => rig.conversation()));
      rig.dawdle();
      const sent = targets.flatMap((target) =>
        Array.from({ length: SENDS_EACH }, (_, index) => ({ target, index, words: marker() })),
      );
      // Turn by turn over the conversations, so that neighbours in time are of different ones.
      const inTurn = sent.toSorted((a, b) => a.index - b.index);
      const receipts = await Promise.all(
        inTurn.map(({ target, words }) => rig.adapter.send(postFor(rig.adapter, target, text(words)))),
      );
      for (const target of targets) {
        const expected = inTurn.flatMap((one, at) =>
          one.target === target ? [{ id: receipts[at]?.messageId, content: one.words }] : [],
        );
        const messages = (await rig.platform.messages(target)).map(({ id, content }) => ({
          id,
          content: content.trim(),
        }));
        assert.deepEqual(messages, expected, "the messages of a conversation are not those that were sent, in order");
      }
    },
  },
  {
    id: "AD-CONC-01",
    title: "two adapters in one process share nothing: neither events, nor pauses, nor their end",
    async run(rig, harness) {
      const other = await harness.start();
      try {
        const here = await rig.conversation();
        const there = await other.conversation();
        const heard = await envelopeOf(rig, "message_created", await rig.inbound("message_created", { target: here }));
        const told = await other.inbound("message_created", { target: there });
        const beside = await envelopeOf(other, "message_created", told);
        assert.ok(!other.sink.offered.includes(heard), "the other adapter's sink got the event");
        assert.ok(!rig.sink.offered.includes(beside), "the event of the other adapter came here");
        if (harness.failures.includes("rate_limited")) {
          // The first write may have to prepare much; only then can it be told that a write waited.
          await other.adapter.send(postFor(other.adapter, there, text(marker())));
          await rig.fail("rate_limited", here);
          await failureOf(rig.adapter.send(postFor(rig.adapter, here, text(marker()))));
          const free = other.adapter.send(postFor(other.adapter, there, text(marker())));
          await within(free, RATE_LIMIT_PAUSE_MS / 2, "the other adapter had to wait too");
        }
        await rig.adapter.stop();
        await envelopeOf(other, "message_created", await other.inbound("message_created", { target: there }));
        const words = marker();
        await other.adapter.send(postFor(other.adapter, there, text(words)));
        const shown = await other.platform.messages(there);
        assert.ok(
          shown.some((one) => one.content.includes(words)),
          "after one adapter stopped the other could not send",
        );
      } finally {
        other.sink.release();
        await other.stop();
      }
    },
  },
];

function failureCheck(mode: FailureMode): AdapterCheck {
  const { code, delivery } = FAILURES[mode];
  return {
    id: "AD-ERR-01",
    title: `${mode} gives ${code}, and the platform agrees that it is ${delivery}`,
    failure: mode,
    async run(rig) {
      const target = await rig.conversation();
      await rig.fail(mode, target);
      const words = marker();
      const sending = rig.adapter.send(postFor(rig.adapter, target, text(words)));
      const error = await within(failureOf(sending), TIMEOUT_MS, `${mode} was not given up`);
      assert.equal(error.code, code, `${mode} gives ${error.code}: ${error.detail ?? ""}`);
      assert.equal(error.delivery, delivery);
      if (ERROR_CODES[code].retry === "after")
        assert.ok((error.retryAfterMs ?? 0) > RATE_LIMIT_PAUSE_MS / 2, "no pause, or a shorter one than was named");
      if (delivery === "unknown") return;
      const written = (await rig.platform.messages(target)).filter((one) => one.content.includes(words));
      assert.equal(written.length, 0, `${mode} is called not sent, and was written`);
    },
  };
}
