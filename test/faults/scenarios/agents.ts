import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AcpAgentControl } from "../../support/acp-agent/control.ts";
import { AguiAgent, type AguiBehaviour } from "../../support/agents/agui-agent.ts";
import { WebhookAgent, type WebhookBehaviour } from "../../support/agents/webhook-agent.ts";
import type { RunAgents } from "../../support/parley/run-folder.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const NOTICE_WITHIN_MS = 45_000;
const MAX_GROWTH_MB = 200;

/** Ways in which an agent behind a webhook fails, by the handle under which it is asked. */
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

/** The same of one that speaks AG-UI. */
const RUN_FAILURES: Readonly<Record<string, AguiBehaviour>> = {
  "run-hangs": { kind: "hang" },
  "run-stalls": { kind: "run", events: [{ type: "STEP_STARTED", stepName: "waiting" }], ending: "hang" },
  "run-breaks": {
    kind: "run",
    events: [{ type: "TEXT_MESSAGE_CHUNK", messageId: "m", role: "assistant", delta: "half of" }],
    ending: "reset",
  },
  "run-nonsense": { kind: "run", events: [{ type: "TEXT_MESSAGE_CONTENT", delta: 7 }] },
  "run-nests": { kind: "flood", opening: `data: ${"[".repeat(1_000_000)}`, piece: "[", sizeBytes: 1024 ** 2 },
  "run-floods": {
    kind: "flood",
    opening: "",
    piece: `data: ${JSON.stringify({ type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "x".repeat(1_024) })}\n\n`,
    sizeBytes: 1024 ** 3,
  },
};

const ACP_AGENT = fileURLToPath(new URL("../../support/acp-agent/main.ts", import.meta.url));

/** The same of processes that speak ACP, as scenes of the scripted agent. */
const PROCESS_FAILURES: Readonly<Record<string, string>> = {
  "process-hangs": "hang",
  "process-stalls": "hang_midway",
  "process-dies": "crash_midway",
  "process-nonsense": "nonsense",
  "process-nests": "bomb",
  "process-talks": "endless",
  "process-floods": "flood",
};

/** Every failing agent is asked once, in a thread of its own, while others are answered as ever. */
async function run(stage: Stage): Promise<Outcome> {
  const agents: { stop(): Promise<unknown> }[] = [];
  const definitions: RunAgents[number][] = [];
  const declare = (handle: string, connector: RunAgents[number]["connector"]): void =>
    void definitions.push({ handle, name: handle, turnTimeoutMs: 5_000, idleTimeoutMs: 2_500, connector });
  for (const [handle, behaviour] of Object.entries(FAILURES)) {
    const agent = await WebhookAgent.start(() => behaviour);
    agents.push(agent);
    declare(handle, { kind: "webhook", url: agent.url, secret: SECRET });
  }
  for (const [handle, behaviour] of Object.entries(RUN_FAILURES)) {
    const agent = await AguiAgent.start(() => behaviour);
    agents.push(agent);
    declare(handle, { kind: "agui", url: agent.url });
  }
  for (const [handle, behaviour] of Object.entries(PROCESS_FAILURES)) {
    const control = await AcpAgentControl.start();
    control.behave(behaviour);
    agents.push(control);
    const args = [ACP_AGENT, String(control.port)];
    declare(handle, { kind: "acp", command: process.execPath, args, cwd: tmpdir() });
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
    for (const { handle } of definitions) {
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
