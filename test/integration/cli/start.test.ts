import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ROOT, runParley, spawnParley } from "./run-parley.ts";

const START_TIMEOUT_MS = 60_000;

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), "parley-start-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

async function startParley(args: readonly string[] = []) {
  const child = spawnParley(["start", "--json", "--port", "0", ...args], { cwd });
  if (child.stdout === null) throw new Error("the process has no standard output");
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    child.ended.then(({ stderr }) => {
      throw new Error(`it ended before it listened: ${stderr}`);
    }),
  ]);
  const started: { url: string; signInLink: string; pid: number; agents: string[]; platforms: string[] } = JSON.parse(
    String(line),
  );
  return { child, started };
}

describe("parley start", () => {
  test("runs with nothing configured, is reached by the other commands, refuses a second one and drains", {
    timeout: START_TIMEOUT_MS,
  }, async () => {
    const { child, started } = await startParley();
    expect(started).toMatchObject({
      pid: child.pid,
      agents: expect.arrayContaining(["guide"]),
      platforms: expect.arrayContaining(["web"]),
    });
    expect(started.signInLink.startsWith(`${started.url}/sign-in#`)).toBe(true);
    expect((await fetch(`${started.url}/readyz`)).status).toBe(200);
    expect(statSync(path.join(cwd, "data", "operator.json")).mode & 0o777).toBe(0o600);

    const status = await runParley(["status", "--json"], { cwd });
    expect(JSON.parse(status.stdout)).toMatchObject({ ledger: { ok: true, backend: "pglite" }, queue: { ok: true } });
    const doctor = await runParley(["doctor"], { cwd });
    expect(doctor).toMatchObject({ code: 0, stderr: "" });
    const link = (await runParley(["sign-in"], { cwd })).stdout.trim();
    expect(link).not.toBe(started.signInLink);

    const second = await runParley(["start", "--port", "0"], { cwd });
    expect([second.code, second.stderr]).toEqual([78, expect.stringContaining(`process ${child.pid}`)]);

    child.kill("SIGTERM");
    const ended = await child.ended;
    expect(ended.code).toBe(0);
    const log = ended.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(log.map((record) => record.msg)).toContain("stopped");
    expect(ended.stderr).not.toContain(started.signInLink.split("#")[1]);
    expect(existsSync(path.join(cwd, "data", "operator.json"))).toBe(false);
    expect((await runParley(["status"], { cwd })).code).toBe(69);
  });

  test("a port that is taken and was chosen ends with 78 and the fix", { timeout: START_TIMEOUT_MS }, async () => {
    const { child, started } = await startParley();
    const port = new URL(started.url).port;
    const second = await runParley(["start", "--port", port, "--data", "other"], { cwd });
    expect([second.code, second.stderr]).toEqual([78, expect.stringContaining("choose another with --port")]);
    child.kill("SIGINT");
    expect((await child.ended).code).toBe(0);
  });
});

test("a signal at any moment of the start ends it in order: what it opened is closed, and the next start finds nothing amiss", {
  timeout: 4 * START_TIMEOUT_MS,
}, async () => {
  const data = path.join(cwd, "data");
  /** The first thing that a start does to the ledger, and the last that its end undoes. */
  const isLocked = (): boolean =>
    existsSync(data) &&
    readdirSync(data, { recursive: true }).some((name) => String(name).endsWith("parley.lock.json"));
  for (const afterMs of [0, 300, 900, 1_800]) {
    const child = spawnParley(["start", "--json", "--port", "0"], { cwd });
    await vi.waitUntil(isLocked, { timeout: START_TIMEOUT_MS, interval: 5 });
    await delay(afterMs);
    child.kill("SIGTERM");
    const { code, stderr } = await child.ended;
    expect([afterMs, code]).toEqual([afterMs, 0]);
    expect(stderr).not.toContain('"level":"error"');
    expect([isLocked(), existsSync(path.join(data, "operator.json"))]).toEqual([false, false]);
  }
  const { child } = await startParley();
  child.kill("SIGTERM");
  expect((await child.ended).code).toBe(0);
});

