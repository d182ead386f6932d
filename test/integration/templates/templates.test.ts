import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateWebhookSecret } from "../../../agents/webhook/index.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { ModelServer } from "../../support/models/model-server.ts";
import { freePort } from "../../support/servers/index.ts";
import { ROOT } from "../cli/run-parley.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const run = promisify(execFile);

let folder: string;
let parley: SlackApp;
const running: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-templates-"));
  await Promise.all(["socket", "webhook", "acp", "a2a", "model", "function"].map(generate));
  // Agents that are code of Parley's own machine are declared in its configuration alone.
  parley = await startSlackApp(
    [
      { handle: "my-function", name: "F", connector: { kind: "function", module: join(folder, "function/agent.ts") } },
      {
        handle: "my-acp",
        name: "P",
        connector: { kind: "acp", command: process.execPath, args: ["agent.ts"], cwd: join(folder, "acp") },
      },
    ],
    { env: { PARLEY_TOKEN: OPERATOR } },
  );
}, 90_000);
afterAll(async () => {
  for (const child of running) {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, "SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await parley?.close();
  await rm(folder, { recursive: true, force: true });
});

/** As its author would have it: by the command of the package. */
async function generate(kind: string): Promise<void> {
  const script = join(ROOT, "deploy/tooling/agent-new.ts");
  await run(process.execPath, [script, "--kind", kind, "--name", `my-${kind}`, "--folder", join(folder, kind)]);
}

/** A machine whose own Node is older than those that know TypeScript, which README calls enough. */
async function oldMachine(): Promise<Record<string, string>> {
  const commands = join(folder, "old-machine");
  const others = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
  await mkdir(commands, { recursive: true });
  const script = [
    "#!/bin/sh",
    `case "$*" in *.ts*) echo 'TypeError [ERR_UNKNOWN_FILE_EXTENSION]: Unknown file extension ".ts"' >&2; exit 1;; esac`,
    `exec ${process.execPath} "$@"`,
  ];
  await writeFile(join(commands, "node"), script.join("\n"), { mode: 0o755 });
  return { PATH: [commands, ...others].join(delimiter), HOME: folder, NPM_CONFIG_UPDATE_NOTIFIER: "false" };
}

/** Starts the agent of a folder as its README says, on such a machine. */
async function start(kind: string, env: Record<string, string>): Promise<void> {
  const child = spawn("npm", ["start"], {
    cwd: join(folder, kind),
    env: { ...(await oldMachine()), ...env },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true, // npm, its shell and the agent end together
  });
  running.push(child);
  let said = "";
  for await (const piece of child.stdout) {
    said += String(piece);
    if (/is there|Listening/.test(said)) return;
  }
  throw new Error(`the agent ended: ${said}`);
}

async function api<T>(path: string, body: unknown): Promise<T> {
  const answer = await callApi<T>({ url: parley.url, token: OPERATOR }, { method: "POST", path, body });
  expect(answer.status).toBe(201);
  return answer.body;
}

function add(kind: string, connector: unknown): Promise<{ secret?: string }> {
  return api("/api/agents", { handle: `my-${kind}`, name: kind, connector });
}

/** What the agent answers in a channel. */
async function asked(kind: string, question: string): Promise<string> {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask(`my-${kind}`, question), {});
  return until(() => {
    const [post] = parley.slack.log.posts({ thread: ts, by: "app" });
    return post?.text?.trim();
  }, 30_000);
}

