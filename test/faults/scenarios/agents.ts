import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { WebhookAgent, type WebhookBehaviour } from "../../support/agents/webhook-agent.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const NOTICE_WITHIN_MS = 45_000;
const MAX_GROWTH_MB = 200;

/** Ways in which an agent fails, by the handle under which it is asked. */
const FAILURES: Readonly<Record<string, WebhookBehaviour>> = {
  hangs: { kind: "hang" },
  drips: { kind: "drip", everyMs: 200 },
  crashes: { kind: "crash" },
  nonsense: { kind: "respond", body: '{"parts": "not a list", "or": [' },
  floods: {
    kind: "flood",
    contentType: "application/json",
    opening: '{"text":"',
    piece: "x".repeat(1_024),
    sizeBytes: 1024 ** 3,
  },
  talks: {
    kind: "flood",
    contentType: "application/x-ndjson",
    opening: "",
    piece: `${JSON.stringify({ type: "part", part: { type: "text", markdown: "more" } })}\n`,
    sizeBytes: 100_000 * 62,
  },
};

/** Every failing agent is asked once, in a thread of its own, while others are answered as ever. */
async function run(stage: Stage): Promise<Outcome> {
  const agents: WebhookAgent[] = [];
  const definitions = [];
  for (const [handle, behaviour] of Object.entries(FAILURES)) {
    const agent = await WebhookAgent.start(() => behaviour);
    agents.push(agent);
    definitions.push({
      handle,
      name: handle,
      turnTimeoutMs: 5_000,
      idleTimeoutMs: 2_500,
      connector: { kind: "webhook", url: agent.url, secret: SECRET },
    });
  }
  try {
    const scene = await stage.open({ agents: definitions });
    const parley = await scene.start();
    const { slack, workspace } = scene;
    const [user = ""] = workspace.users;
    const [channel = ""] = workspace.channels;
    const asker = scene.ask("fine", 8);
    await delay(2_000);
    const before = residentMb(parley.pid);
    const threads = new Map<string, string>();
    for (const handle of Object.keys(FAILURES)) {
      const root = await slack.people.postAs(user, channel, `About ${handle}`);
      threads.set(handle, root.ts);
      await slack.people.postAs(user, channel, `<@${workspace.bot.botUserId}> @${handle} help [#bad-${handle}]`, {
        threadTs: root.ts,
      });
    }
    let peak = before;
    const findings: string[] = [];
    const deadline = performance.now() + NOTICE_WITHIN_MS;
    for (;;) {
      peak = Math.max(peak, residentMb(parley.pid));
      const open = [];
      for (const [handle, ts] of threads)
        if ((await slack.log.posts({ by: "app", channel, thread: ts })).length === 0) open.push(handle);
      if (open.length === 0) break;
      if (performance.now() > deadline) {
        findings.push(`no notice about ${open.join(", ")}`);
        break;
      }
      await delay(250);
    }
    await asker.stop();
    await scene.settle("fine", 30_000);
    for (const [handle, ts] of threads) {
      const posts = await slack.log.posts({ by: "app", channel, thread: ts });
      if (posts.length > 1) findings.push(`${posts.length} posts about ${handle}, expected one notice`);
    }
    if (peak - before > MAX_GROWTH_MB) findings.push(`memory grew from ${before} MB to ${peak} MB`);
    return await scene.judge({
      without: (token) => token.startsWith("bad-"),
      deadLetters: threads.size,
      findings,
      figures: { memoryMb: before, peakMb: peak },
    });
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
  }
}

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024);
}

export const agentFaults: readonly Scenario[] = [
  { name: "agents-that-fail", stores: STORES, reduced: ["pglite", "postgres-redis"], run },
];