test("a configuration and its agents may lie anywhere", { timeout: START_TIMEOUT_MS }, async () => {
  writeFileSync(
    path.join(cwd, "parley.config.ts"),
    `import { defineConfig } from "parley/config";
    export default defineConfig({ agents: [{ handle: "mine", name: "Mine", connector: { kind: "function", module: "./mine.ts" } }] });`,
  );
  writeFileSync(
    path.join(cwd, "mine.ts"),
    `import { defineAgent } from "parley/agent";
    export default defineAgent(async function* () { yield "hello"; });`,
  );
  const { child, started } = await startParley();
  expect(started.agents).toContain("mine");
  const check = await runParley(["agents", "check", "mine", "--json"], { cwd });
  expect(JSON.parse(check.stdout)).toEqual({ checks: [{ handle: "mine", ok: true, detail: expect.any(String) }] });
  child.kill("SIGTERM");
  expect((await child.ended).code).toBe(0);
});

test("every fault of every agent is in the one report, beside those of the rest", async () => {
  writeFileSync(
    path.join(cwd, "parley.config.ts"),
    `export default { web: { port: 99999 }, agents: [
      { handle: "Bad Handle", name: "A", connector: { kind: "webhook", url: "ftp://agents.example.org" } },
      { handle: "b", name: "B", connector: { kind: "rocket" } },
      { handle: "c", name: "C", connector: { kind: "function" }, subscriptions: [{ pattern: "(" }] },
    ] };`,
  );
  for (const command of ["start", "doctor"]) {
    const { code, stdout, stderr } = await runParley([command], { cwd });
    expect([command, code]).toEqual([command, 78]);
    for (const place of [
      "web.port",
      "agents[0].handle",
      "agents[0].connector.url",
      "agents[0].connector.secret",
      "agents[1].connector.kind",
      "agents[2].connector.module",
      "agents[2].subscriptions.0.pattern",
    ])
      expect(stdout + stderr).toContain(`parley.config.ts: ${place}`);
  }
  expect(existsSync(path.join(cwd, "data"))).toBe(false);
});

describe("the launcher", () => {
  const pretend = (version: string) =>
    `--import=data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`;

  test.each(["14.21.3", "18.20.0", "22.17.1"])(
    "in Node %s starts the Node that came with npm install, and passes its exit code on",
    async (version) => {
      const help = await runParley(["--help"], { cwd, nodeArgs: [pretend(version)] });
      expect([help.code, help.stdout]).toEqual([0, expect.stringContaining("Usage: parley")]);
      expect((await runParley(["status"], { cwd, nodeArgs: [pretend(version)] })).code).toBe(69);
      expect((await runParley(["nope"], { cwd, nodeArgs: [pretend(version)] })).code).toBe(64);
    },
  );

  test("says what to do when there is no such Node", async () => {
    const folder = path.join(cwd, "src", "cli");
    mkdirSync(folder, { recursive: true });
    const launcher = path.join(folder, "parley.mjs");
    copyFileSync(path.join(ROOT, "src/cli/parley.mjs"), launcher);
    const { code, stderr } = await runParley(["--help"], { cwd, launcher, nodeArgs: [pretend("18.20.0")] });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/this is Node 18\.20\.0, .* Run "npm install" in .*\n$/)]);
  });

  test("passes signals on and ends as its child does", { timeout: START_TIMEOUT_MS }, async () => {
    const child = spawnParley(["start", "--json", "--port", "0"], { cwd, nodeArgs: [pretend("18.20.0")] });
    if (child.stdout === null) throw new Error("the process has no standard output");
    await once(createInterface(child.stdout), "line");
    // Twice at once, as a terminal and npm do with one Ctrl-C.
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect((await child.ended).code).toBe(0);
  });

  test("leaves no Parley behind when it is killed", { timeout: START_TIMEOUT_MS }, async () => {
    const child = spawnParley(["start", "--json", "--port", "0"], { cwd, nodeArgs: [pretend("18.20.0")] });
    if (child.stdout === null) throw new Error("the process has no standard output");
    const [line] = await once(createInterface(child.stdout), "line");
    const { pid }: { pid: number } = JSON.parse(String(line));
    expect(pid).not.toBe(child.pid);
    child.kill("SIGKILL");
    // Its output is closed only once the last process that writes to it has ended.
    await child.ended;
    expect((await runParley(["status"], { cwd })).code).toBe(69);
  });
});
