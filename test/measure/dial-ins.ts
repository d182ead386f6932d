import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { cpuMs } from "../bench/process-cost.ts";
import { DialInAgent } from "../support/agents/dial-in-agent.ts";
import { callApi } from "../support/app/call-api.ts";
import { until } from "../support/app/slack-app.ts";
import { createRunFolder, startParley } from "../support/parley/index.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const AGENTS = 1_000;
const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
/** Agents that dial in at once: a restart brings all of them. */
const AT_ONCE = 50;
/** Four heartbeats. */
const WATCH_MS = 60_000;
const SETTLE_MS = 10_000;
/** What an agent that is only there may cost. */
const MAX_KB_EACH = 200;
const MAX_CPU_PERCENT = 20;

/** Agents that are connected and idle: what they cost one process in memory and, by their heartbeats, in CPU. */
export const dialIns: Measurement = {
  name: "dial-ins",
  describes: `memory and heartbeat cost of dial-in agents on one process (--count, default ${AGENTS})`,
  async run({ count = AGENTS, store }) {
    const handles = Array.from({ length: count }, (_, index) => `agent${index}`);
    const folder = await createRunFolder();
    const config = {
      agents: handles.map((handle) => ({ handle, name: handle, connector: { kind: "socket" } })),
      limits: { requestsPerMinute: 1_000_000 },
    };
    await writeFile(join(folder.path, "parley.config.ts"), `export default ${JSON.stringify(config)};\n`);
    const memoryFile = join(folder.path, "memory.json");
    const server = store === "postgres" ? await startPostgres({ fsync: true }) : undefined;
    const parley = await startParley({
      folder,
      databaseUrl: await server?.createDatabase(),
      env: { PARLEY_TOKEN: OPERATOR, MEMORY_FILE_OF_TEST: memoryFile },
      nodeFlags: ["--expose-gc", `--import=data:text/javascript,${encodeURIComponent(TELLS_MEMORY)}`],
    });
    const agents: DialInAgent[] = [];
    try {
      const tokens = new Map<string, string>();
      for (const handle of handles) {
        const answer = await callApi<{ secret: string }>(
          { url: parley.url, token: OPERATOR },
          { method: "POST", path: `/api/agents/${handle}/token` },
        );
        tokens.set(handle, answer.body.secret);
      }
      await pause(SETTLE_MS);
      const before = { ...(await memoryOf(parley.pid, memoryFile)), cpu: await share(parley.pid) };
      const dialledAt = performance.now();
      for (let from = 0; from < count; from += AT_ONCE)
        agents.push(
          ...(await Promise.all(
            handles
              .slice(from, from + AT_ONCE)
              .map((handle) => DialInAgent.dial(parley.url, { token: tokens.get(handle) ?? "" })),
          )),
        );
      const dialMs = performance.now() - dialledAt;
      await pause(SETTLE_MS);
      const after = { ...(await memoryOf(parley.pid, memoryFile)), cpu: await share(parley.pid) };
      const there = agents.filter((agent) => agent.welcome !== undefined && !agent.isGone).length;
      const pings = agents.reduce((sum, agent) => sum + agent.of("ping").length, 0);
      const kbEach = ((after.usedMb - before.usedMb) * 1_024) / count;
      const cpuPercent = after.cpu - before.cpu;
      const failures = [
        ...(there < count ? [`only ${there} of ${count} agents are connected`] : []),
        ...(kbEach > MAX_KB_EACH ? [`an agent costs ${kbEach.toFixed(0)} KB, more than ${MAX_KB_EACH}`] : []),
        ...(cpuPercent > MAX_CPU_PERCENT ? [`heartbeats cost ${cpuPercent.toFixed(1)} % of a core`] : []),
      ];
      return {
        passed: failures.length === 0,
        figures: {
          connected: there,
          dialMs: Math.round(dialMs),
          mbBefore: before.usedMb.toFixed(1),
          mbAfter: after.usedMb.toFixed(1),
          residentMb: after.residentMb.toFixed(0),
          kbEach: kbEach.toFixed(1),
          pings,
          cpuIdle: `${before.cpu.toFixed(2)} %`,
          cpuWithThem: `${after.cpu.toFixed(2)} %`,
          cpuOfBeats: `${cpuPercent.toFixed(2)} %`,
        },
        failures,
      };
    } finally {
      for (const agent of agents) agent.drop();
      await parley.stop();
      await server?.stop();
      await folder.remove();
    }
  },
};

/** Runs in the process under measurement: collects garbage when it is asked, and writes down what is left. */
const TELLS_MEMORY = `
  import { renameSync, writeFileSync } from "node:fs";
  const file = process.env.MEMORY_FILE_OF_TEST;
  process.on("SIGUSR2", () => {
    globalThis.gc();
    globalThis.gc();
    writeFileSync(file + ".new", JSON.stringify(process.memoryUsage()));
    renameSync(file + ".new", file);
  });`;

const Memory = z.object({ rss: z.number(), heapUsed: z.number(), external: z.number() });

/** What a process holds once its garbage is collected: on the heap and outside of it, and resident. */
async function memoryOf(pid: number, file: string): Promise<{ usedMb: number; residentMb: number }> {
  await rm(file, { force: true });
  process.kill(pid, "SIGUSR2");
  const text = await until(() => readFile(file, "utf8").catch(() => undefined), 30_000);
  const { rss, heapUsed, external } = Memory.parse(JSON.parse(text));
  return { usedMb: (heapUsed + external) / 1_048_576, residentMb: rss / 1_048_576 };
}

/** CPU of a process over four heartbeats, in percent of one core. */
async function share(pid: number): Promise<number> {
  const from = cpuMs(pid);
  await pause(WATCH_MS);
  return ((cpuMs(pid) - from) / WATCH_MS) * 100;
}
