import assert from "node:assert/strict";
import type { RenderContext, Target } from "../../../src/contracts/adapter.ts";
import { MAX_ARTIFACT_BYTES, partToText, type ReplyPart } from "../../../src/envelope/reply.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterRig, FailureMode } from "./harness.ts";
import {
  condensed,
  IDENTITY,
  marker,
  outcomeOf,
  PATIENCE_MS,
  partsOf,
  postFor,
  postsFor,
  say,
  shown,
  text,
  until,
} from "./probe.ts";
import { everyPart, extremeReplies, longTexts, PNG } from "./reply-samples.ts";

/** Attempts that a delivery may take before a check gives it up. */
const MAX_ATTEMPTS = 20;
/** Failures after which writing goes on as if nothing had been. */
const PASSING: readonly FailureMode[] = [
  "rate_limited",
  "lost_before",
  "lost_after",
  "lost_midway",
  "error_before",
  "error_after",
  "cut_answer",
  "foreign_answer",
];

export const sendChecks: readonly AdapterCheck[] = [
  {
    id: "AD-SEND-01",
    title: "render gives equal output for equal input, whatever the time, and touches neither input nor platform",
    unstarted: true,
    alone: true,
    async run(rig) {
      const target = await rig.conversation();
      const parts = deepFrozen(
        everyPart(`words **of** ${marker()}, <!here> https://example.org ${"and more ".repeat(1_500)}`),
      );
      const context: RenderContext = deepFrozen({
        identity: IDENTITY,
        conversation: target.conversation,
        mentionable: [rig.asker.id],
      });
      const before = rig.traffic();
      const first = rig.adapter.render(parts, context);
      const { now } = Date;
      const { random } = Math;
      try {
        Date.now = () => now() + 86_400_000;
        Math.random = () => random() / 2;
        assert.deepEqual(rig.adapter.render(parts, context), first, "equal input was rendered differently");
        assert.deepEqual(rig.create().render(parts, context), first, "another adapter renders differently");
      } finally {
        Date.now = now;
        Math.random = random;
      }
      assert.equal(rig.traffic(), before, "rendering called the platform");
      assert.deepEqual(rig.adapter.render([], context), [], "nothing was rendered as something");
    },
  },
  {
    id: "AD-SEND-02",
    title: "text around and beyond the limit arrives whole, in order, in messages that the platform takes",
    async run(rig) {
      const limit = rig.adapter.limits.maxTextChars;
      for (const chars of [limit - 1, limit, limit + 1, Math.floor(limit * 2.2)]) {
        const target = await rig.conversation();
        const texts = Object.entries(longTexts(chars));
        // Below the limit nothing is cut, and just above it the text's make matters little.
        for (const [name, markdown] of chars <= limit + 1 ? texts.slice(0, chars <= limit ? 1 : 3) : texts) {
          const receipts = await say(rig, target, text(markdown));
          const messages = await contentsOf(
            rig,
            target,
            receipts.map((receipt) => receipt.messageId),
          );
          const written = withoutFences(messages.join(""));
          assert.ok(
            messages.every((message) => message.isWellFormed()),
            `${name} of ${chars}: a sign was cut in two`,
          );
          assert.ok(written === withoutFences(markdown), `${name} of ${chars} characters did not arrive whole`);
          for (const message of messages) assert.ok(message.length <= limit, `${name}: a message is over the limit`);
        }
      }
    },
  },
  {
    id: "AD-SEND-02",
    title: "a reply at the ends of what the schema allows becomes messages that the platform takes",
    async run(rig) {
      const target = await rig.conversation();
      const ids: string[] = [];
      for (const parts of [...extremeReplies(), everyPart(marker())]) {
        const receipts = await say(rig, target, parts);
        assert.ok(receipts.length > 0);
        ids.push(...receipts.map((receipt) => receipt.messageId));
      }
      assert.deepEqual(
        (await rig.platform.messages(target)).map((message) => message.id),
        ids,
      );
    },
  },
  {
    id: "AD-SEND-02",
    title: "a file as large as the platform takes arrives whole, and a larger one is not cut",
    async run(rig) {
      const target = await rig.conversation();
      const limit = rig.adapter.limits.maxUploadBytes;
      const fileOf = (bytes: number): readonly ReplyPart[] =>
        partsOf([
          {
            type: "artifact",
            artifactId: "x",
            name: "large.bin",
            mediaType: "application/octet-stream",
            base64: Buffer.alloc(bytes, "0123456789").toString("base64"),
          },
        ]);
      const largest = Math.min(limit, MAX_ARTIFACT_BYTES);
      const [receipt] = await say(rig, target, fileOf(largest));
      const arrived = (await shown(rig, target, receipt)).file;
      assert.ok(arrived !== undefined && Buffer.alloc(largest, "0123456789").equals(arrived), "the file is not whole");
      if (limit >= MAX_ARTIFACT_BYTES) return;
      const { value, error } = await outcomeOf(say(rig, target, fileOf(limit + 1)));
      if (error === undefined) assert.equal((await shown(rig, target, value?.[0])).file, undefined, "it was cut");
      else assert.ok(error instanceof ParleyError && error.code === "CONTENT_REJECTED", "it failed oddly");
    },
  },
  {
    id: "AD-SEND-03",
    title: "whatever fails on the way, retried as its error allows a message is written once",
    async run(rig, harness) {
      const modes = harness.failures.filter((mode) => PASSING.includes(mode));
      assert.ok(modes.length > 0);
      await Promise.all(
        modes.map(async (mode) => {
          const target = await rig.conversation();
          const words = marker();
          await rig.fail(mode, target);
          const messageId = await deliver(rig, target, words, mode);
          const messages = (await rig.platform.messages(target)).filter((one) => one.content.includes(words));
          assert.equal(messages.length, 1, `after ${mode} the message is there ${messages.length} times`);
          assert.equal(messages[0]?.id, messageId, `after ${mode} the receipt is that of another message`);
        }),
      );
    },
  },
  {
    id: "AD-SEND-03",
    title: "one send writes at most one message, and what its error calls not sent was not written",
    async run(rig, harness) {
      for (const mode of harness.failures.filter((one) => PASSING.includes(one))) {
        const target = await rig.conversation();
        const words = marker();
        await rig.fail(mode, target);
        const { error } = await outcomeOf(rig.adapter.send(postFor(rig.adapter, target, text(words))));
        assert.ok(error instanceof ParleyError, `${mode} did not fail as it should`);
        const written = (await rig.platform.messages(target)).filter((one) => one.content.includes(words));
        assert.ok(written.length <= 1, `at ${mode} one send wrote ${written.length} messages`);
        if (error.delivery === "not_sent")
          assert.equal(written.length, 0, `${mode} is called not sent, and was written`);
      }
    },
  },
  {
    id: "AD-SEND-06",
    title: "a receipt names the message in the platform's log: in a channel, in a thread, after an edit, of a file",
    async run(rig) {
      const target = await rig.conversation();
      const thread = await rig.thread(target);
      for (const place of [target, thread]) {
        const words = marker();
        const [receipt] = await say(rig, place, text(words));
        assert.ok((await shown(rig, place, receipt)).content.includes(words));
        const newWords = marker();
        assert.ok(receipt !== undefined);
        const edit = { messageId: receipt.messageId, preview: false };
        const [edited] = await say(rig, place, text(newWords), { edit });
        assert.equal(edited?.messageId, receipt.messageId, "an edit gave another message id");
        const after = await shown(rig, place, edited);
        assert.ok(after.content.includes(newWords) && !after.content.includes(words), "the edit did not take place");
        await say(rig, place, text(newWords), { edit });
        const file = partsOf([
          {
            type: "artifact",
            artifactId: "x",
            name: "dot.png",
            mediaType: "image/png",
            base64: PNG.toString("base64"),
          },
        ]);
        const [ofFile] = await say(rig, place, file);
        assert.deepEqual(Buffer.from((await shown(rig, place, ofFile)).file ?? []), PNG);
        assert.equal((await rig.platform.messages(place)).length, 2, "there are more messages than were sent");
      }
    },
  },
  {
    id: "AD-SEND-07",
    title: "every rendered post carries plain text, and the platform holds it",
    async run(rig) {
      const target = await rig.conversation();
      for (const part of everyPart(`words ${marker()}`)) {
        for (const post of postsFor(rig.adapter, target, [part])) {
          assert.notEqual(post.fallbackText.trim(), "", `${part.type} has no plain text`);
          const message = await shown(rig, target, await rig.adapter.send(post));
          assert.notEqual(message.plainText.trim(), "", `the platform holds no plain text for ${part.type}`);
        }
      }
    },
  },
  {
    id: "AD-SEND-07",
    title: "the plain text that an agent gives is the platform's",
    needs: ["plain_text"],
    async run(rig) {
      const target = await rig.conversation();
      const own = partsOf([{ type: "text", markdown: "**bold**", fallbackText: marker() }]);
      const post = postFor(rig.adapter, target, own);
      assert.equal(post.fallbackText, partToText(own[0] ?? { type: "text", markdown: "" }));
      const message = await shown(rig, target, await rig.adapter.send(post));
      assert.ok(message.plainText.includes(post.fallbackText), "the agent's own plain text is not the platform's");
    },
  },
  {
    id: "AD-SEND-07",
    title: "a status alone is shown, and beside an answer it is not",
    async run(rig) {
      const target = await rig.conversation();
      const words = marker();
      const [alone] = await say(rig, target, partsOf([{ type: "status", text: words }]));
      assert.ok((await shown(rig, target, alone)).plainText.includes(words));
      const [beside] = await say(
        rig,
        target,
        partsOf([
          { type: "status", text: words },
          { type: "text", markdown: "the answer" },
        ]),
      );
      assert.ok(!(await shown(rig, target, beside)).plainText.includes(words), "a status stayed in the answer");
    },
  },
];

