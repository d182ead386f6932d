import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createRunFolder, type ParleyProcess, startParley } from "../../support/parley/index.ts";
import { freePort } from "../../support/servers/index.ts";
import { spawnSlackStandIn } from "../../support/slack/index.ts";
import { cpuMs, residentMb } from "../process-cost.ts";
import { openStage } from "../stage.ts";
import { median } from "../statistics.ts";
import { round } from "../targets.ts";
import type { PartOptions, PartResult } from "./peers.ts";

const PER_SECOND = 50;
const COMPILE_CACHE = fileURLToPath(new URL("../../../node_modules/.cache/parley", import.meta.url));

/** Memory of a fresh process that nobody talks to, on PostgreSQL and Redis. */
export async function measureIdle({ quick, say }: PartOptions): Promise<PartResult> {
  const stage = await openStage(["parley"], 1);
  try {
    const { cpuShare } = await rest(stage.parley, quick ? 10_000 : 30_000);
    const memoryMb = residentMb(stage.parley.pid);
    say(`idle: ${round(memoryMb)} MB, ${round(cpuShare * 100)} % of a core`);
    return {
      table: [`idle, PostgreSQL and Redis: ${round(memoryMb)} MB, CPU ${round(cpuShare * 100)} %`],
      findings: [
        {
          name: "idle memory",
          value: memoryMb,
          unit: "MB",
          aim: "at most",
          target: 250,
          boundBy: "the modules that are loaded: the SDKs of the platforms, models and queue",
        },
      ],
    };
  } finally {
    await stage.close();
  }
}

/** Nothing configured: everything in one process, with PGlite. */
export async function measureEmbedded({ quick, say }: PartOptions): Promise<PartResult> {
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
        // As the product's own launcher sets it.
        env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
        slack: { apiUrl: slack.apiUrl, botToken: workspace.bot.botToken, signingSecret: workspace.app.signingSecret },
      });
    parley = await start();
    const firstMs = parley.startedInMs;
    say(`first start: ${round(firstMs)} ms`);
    const later: number[] = [];
    for (let index = 0; index < (quick ? 1 : 3); index += 1) {
      await parley.stop();
      parley = await start();
      later.push(parley.startedInMs);
      say(`later start: ${round(parley.startedInMs)} ms`);
    }
    const idle = await rest(parley, quick ? 10_000 : 30_000);
    say(`idle: ${round(idle.cpuShare * 100)} % of a core`);

    const [channel = ""] = workspace.channels;
    const [writer = ""] = workspace.users;
    const targets: { channel: string; threadTs: string }[] = [];
    for (let index = 0; index < 100; index += 1) {
      const { ts } = await slack.people.postAs(writer, channel, "A thread begins here.");
      targets.push({ channel, threadTs: ts });
    }
    const run = (count: number, firstToken: number) =>
      slack.load.run({ targets, users: workspace.users, count, perSecond: PER_SECOND, firstToken, prefix: "@echo " });
    await run(100, 1);
    const count = quick ? 500 : 1_500;
    const before = cpuMs(parley.pid);
    const started = performance.now();
    const report = await run(count, 1_000);
    const share = (cpuMs(parley.pid) - before) / (performance.now() - started);
    if (report.answered < report.asked) throw new Error(`${report.answered} of ${report.asked} were answered`);
    const memoryMb = residentMb(parley.pid);
    const line = `embedded: first start ${round(firstMs)} ms, later ${round(median(later))} ms, idle ${round(idle.cpuShare * 100)} % of a core, at ${PER_SECOND}/s ${round(share * 100)} % of a core (${round((share * 1_000) / PER_SECOND)} ms a message), p50 ${round(report.p50Ms)} ms, p99 ${round(report.p99Ms)} ms, ${round(memoryMb)} MB`;
    say(line);
    const wasm = "PGlite: one thread of WebAssembly executes every statement inside the process";
    return {
      table: [line],
      findings: [
        {
          name: `embedded CPU at ${PER_SECOND}/s`,
          value: share * 100,
          unit: "% of a core",
          aim: "at most",
          target: 50,
          boundBy: wasm,
        },
        {
          name: "embedded CPU when idle",
          value: idle.cpuShare * 100,
          unit: "% of a core",
          aim: "at most",
          target: 1,
          boundBy: "the queue's and the upkeep's looks",
        },
        { name: "embedded memory", value: memoryMb, unit: "MB", aim: "at most", target: 600, boundBy: wasm },
        {
          name: "embedded start to ready after the first",
          value: median(later) / 1_000,
          unit: "s",
          aim: "at most",
          target: 3,
          boundBy: "loading the modules, and PGlite's start",
        },
      ],
    };
  } finally {
    await parley?.stop();
    await slack.close();
    await folder.remove();
  }
}

/** CPU share of a process that nobody talks to, after what its start left to do. */
async function rest(parley: ParleyProcess, forMs: number): Promise<{ cpuShare: number }> {
  await delay(5_000);
  const before = cpuMs(parley.pid);
  await delay(forMs);
  return { cpuShare: (cpuMs(parley.pid) - before) / forMs };
}
