import { createRunFolder, type ParleyProcess, startParley } from "../../support/parley/index.ts";
import { freePort, startPostgres, startRedis } from "../../support/servers/index.ts";
import { spawnSlackStandIn } from "../../support/slack/index.ts";
import { openThread } from "../stage.ts";
import { median } from "../statistics.ts";
import { round } from "../targets.ts";
import type { PartOptions, PartResult } from "./peers.ts";

const THREADS = 20;
/** How long the agent thinks, so that every conversation has a turn under way at the kill, in ms. */
const THINKING_MS = 1_000;

/** kill -9 with a turn under way in each conversation, the process started again at once: how long the last of them stays silent. */
export async function measureRecovery({ quick, say }: PartOptions): Promise<PartResult> {
  const silences: number[] = [];
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres({ fsync: true })]);
  const folder = await createRunFolder();
  const slack = await spawnSlackStandIn({ recordRequests: false, delivery: { echoOwnPosts: false } });
  let parley: ParleyProcess | undefined;
  try {
    const port = await freePort();
    const workspace = await slack.setup.smallWorkspace({
      users: 8,
      channels: 1,
      requestUrl: `http://127.0.0.1:${port}/slack/events`,
      eventTypes: ["message.channels"],
    });
    const start = (): Promise<ParleyProcess> =>
      startParley({
        folder,
        port,
        databaseUrl: postgres.url,
        redisUrl: redis.url,
        slack: { apiUrl: slack.apiUrl, botToken: workspace.bot.botToken, signingSecret: workspace.app.signingSecret },
      });
    parley = await start();
    const targets: { channel: string; threadTs: string }[] = [];
    for (let index = 0; index < THREADS; index += 1) targets.push(await openThread(slack, workspace, index));
    for (let index = 0; index < (quick ? 1 : 3); index += 1) {
      const waiting = slack.load.run({
        targets,
        users: workspace.users,
        count: THREADS,
        inFlight: THREADS,
        firstToken: 1 + index * THREADS,
        prefix: `@echo wait=${THINKING_MS} `,
        timeoutMs: 60_000,
      });
      // Acknowledged means stored: what is under way now must be answered by whoever comes next.
      while ((await slack.deliveries.pendingCount()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const killedAt = performance.now();
      await parley.kill9();
      parley = await start();
      const report = await waiting;
      if (report.answered < report.asked) throw new Error(`${report.answered} of ${report.asked} were answered`);
      silences.push(performance.now() - killedAt);
      say(`kill -9 number ${index + 1}: all ${THREADS} conversations went on within ${round(silences.at(-1) ?? 0)} ms`);
    }
  } finally {
    await parley?.stop();
    await slack.close();
    await folder.remove();
    await Promise.all([redis.stop(), postgres.stop()]);
  }
  const seconds = median(silences) / 1_000;
  return {
    table: [
      `kill -9 with ${THREADS} turns under way: the last is answered after ${round(seconds)} s, its start and ${THINKING_MS} ms of thinking included`,
    ],
    findings: [
      {
        name: "recovery after kill -9",
        value: seconds,
        unit: "s",
        aim: "at most",
        target: 10,
        boundBy: "the heartbeat after which a worker counts as dead (3.5 s), and the start of the new process",
      },
    ],
  };
}