/** What the check prints that the last step of a README names, run by a shell in Parley's folder with some words changed. */
async function checkOf(kind: string, ...changes: readonly (readonly [string, string])[]): Promise<string> {
  const readme = await readFile(join(folder, kind, "README.md"), "utf8");
  const command = /`npm run parley -- (agent test [^`]+)`/.exec(readme)?.[1] ?? "none";
  const words = changes.reduce((text, [from, to]) => text.replace(from, to), command);
  const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
  const ended = run("sh", ["-c", `node src/cli/parley.mjs ${words}`], { cwd: ROOT, env });
  return ended.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

describe("what agent:new writes", { timeout: 60_000 }, () => {
  it.each(["socket", "webhook", "acp", "a2a", "model", "function"])(
    "has a README of six lines at most: %s",
    async (kind) => {
      const lines = (await readFile(join(folder, kind, "README.md"), "utf8")).split("\n").filter((line) => line !== "");
      expect(lines.length).toBeLessThanOrEqual(6);
      expect(lines.join("\n")).not.toContain("__");
      expect(lines.join("\n")).toContain(`@my-${kind}`);
    },
  );

  it("names commands that work in Parley's folder: the check of each agent, and the file of a model", async () => {
    const port = String(await freePort());
    const secret = generateWebhookSecret();
    const model = await ModelServer.start(() => ({ kind: "answer", moves: [{ text: "Hel" }, { text: "lo" }] }));
    try {
      await start("a2a", { PORT: port });
      const webhookPort = String(await freePort());
      await start("webhook", { PORT: webhookPort, WEBHOOK_SECRET: secret });
      const checks = {
        socket: await checkOf("socket"),
        acp: await checkOf("acp"),
        function: await checkOf("function"),
        a2a: await checkOf("a2a", ["localhost:3000", `localhost:${port}`]),
        webhook: await checkOf("webhook", ["localhost:3000", `localhost:${webhookPort}`], ["whsec_…", secret]),
        model: await checkOf("model", ["http://localhost:11434/v1", model.baseUrl]),
      };
      const wrong = Object.entries(checks).filter(([, told]) => !/^It keeps its part.* 0 failed\.$/m.test(told));
      expect(wrong).toEqual([]);
    } finally {
      await model.stop();
    }
    const [, file = ""] = /--file ([^\s`]+)/.exec(await readFile(join(folder, "model/README.md"), "utf8")) ?? [];
    expect(file).toBe(join(folder, "model/agent.json"));
    expect(existsSync(file)).toBe(true);
  }, 180_000);

  it("refuses a folder with something in it, and a kind that there is none of", async () => {
    const script = join(ROOT, "deploy/tooling/agent-new.ts");
    const again = run(process.execPath, [script, "--kind", "socket", "--folder", join(folder, "socket")]);
    await expect(again).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("is not empty") });
    const unknown = run(process.execPath, [script, "--kind", "magic", "--folder", join(folder, "magic")]);
    await expect(unknown).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("webhook") });
    expect(existsSync(join(folder, "magic"))).toBe(false);
  });

  it("says in one line what is wrong with an option, and how it is used", async () => {
    const script = join(ROOT, "deploy/tooling/agent-new.ts");
    for (const words of [["--bogus"], ["socket"], ["--kind"]])
      await expect(run(process.execPath, [script, ...words])).rejects.toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^[^\n]*Usage: npm run agent:new -- --kind [^\n]*socket[^\n]*\n$/),
      });
    const { stdout } = await run(process.execPath, [script, "--help"]);
    expect(stdout).toContain("Usage: npm run agent:new -- --kind a2a|");
  });

  it("dials in and answers", async () => {
    const { secret = "" } = await add("socket", { kind: "socket" });
    await start("socket", { PARLEY_URL: parley.url, PARLEY_TOKEN: secret });
    expect(await asked("socket", "one two")).toMatch(/^You said: .*one two$/);
  });

  it("takes webhooks and answers, and refuses what is not signed", async () => {
    const port = await freePort();
    const { secret = "" } = await add("webhook", { kind: "webhook", url: `http://127.0.0.1:${port}/` });
    await start("webhook", { PORT: String(port), WEBHOOK_SECRET: secret });
    expect(await asked("webhook", "one two")).toMatch(/^You said: .*one two$/);
    const stranger = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" });
    expect(stranger.status).toBe(401);
  });

  it("speaks A2A and answers", async () => {
    const port = await freePort();
    await start("a2a", { PORT: String(port) });
    await add("a2a", { kind: "a2a", url: `http://localhost:${port}/` });
    expect(await asked("a2a", "one two")).toMatch(/^You said: .*one two$/s);
  });

  it("speaks ACP and answers", async () => {
    expect(await asked("acp", "one two")).toContain("one two");
  });

  it("is a function and answers", async () => {
    expect(await asked("function", "one two")).toMatch(/^You said: .*one two$/);
  });

  it("is a model and answers", async () => {
    const words = { kind: "answer", moves: [{ text: "You said: " }, { text: "one two" }] } as const;
    const model = await ModelServer.start(() => words);
    try {
      const definition = JSON.parse(await readFile(join(folder, "model/agent.json"), "utf8"));
      expect(definition.handle).toBe("my-model");
      const connector = { ...definition.connector, baseUrl: `${model.server.origin}/v1` };
      await api("/api/agents", { ...definition, connector });
      expect(await asked("model", "one two")).toBe("You said: one two");
      expect(model.calls[0]?.rawBody).toContain("one two");
    } finally {
      await model.stop();
    }
  });
});
