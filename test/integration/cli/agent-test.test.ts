import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { WebhookAgent } from "../../support/agents/webhook-agent.ts";
import { ROOT, runParley } from "./run-parley.ts";

const ECHO = path.join(ROOT, "test/support/agents/programs/dial-in-echo.ts");
const run = (...args: string[]) => runParley(["agent", "test", ...args], { cwd: tmpdir() });

let webhook: WebhookAgent | undefined;
afterAll(() => webhook?.stop());

describe("parley agent test", () => {
  test("runs an agent that dials in, and finds nothing to mend in a good one", async () => {
    const { code, stdout, stderr } = await run("--", process.execPath, ECHO);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("An agent of the kind socket");
    for (const id of ["CO-ERR-01", "CO-INV-01", "CO-INV-02", "CO-INV-03", "CO-STOP-01", "CO-SIZE-01"])
      expect(stdout).toMatch(new RegExp(`^ok +${id} `, "m"));
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
      answer: { kind: "webhook", ok: true },
    });
    webhook.behave = () => ({ kind: "respond", body: JSON.stringify({ words: "x" }) });
    const bad = await run("--kind", "webhook", webhook.url);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^FAILED +CO-INV-01 .*AGENT_REPLY_INVALID.*\n +Answer in one of the forms/m);
    expect(bad.stdout).toContain("skipped");
  }, 60_000);

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
