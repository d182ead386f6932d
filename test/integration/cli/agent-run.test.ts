import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AcpAgentControl } from "../../support/acp-agent/control.ts";
import { isAlive } from "../../support/acp-agent/scene.ts";
import { type DialInApp, startDialInApp } from "../../support/agents/dial-in-app.ts";
import { runParley } from "./run-parley.ts";

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
