import assert from "node:assert/strict";
import type { RenderContext, Target } from "../../../src/contracts/adapter.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterRig } from "./harness.ts";
import { LOSS_SAMPLES, type LossSample } from "./loss-samples.ts";
import { IDENTITY, marker, partsOf, say } from "./probe.ts";
import { extremeReplies } from "./reply-samples.ts";

const SAMPLES = Object.keys(LOSS_SAMPLES) as LossSample[]; // the object is the list of samples

export const lossChecks: readonly AdapterCheck[] = [
  {
    id: "AD-SEND-08",
    title: "exactly what the platform cannot show is named as lost, with what stands there instead",
    unstarted: true,
    async run(rig, harness) {
      const context = contextOf(rig, await rig.conversation());
      const named = SAMPLES.filter((sample) => {
        const losses = rig.adapter.losses(partsOf([LOSS_SAMPLES[sample](marker)]), context);
        for (const { part, what, shownAs } of losses) {
          assert.equal(part, 0, `${sample}: the only part is part 0`);
          assert.ok(what.trim() !== "" && shownAs.trim() !== "", `${sample}: a loss without words`);
        }
        return losses.length > 0;
      });
      assert.deepEqual([...named].sort(), [...harness.lossy].sort());
    },
  },
  {
    id: "AD-SEND-08",
    title: "whatever words do not reach the readers belong to a part that is named as lost",
    async run(rig) {
      const target = await rig.conversation();
      const context = contextOf(rig, target);
      for (const sample of SAMPLES) {
        const words: string[] = [];
        const parts = partsOf([LOSS_SAMPLES[sample](() => words[words.push(marker()) - 1] ?? "")]);
        const receipts = await say(rig, target, parts);
        const shown = await contentOf(rig, target, new Set(receipts.map((receipt) => receipt.messageId)));
        const unseen = words.filter((one) => !shown.includes(one));
        if (unseen.length === 0) continue;
        const losses = rig.adapter.losses(parts, context);
        assert.ok(losses.length > 0, `of ${sample}, ${unseen.length} places are not shown, and no loss is named`);
      }
    },
  },
  {
    id: "AD-SEND-08",
    title: "each loss names its own part, equal input gives equal losses, and nothing is said about nothing",
    unstarted: true,
    async run(rig, harness) {
      const context = contextOf(rig, await rig.conversation());
      const [lossy] = harness.lossy;
      const plain = { type: "text", markdown: "words" } as const;
      if (lossy !== undefined) {
        const parts = partsOf([plain, LOSS_SAMPLES[lossy](marker), plain]);
        const losses = rig.adapter.losses(parts, context);
        assert.deepEqual([...new Set(losses.map((loss) => loss.part))], [1]);
        assert.deepEqual(rig.create().losses(parts, context), losses, "another adapter names other losses");
      }
      assert.deepEqual(rig.adapter.losses([], context), []);
      const beside = rig.adapter.losses(partsOf([{ type: "status", text: "at work" }, plain]), context);
      assert.deepEqual([...new Set(beside.map((loss) => loss.part))], [0], "a status does not stay beside an answer");
      const traffic = rig.traffic();
      for (const reply of extremeReplies()) {
        for (const { part } of rig.adapter.losses(reply, context))
          assert.ok(Number.isInteger(part) && part >= 0 && part < reply.length, `there is no part ${part}`);
      }
      assert.equal(rig.traffic(), traffic, "naming losses called the platform");
    },
  },
];

function contextOf(rig: AdapterRig, target: Target): RenderContext {
  return { identity: IDENTITY, conversation: target.conversation, mentionable: [rig.asker.id] };
}

async function contentOf(rig: AdapterRig, target: Target, ids: ReadonlySet<string>): Promise<string> {
  const messages = (await rig.platform.messages(target)).filter((one) => ids.has(one.id));
  return messages.map((message) => `${message.content}\n${message.plainText}`).join("\n");
}