/** Sends as the pipeline does: again when nothing was sent, and after an unknown outcome as the platform's record says. */
async function deliver(rig: AdapterRig, target: Target, words: string, mode: FailureMode): Promise<string> {
  const post = postFor(rig.adapter, target, text(words));
  const attemptedSince = new Date().toISOString();
  let maybeWritten = false;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (maybeWritten) {
      const found = await look(rig, post.idempotencyKey, target, attemptedSince);
      if (found !== undefined) return found;
      maybeWritten = false;
    }
    const { value, error } = await outcomeOf(rig.adapter.send(post));
    if (value !== undefined) return value.messageId;
    assert.ok(error instanceof ParleyError, `${mode} ended in something else than a ParleyError`);
    if (error.retryAfterMs !== undefined) await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
    maybeWritten = error.delivery === "unknown";
  }
  assert.fail(`${mode}: not delivered in ${MAX_ATTEMPTS} attempts`);
}

/** Undefined when the platform's record is certain that there is none. */
async function look(
  rig: AdapterRig,
  idempotencyKey: string,
  target: Target,
  attemptedSince: string,
): Promise<string | undefined> {
  let answer: string | undefined;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const query = {
    target,
    idempotencyKey,
    attemptedSince,
    identity: IDENTITY,
    preview: false,
    knownMessageIds: [],
    signal,
  };
  await until(async () => {
    const outcome = await rig.adapter.reconcile(query);
    if ("found" in outcome) answer = outcome.found.messageId;
    return !("undetermined" in outcome);
  }, "the platform's record stayed undetermined");
  return answer;
}

async function contentsOf(rig: AdapterRig, target: Target, ids: readonly string[]): Promise<readonly string[]> {
  const messages = await rig.platform.messages(target);
  return ids.map((id) => {
    const message = messages.find((one) => one.id === id);
    assert.ok(message !== undefined, `the platform has no message ${id} there`);
    return message.content;
  });
}

/** Fences are closed and opened again at a cut: what counts is what stands between them. */
function withoutFences(markdown: string): string {
  return condensed(markdown.replaceAll("```", ""));
}

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFrozen(inner);
  }
  return value;
}
