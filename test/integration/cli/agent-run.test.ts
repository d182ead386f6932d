import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AcpAgentControl } from "../../support/acp-agent/control.ts";
import { isAlive } from "../../support/acp-agent/scene.ts";
import { type DialInApp, startDialInApp } from "../../support/agents/dial-in-app.ts";
import { ROOT, runParley } from "./run-parley.ts";

const AGENT = fileURLToPath(new URL("../../support/acp-agent/main.ts", import.meta.url));

let app: DialInApp;
let cwd: string;

beforeAll(async () => {
  app = await startDialInApp(["caller"]);
  cwd = await mkdtemp(join(tmpdir(), "parley-agent-run-"));
});
afterAll(async () => {
  await app.close();
  await rm(cwd, { recursive: true, force: true });
});

describe("parley agent run", () => {
  const run = (words: readonly string[], env: Record<string, string> = {}) =>
    runParley(["agent", "run", ...words], { cwd, env });

  it("says what is missing", async () => {
    expect(await run(["--", "agent"])).toMatchObject({ code: 64, stderr: expect.stringContaining("--url") });
    expect(await run(["--url", app.parley.url, "--", "agent"])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("PARLEY_TOKEN"),
    });
    const noVariable = await run(["--url", app.parley.url, "--env", "NO_SUCH", "--", "agent"], { PARLEY_TOKEN: "x" });
    expect(noVariable).toMatchObject({ code: 78, stderr: expect.stringContaining("NO_SUCH") });
  });

  it("says what is wrong with a command that does not start, or does not speak ACP", async () => {
    const env = { PARLEY_TOKEN: "x" };
    expect(await run(["--url", app.parley.url, "--", "no-such-agent"], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("its command is not found"),
    });
    expect(await run(["--url", app.parley.url, "--", "true"], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("ended before it spoke the protocol"),
    });
  });

  it("works in the folder that npm was called in, and not in Parley's own unless that is said", async () => {
    const control = await AcpAgentControl.start();
    const words = (...more: string[]) => [
      "agent",
      "run",
      "--json",
      "--url",
      app.parley.url,
      ...more,
      "--",
      process.execPath,
      AGENT,
      String(control.port),
    ];
    const env = { PARLEY_TOKEN: "prl_agent_of-nobody" };
    const inParley = { code: 64, stdout: "", stderr: expect.stringMatching(/--cwd.*Parley's own/) };
    expect(await runParley(words(), { cwd: ROOT, env })).toMatchObject(inParley);
    expect(await runParley(words(), { cwd: join(ROOT, "src"), env })).toMatchObject(inParley);
    expect(await runParley(words(), { cwd: ROOT, env: { ...env, INIT_CWD: ROOT } })).toMatchObject(inParley);
    expect(control.of("started")).toEqual([]);

    const called = await runParley(words(), { cwd: ROOT, env: { ...env, INIT_CWD: cwd } });
    const elsewhere = await runParley(words(), { cwd, env: { ...env, INIT_CWD: ROOT } });
    const told = await runParley(words("--cwd", ROOT), { cwd: ROOT, env });
    expect(control.of("started").map((started) => started.cwd)).toEqual([cwd, cwd, ROOT]);
    for (const { code, stdout } of [called, elsewhere, told]) {
      expect(code).toBe(1);
      const events = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(events.slice(0, 3).map(({ event }) => event)).toEqual(["starting", "ready", "connecting"]);
      expect(events[0]).toMatchObject({
        at: expect.stringMatching(/Z$/),
        message: expect.stringContaining("Starting "),
      });
    }
    await control.stop();
  });

  it("says how the agent people ask for first is installed and signed in", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("npm install -g @agentclientprotocol/claude-agent-acp");
    expect(stdout).toContain("--env ANTHROPIC_API_KEY -- claude-agent-acp");
  });

  it("ends with its agent when Parley refuses the token, which is not shown", async () => {
    const control = await AcpAgentControl.start();
    const token = "pla_wrong-token-of-nobody";
    const words = ["--url", app.parley.url, "--", process.execPath, AGENT, String(control.port)];
    const ended = await run(words, { PARLEY_TOKEN: token });
    expect(ended.code).toBe(1);
    expect(ended.stdout).toContain("scripted 1.0.0 answers.");
    expect(ended.stdout + ended.stderr).not.toContain(token);
    const [started] = control.of("started");
    expect(started?.env["PARLEY_TOKEN"]).toBeUndefined();
    expect(await isAlive(started?.pid ?? 0)).toBe(false);
    await control.stop();
  });
});
