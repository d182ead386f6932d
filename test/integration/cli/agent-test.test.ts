import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import type { RunAgentInput } from "@ag-ui/core";
import { afterAll, describe, expect, test } from "vitest";
import { AguiAgent, type AguiServerEvent } from "../../support/agents/agui-agent.ts";
import { WebhookAgent } from "../../support/agents/webhook-agent.ts";
import { ModelServer } from "../../support/models/model-server.ts";
import { freePort } from "../../support/servers/index.ts";
import { type Ended, ROOT, runParley } from "./run-parley.ts";

const ECHO = path.join(ROOT, "test/support/agents/programs/dial-in-echo.ts");
const run = (...args: string[]) => runParley(["agent", "test", ...args], { cwd: tmpdir() });

const TEMPLATES = path.join(ROOT, "deploy/templates");

/** How a run of the checks ended, in short. */
function summary({ code, stdout }: Ended) {
  const { kind, checks } = JSON.parse(stdout);
  const open = checks.filter(({ state }: { state: string }) => state === "failed" || state === "skipped");
  // An agent that answers at once cannot be stopped, and is not said to be stoppable.
  const failed = open.filter(
    ({ id, state }: { id: string; state: string }) =>
      state === "failed" || (id !== "CO-STOP-01" && id !== "CO-LIFE-01"),
  );
  return { code, kind, failed };
}

/** A run that says again, in pieces, what was said last. */
function aguiEcho({ threadId, runId, messages }: RunAgentInput): AguiServerEvent[] {
  const last = messages.at(-1)?.content;
  const words = typeof last === "string" ? last : JSON.stringify(last);
  return [
    { type: "RUN_STARTED", threadId, runId },
    { type: "TEXT_MESSAGE_START", messageId: "m1", role: "assistant" },
    ...["You said: ", words].map((delta) => ({ type: "TEXT_MESSAGE_CONTENT", messageId: "m1", delta })),
    { type: "TEXT_MESSAGE_END", messageId: "m1" },
    { type: "RUN_FINISHED", threadId, runId },
  ];
}

let webhook: WebhookAgent | undefined;
afterAll(() => webhook?.stop());

describe("parley agent test", () => {
  test("runs an agent that dials in, and finds nothing to mend in a good one", async () => {
    const { code, stdout, stderr } = await run("--", process.execPath, ECHO);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("An agent of the kind socket");
    for (const id of ["CO-ERR-01", "CO-INV-01", "CO-INV-02", "CO-INV-03", "CO-STOP-01", "CO-SEC-01", "CO-SIZE-01"])
      expect(stdout).toMatch(new RegExp(`^ok +${id} `, "m"));
    expect(stdout).toMatch(/^It keeps its part\. 15 ok, 0 advice, 0 skipped, 0 failed\.$/m);
    for (const id of ["CO-LIFE-01", "CO-ERR-02", "CO-LOG-01"]) {
      expect(stdout).toMatch(new RegExp(`^ok +${id} `, "m"));
      expect(stdout.split("Not checkable from outside:")[1]).toMatch(new RegExp(`^ +${id} .+: .{20,}$`, "m"));
    }
  }, 60_000);

  test("does not pass what it could not find out, and says what to do", async () => {
    const { code, stdout } = await run("--", process.execPath, ECHO, "hasty");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^skipped CO-STOP-01 .*before it can be stopped\n +Check it with an agent that works for longer/m,
    );
    expect(stdout).not.toMatch(/^ok +CO-STOP-01/m);
    expect(stdout).toMatch(
      /^It keeps its part as far as could be found out\. 10 ok, 1 advice, 4 skipped, 0 failed\.$/m,
    );
  }, 60_000);

  test("names what an agent gets wrong and how to mend it, with an exit code", async () => {
    const { code, stdout } = await run("--json", "--", process.execPath, ECHO, "mixed");
    expect(code).toBe(1);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ kind: "socket", ok: false });
    const failed = answer.checks.filter(({ state }: { state: string }) => state === "failed");
    expect(failed).toMatchObject([{ id: "CO-INV-02", mend: expect.stringContaining("variables of that turn") }]);
  }, 60_000);

  test("reaches a webhook by its address", async () => {
    webhook = await WebhookAgent.start();
    webhook.behave = ({ body }) => ({
      kind: "stream",
      as: "ndjson",
      events: [
        { type: "text_delta", markdown: "You said: " },
        { type: "text_delta", markdown: body?.data.trigger.text ?? "" },
        { type: "done" },
      ],
    });
    const good = await run("--kind", "webhook", "--json", webhook.url);
    expect({ code: good.code, answer: JSON.parse(good.stdout) }).toMatchObject({
      code: 0,
      answer: {
        kind: "webhook",
        ok: true,
        notCheckable: [
          { id: "CO-LIFE-01", what: expect.any(String), why: expect.any(String) },
          { id: "CO-ERR-02", what: expect.any(String), why: expect.any(String) },
          { id: "CO-LOG-01", what: expect.any(String), why: expect.any(String) },
        ],
      },
    });
    const ids = JSON.parse(good.stdout).checks.map(({ id }: { id: string }) => id);
    expect(ids).toEqual(expect.arrayContaining(["CO-LIFE-01", "CO-LOG-01"]));
    expect(ids).not.toContain("CO-ERR-02");
    webhook.behave = () => ({ kind: "respond", body: JSON.stringify({ words: "x" }) });
    const bad = await run("--kind", "webhook", webhook.url);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^FAILED +CO-INV-01 .*AGENT_REPLY_INVALID.*\n +Answer in one of the forms/m);
    expect(bad.stdout).toContain("skipped");
  }, 60_000);

  test("speaks ACP with a command, A2A with an address that has a card, AG-UI where it is told to, and asks a model", async () => {
    const acp = await run("--json", "--kind", "acp", "--", process.execPath, path.join(TEMPLATES, "acp/agent.ts"));
    expect(summary(acp)).toEqual({ code: 0, kind: "acp", failed: [] });

    const port = await freePort();
    const a2a = spawn(process.execPath, [path.join(TEMPLATES, "a2a/agent.ts")], {
      env: { PATH: process.env["PATH"] ?? "", PORT: String(port) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(a2a.stdout, "data");
      expect(summary(await run("--json", `http://localhost:${port}/`))).toEqual({ code: 0, kind: "a2a", failed: [] });
    } finally {
      a2a.kill("SIGKILL");
      await once(a2a, "exit");
    }

    const agui = await AguiAgent.start(({ input }) => ({ kind: "run", events: aguiEcho(input) }));
    try {
      const ended = await run("--json", "--kind", "agui", agui.url);
      expect(summary(ended)).toEqual({ code: 0, kind: "agui", failed: [] });
    } finally {
      await agui.stop();
    }

    const model = await ModelServer.start(() => ({ kind: "answer", moves: [{ text: "Hel" }, { text: "lo" }] }));
    try {
      const ended = await run("--json", "--model", "test-model", model.baseUrl);
      expect(summary(ended)).toEqual({ code: 0, kind: "model", failed: [] });
    } finally {
      await model.stop();
    }
  }, 120_000);

  test("says what is missing when a command does not dial in", async () => {
    const { code, stderr } = await run(
      "--",
      process.execPath,
      "-e",
      "console.error('no such module'); process.exit(3)",
    );
    expect(code).toBe(1);
    expect(stderr).toContain("ended (3); it must dial in to PARLEY_URL with PARLEY_TOKEN");
    expect(stderr).toContain("no such module");
  }, 60_000);
});
