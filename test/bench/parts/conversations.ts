import { openStage } from "../stage.ts";
import { median, medianRatio } from "../statistics.ts";
import { round } from "../targets.ts";
import type { PartOptions, PartResult } from "./peers.ts";

const FEW = 100;

/** The same load over 100 conversations and over 10 000 (2 000 in a quick run), in turn. */
export async function measureConversations({ quick, say }: PartOptions): Promise<PartResult> {
  const many = quick ? 2_000 : 10_000;
  const stage = await openStage(["parley"], many);
  const few: number[] = [];
  const wide: number[] = [];
  try {
    const subject = stage.subject("parley");
    // Every conversation is known before it counts.
    await stage.measure(subject, { count: many });
    for (let index = 0; index < (quick ? 2 : 3); index += 1) {
      const narrow = await stage.measure(subject, {
        count: quick ? 1_000 : 3_000,
        targets: subject.threads.slice(0, FEW),
      });
      const broad = await stage.measure(subject, {
        count: quick ? many : many / 2,
        targets: offset(subject.threads, index),
      });
      few.push(narrow.perSecond);
      wide.push(broad.perSecond);
      say(
        `round ${index + 1}: ${FEW} conversations ${round(narrow.perSecond)}/s, ${many} conversations ${round(broad.perSecond)}/s`,
      );
    }
  } finally {
    await stage.close();
  }
  return {
    table: [`${FEW} conversations ${round(median(few))} msg/s, ${many} conversations ${round(median(wide))} msg/s`],
    findings: [
      {
        name: `${many} conversations, x ${FEW}`,
        value: medianRatio(wide, few),
        unit: "x",
        aim: "at least",
        target: 0.9,
        boundBy: "index pages that are not in the cache, and rows of conversations that change once each",
      },
    ],
  };
}

function offset<Item>(items: readonly Item[], index: number): Item[] {
  const at = Math.floor(items.length / 2) * index;
  return [...items.slice(at % items.length), ...items.slice(0, at % items.length)];
}
