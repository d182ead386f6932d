import { setTimeout as pause } from "node:timers/promises";
import { connectAgent } from "../../../agents/client/index.ts";
import { until } from "../app/slack-app.ts";
import type { SeededRandom } from "../slack/model/seeded-random.ts";
import { startCutProxy } from "./cut-proxy.ts";
import type { DialInApp } from "./dial-in-app.ts";

export interface DropRun {
  readonly turns: number;
  /** Turns whose connection was cut between their first and their last words. */
  readonly cutMidway: number;
  readonly cuts: number;
  readonly lost: number;
  readonly twice: number;
  /** Answers that were not exactly what the agent said. */
  readonly garbled: number;
}

const PIECES = 12;
/** Turns at once; all of them lose their connection together. */
const WAVE = 25;

const expected = (mark: string): string => Array.from({ length: PIECES }, (_, n) => `${mark}-${n}`).join(" ");

/** Asks an agent so often, and cuts its connection in the middle of every turn, at moments that differ. */
export async function runDrops(
  app: DialInApp,
  handle: string,
  { count, random }: { readonly count: number; readonly random: SeededRandom },
): Promise<DropRun> {
  const token = await app.token(handle);
  const proxy = await startCutProxy(app.parley.url);
  const midway = new Set<string>();
  const done = new Set<string>();
  let gate = Promise.withResolvers<void>();
  const agent = await connectAgent({ url: proxy.url, token, log: () => undefined }, async (turn, reply) => {
    const mark = /mark-\d+/.exec(turn.trigger.text)?.[0] ?? "none";
    for (let n = 0; n < PIECES; n += 1) {
      reply.text(n === 0 ? `${mark}-0` : ` ${mark}-${n}`);
      if (n !== PIECES / 2) continue;
      midway.add(mark);
      await gate.promise;
      await pause(10 + (Number(mark.slice(5)) % 40));
    }
    done.add(mark);
  });
  const threads = new Map<string, string>();
  let cutMidway = 0;
  let cuts = 0;
  try {
    while (threads.size < count) {
      gate = Promise.withResolvers<void>();
      const marks = Array.from(
        { length: Math.min(WAVE, count - threads.size) },
        (_, index) => `mark-${threads.size + index}`,
      );
      for (const mark of marks) threads.set(mark, app.ask(handle, `please ${mark}`));
      await until(() => marks.every((mark) => midway.has(mark)), 60_000);
      // Before, while or after the agent goes on: what is lost differs.
      const early = random.between(0, 9);
      if (random.chance(0.5)) {
        proxy.cut();
        cutMidway += marks.length;
        await pause(early);
        gate.resolve();
      } else {
        gate.resolve();
        await pause(early);
        cutMidway += marks.filter((mark) => !done.has(mark)).length;
        proxy.cut();
      }
      cuts += 1;
      await until(() => marks.every((mark) => isWhole(mark)), 60_000);
    }
    // What came twice would come by now.
    await pause(1_000);
  } finally {
    await agent.close();
    await proxy.stop();
  }
  function isWhole(mark: string): boolean {
    return app.answers(threads.get(mark) ?? "").some((answer) => answer.length >= expected(mark).length);
  }
  const answers = [...threads].map(([mark, thread]) => ({ mark, posts: app.answers(thread) }));
  return {
    turns: threads.size,
    cutMidway,
    cuts,
    lost: answers.filter(({ posts }) => posts.length === 0).length,
    twice: answers.filter(({ posts }) => posts.length > 1).length,
    garbled: answers.filter(({ mark, posts }) => posts.length === 1 && posts[0] !== expected(mark)).length,
  };
}
