import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createOperatorAccess } from "../../../src/api/operator-access.ts";
import { Secret } from "../../../src/config/secret.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { freePort } from "../../support/servers/free-port.ts";
import { type ApiServer, startApiServer, TOKEN } from "../api/api-server.ts";
import { AGENT, DEAD_LETTER, EXPLANATION, STATUS, USAGE } from "../api/recording-operations.ts";
import { runParley } from "./run-parley.ts";

let api: ApiServer;
let cwd: string;
beforeAll(async () => {
  api = await startApiServer({ auth: { createSignInLink: async () => "http://127.0.0.1/sign-in#code=once" } });
  cwd = mkdtempSync(path.join(tmpdir(), "parley-cli-"));
  createOperatorAccess({ dataFolder: api.config.dataFolder, token: new Secret(TOKEN) }).publish(api.url);
});
afterAll(async () => {
  rmSync(cwd, { recursive: true, force: true });
  await api.close();
});
beforeEach(() => {
  api.operations.calls.length = 0;
  api.operations.next.clear();
});

const run = (args: readonly string[], input?: string) =>
  runParley(args, { cwd, env: { PARLEY_DATA: api.config.dataFolder }, ...(input === undefined ? {} : { input }) });

describe("commands that ask a running Parley", () => {
  test("agents usage shows people what was used, by whom, and of how much", async () => {
    const sum = { turns: 3, inputTokens: 1_200, outputTokens: 300, costMicroUsd: 12_300 };
    api.operations.next.set("agents.usage", async () => [
      {
        handle: "helper",
        budgets: { agent: { usdPerDay: 1 }, person: { turnsPerDay: 20, tokensPerDay: 5_000 } },
        today: sum,
        days: [{ day: "2026-11-21", ...sum }],
        people: [{ id: "i_1/U1", name: "Nadia\u001b[31m", ...sum }],
        channels: [{ id: "i_1/C1", ...sum }],
      },
    ]);
    const one = await run(["agents", "usage", "helper"]);
    expect(one.stdout).toContain("in a day: $1.00; for one person: 20 turns, 5000 tokens; in one channel: no limit.");
    expect(one.stdout).toMatch(/2026-11-21\s+3\s+1200\s+300\s+\$0\.0123/);
    expect(one.stdout).toMatch(/Nadia\S*\s+3/);
    expect(one.stdout).not.toContain("\u001b[31m");
    expect(one.stdout).toContain("i_1/C1");
    expect((await run(["agents", "usage"])).stdout).toMatch(/@helper\s+3\s+1200\s+300\s+\$0\.0123\s+\$1\.00/);
  });

  test("agents list says why an agent rests, and since when", async () => {
    const since = "2026-11-21T10:00:00.000Z";
    api.operations.next.set("agents.list", async () => [
      {
        ...AGENT,
        handle: "paused",
        status: "paused",
        statusReason: "it could not be reached\u001b[31m",
        statusSince: since,
      },
      { ...AGENT, handle: "away", failingSince: since },
      AGENT,
    ]);
    const { stdout } = await run(["agents"]);
    expect(stdout).toContain(`@paused is paused since ${since}: it could not be reached`);
    expect(stdout).toContain(`@away cannot be reached since ${since}; its turns wait.`);
    expect(stdout).not.toMatch(/@helper (is|cannot)/);
    expect(stdout).not.toContain("\u001b[31m");
  });

  test.each<[string, string[], unknown, unknown[]]>([
    ["agents list", ["agents"], { agents: [AGENT] }, ["agents.list", "main"]],
    [
      "agents rotate",
      ["agents", "rotate", "@helper"],
      { agent: AGENT, secret: "prl_agent_shown-once" },
      ["agents.rotateToken", "main", "helper", { by: "operator" }],
    ],
    [
      "agents revoke",
      ["agents", "revoke", "helper"],
      { revoked: "helper" },
      ["agents.revokeToken", "main", "helper", { by: "operator" }],
    ],
    [
      "agents pause",
      ["agents", "pause", "@helper"],
      { agent: { ...AGENT, status: "paused" } },
      ["agents.pause", "main", "helper"],
    ],
    [
      "agents resume",
      ["agents", "resume", "helper"],
      { agent: AGENT },
      ["switches.resumeAgent", "main", "helper", { by: "operator" }],
    ],
    [
      "agents stop",
      ["agents", "stop", "@helper", "--reason", "odd answers"],
      { agent: { ...AGENT, status: "stopped" }, stoppedTurns: 3, cancelledDeliveries: 4 },
      ["switches.stopAgent", "main", "helper", { reason: "odd answers", by: "operator" }],
    ],
    ["organization", ["organization"], { organizationId: "acme", status: "active" }, ["switches.organization", "main"]],
    [
      "organization stop",
      ["organization", "stop", "--reason", "odd answers"],
      { organizationId: "acme", status: "stopped", reason: "odd answers", stoppedTurns: 3, cancelledDeliveries: 4 },
      ["switches.stopOrganization", "main", { reason: "odd answers", by: "operator" }],
    ],
    [
      "organization resume",
      ["organization", "resume"],
      { organizationId: "acme", status: "active" },
      ["switches.resumeOrganization", "main", { by: "operator" }],
    ],
    ["agents usage", ["agents", "usage"], { usage: [USAGE] }, ["agents.usage", "main"]],
    ["agents usage of one", ["agents", "usage", "@helper"], { usage: USAGE }, ["agents.usage", "main", "helper"]],
    ["agents remove", ["agents", "remove", "helper"], { removed: "helper" }, ["agents.remove", "main", "helper"]],
    [
      "deadletters list",
      ["deadletters", "list", "--limit", "7"],
      { deadLetters: [DEAD_LETTER] },
      ["deadLetters.list", "main", { state: "open", limit: 7 }],
    ],
    [
      "deadletters show",
      ["deadletters", "show", "d-1"],
      { ...DEAD_LETTER, raw: "{}" },
      ["deadLetters.show", "main", "d-1"],
    ],
    [
      "deadletters replay",
      ["deadletters", "replay", "d-1"],
      { results: [{ id: "d-1", state: "replayed" }] },
      ["deadLetters.replay", "main", "d-1", { by: "operator" }],
    ],
    [
      "deadletters replay --dry-run",
      ["deadletters", "replay", "d-1", "--dry-run"],
      { results: [{ id: "d-1", allowed: false, rule: "agent_stopped", does: "asks the agent again" }] },
      ["deadLetters.weigh", "main", "d-1"],
    ],
    [
      "deadletters discard",
      ["deadletters", "discard", "d-1"],
      { results: [{ id: "d-1", state: "discarded" }] },
      ["deadLetters.discard", "main", "d-1"],
    ],
    ["explain", ["explain", "$a/b:c"], EXPLANATION, ["explain", "main", "$a/b:c"]],
    ["status", ["status"], STATUS, ["status"]],
    [
      "stop",
      ["stop", "c_0123456789abcdef01234567"],
      { stoppedTurns: 2 },
      ["stop", { organizationId: "main", conversationId: "c_0123456789abcdef01234567", requestedBy: "operator" }],
    ],
    [
      "send",
      ["send", "web:general", "hello there", "--as", "@helper", "--key", "k1"],
      { deliveryIds: ["p-1", "p-2"] },
      [
        "send",
        {
          organizationId: "main",
          by: "operator",
          agent: "helper",
          to: "web:general",
          text: "hello there",
          idempotencyKey: "k1",
        },
      ],
    ],
  ])("%s writes JSON, and a line or a table for people", async (_name, args, answer, call) => {
    const [json, human] = await Promise.all([run([...args, "--json"]), run(args)]);
    expect(json).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(json.stdout)).toEqual(answer);
    expect(human).toMatchObject({ code: 0, stderr: "" });
    expect(human.stdout.trim()).not.toBe("");
    expect(human.stdout).not.toContain("\u001b");
    expect(api.operations.calls).toEqual([call, call]);
  });

  test("sign-in prints the link alone", async () => {
    expect(await run(["sign-in"])).toEqual({ code: 0, stdout: "http://127.0.0.1/sign-in#code=once\n", stderr: "" });
  });

  test("agents add takes flags or a file, and shows the secret once", async () => {
    const flags = await run([
      "agents",
      "add",
      "@helper",
      "--owner",
      "Robin",
      "--webhook",
      "https://agents.example.org/",
      "--channels",
      "general, ops-*",
      "--turn-mode",
      "steer",
    ]);
    expect(flags.stdout).toBe("@helper is added.\nIts secret, shown this once: whsec_shown-once\n");
    const definition = { handle: "helper", name: "Helper", connector: { kind: "model", model: "m" } };
    expect((await run(["agents", "add", "--file", "-"], JSON.stringify(definition))).code).toBe(0);
    const file = path.join(cwd, "agent.json");
    writeFileSync(file, JSON.stringify(definition));
    expect((await run(["agents", "add", "--file", file])).code).toBe(0);
    expect(api.operations.calls.map((call) => call[2])).toEqual([
      expect.objectContaining({
        handle: "helper",
        name: "helper",
        connector: { kind: "webhook", url: "https://agents.example.org/" },
        channels: ["general", "ops-*"],
        owner: "Robin",
        turnMode: "steer",
      }),
      expect.objectContaining(definition),
      expect.objectContaining(definition),
    ]);
  });

  test("agents check ends with 1 when an agent cannot be reached", async () => {
    const answer = await run(["agents", "check"]);
    expect(answer.code).toBe(1);
    expect(answer.stdout).toMatch(/@helper +no +connection refused/);
  });

  test("explain shows each step with its rule, aligned", async () => {
    const { stdout } = await run(["explain", "e-1"]);
    expect(stdout.split("\n").slice(2, 5)).toEqual([
      "AFTER  STEP    AGENT    OUTCOME  RULE               DETAIL",
      "0 ms   ingest           stored   dedupe_key_is_new  sizeBytes=10 list=[1,null]",
      "10 ms  route   @helper  turn     mention",
    ]);
  });

  test("what comes from elsewhere cannot act on the terminal", async () => {
    api.operations.next.set("agents.list", () => [{ ...AGENT, name: "\u001b]0;owned\u0007\u202eevil\nrow" }]);
    const { stdout } = await run(["agents"]);
    expect(stdout).toContain("\\u001b]0;owned\\u0007\\u202eevil\\u000arow");
    expect(stdout.split("\n")).toHaveLength(3);
  });

  test("one failing replay does not hide the others", async () => {
    api.operations.next.set("deadLetters.replay", () =>
      Promise.reject(new ParleyError("CONFLICT", { detail: "it was replayed already" })),
    );
    const answer = await run(["deadletters", "replay", "d-1", "d-2"]);
    expect(answer).toMatchObject({
      code: 1,
      stdout: "1/2 d-1: it was replayed already\n2/2 d-2: it was replayed already\n",
    });
  });

  test("failures are one line with the reason", async () => {
    api.operations.next.set("explain", () => undefined);
    expect(await run(["explain", "none"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "parley: no event, message or turn has this id; it may never have reached Parley\n",
    });
    api.operations.next.set("status", () => Promise.reject(new ParleyError("LEDGER_UNAVAILABLE")));
    expect((await run(["status"])).code).toBe(69);
  });

  test("doctor asks the running one, names what is wrong and how to fix it", async () => {
    const answer = await run(["doctor", "--json"]);
    const { findings } = JSON.parse(answer.stdout);
    const find = (part: string) => findings.filter((finding: { part: string }) => finding.part === part);
    expect(answer.code).toBe(1);
    expect(find("parley")).toMatchObject([{ state: "ok", detail: `runs at ${api.url}` }]);
    expect(find("ledger")).toMatchObject([{ state: "ok" }]);
    expect(find("slack")).toMatchObject([
      { state: "ok" },
      { state: "failed", detail: "Other workspace: token revoked" },
      { state: "skipped" },
    ]);
    expect(find("agent @helper")).toMatchObject([{ state: "failed", detail: "connection refused" }]);
    expect(find("durability")).toMatchObject([{ state: "warning", detail: expect.stringContaining("power cut") }]);
    const unfixed = findings.filter(
      (finding: { state: string; fix?: string }) => finding.state !== "ok" && !finding.fix,
    );
    expect(unfixed).toEqual([]);
  });
});

describe("commands without a running Parley", () => {
  const alone = (args: readonly string[], env: Record<string, string> = {}) => runParley(args, { cwd, env });

  test("end with 69 and one line that says what to do", async () => {
    for (const args of [
      ["status"],
      ["agents"],
      ["send", "web:general", "x", "--as", "y"],
      ["deadletters"],
      ["sign-in"],
      ["explain", "x"],
    ]) {
      const { code, stdout, stderr } = await alone(args);
      expect({ code, stdout }).toEqual({ code: 69, stdout: "" });
      expect(stderr).toMatch(/^parley: No Parley is running on the data folder .*: start one with "npm start".*\n$/);
    }
  });

  test("an address that nobody listens on is named", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stderr } = await alone(["status"], {
      PARLEY_URL: url,
      PARLEY_TOKEN: "x".repeat(32),
    });
    expect([code, stderr]).toEqual([69, expect.stringContaining(`No Parley is running at ${url}`)]);
  });

  test("PARLEY_URL and PARLEY_TOKEN reach one elsewhere; a wrong token is refused", async () => {
    expect((await alone(["agents"], { PARLEY_URL: api.url, PARLEY_TOKEN: TOKEN })).code).toBe(0);
    const wrong = await alone(["agents"], { PARLEY_URL: api.url, PARLEY_TOKEN: `${TOKEN}x` });
    expect([wrong.code, wrong.stderr]).toEqual([1, "parley: the bearer token is not valid\n"]);
  });

  test.each([
    [["nope"], "unknown command"],
    [["agents", "nope"], "too many arguments"],
    [["send", "web:general", "--as", "x"], "missing required argument"],
    [["send", "web:general", "hi"], "--as"],
    [["status", "--nope"], "unknown option"],
    [["agents", "add", "x"], "either --webhook or --connector"],
    [["agents", "add", "x", "--connector", "{"], "not valid JSON"],
    [["deadletters", "list", "--state", "odd"], "Allowed choices"],
    [["slack", "manifest"], "--socket"],
  ])("wrong usage %j ends with 64", async (args, message) => {
    const { code, stderr } = await alone(args);
    expect([code, stderr]).toEqual([64, expect.stringContaining(message)]);
  });

  test("with --json every failure is one line of JSON with the exit code", async () => {
    const read = async (args: string[], env?: Record<string, string>) => {
      const { code, stdout, stderr } = await alone([...args, "--json"], env);
      const { error } = JSON.parse(stderr);
      expect([stdout, error.exitCode, typeof error.message]).toEqual(["", code, "string"]);
      return [code, error.code];
    };
    const elsewhere = { PARLEY_URL: api.url, PARLEY_TOKEN: TOKEN };
    expect(await read(["status"])).toEqual([69, "UNAVAILABLE"]);
    expect(await read(["stop", "nowhere"], elsewhere)).toEqual([1, "NOT_FOUND"]);
    expect(await read(["agents", "check", "x"], { ...elsewhere, PARLEY_TOKEN: "y".repeat(32) })).toEqual([
      1,
      "UNAUTHENTICATED",
    ]);
    expect(await read(["agents", "add", "x"])).toEqual([64, "USAGE"]);
    expect(await read(["send", "web:general"])).toEqual([64, "USAGE"]);
    expect(await read(["start"], { PARLEY_PORT: "many" })).toEqual([78, "CONFIG_INVALID"]);
  });

  test("stopping what is not there says so", async () => {
    const stopped = await run(["stop", "nowhere"]);
    expect([stopped.code, stopped.stderr]).toEqual([1, expect.stringContaining("there is no such conversation")]);
  });

  test("every command has its own help", async () => {
    const top = await alone(["--help"]);
    expect(top.code).toBe(0);
    for (const name of [
      "start",
      "doctor",
      "explain",
      "agents",
      "send",
      "deadletters",
      "status",
      "slack",
      "sign-in",
      "schemas",
    ]) {
      expect(top.stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
      const help = await alone([name, "--help"]);
      expect([help.code, help.stdout]).toEqual([0, expect.stringContaining(`Usage: parley ${name}`)]);
    }
  });

  test("doctor looks at what can be looked at", async () => {
    const answer = await alone(["doctor", "--json"], {
      SLACK_BOT_TOKEN: "xoxb-1-2-abcdefghij",
      SLACK_APP_TOKEN: "xapp-1-A-2-abcdefghij",
      SLACK_API_URL: "http://127.0.0.1:9/api/",
    });
    const { findings } = JSON.parse(answer.stdout);
    expect(answer.code).toBe(1);
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ part: "parley", state: "skipped" }),
        expect.objectContaining({
          part: "slack",
          state: "failed",
          detail: expect.stringContaining("http://127.0.0.1:9/api/"),
        }),
        expect.objectContaining({ part: "ledger", state: "skipped" }),
      ]),
    );
    expect(answer.stdout).not.toContain("abcdefghij");
  });

  test("doctor and start name every fault of the configuration and end with 78", async () => {
    const env = { PARLEY_PORT: "many", PARLEY_LOG_LEVL: "info", PARLEY_SECRET_KEY: "short-but-secret" };
    const doctor = await alone(["doctor"], env);
    const start = await alone(["start"], env);
    expect([doctor.code, start.code]).toEqual([78, 78]);
    for (const name of Object.keys(env)) {
      expect(doctor.stdout).toContain(name);
      expect(start.stderr).toContain(`  ${name}: `);
    }
    expect(start.stderr).toContain("The configuration has 3 faults:");
    expect(start.stderr + doctor.stdout).not.toContain("short-but-secret");
  });

  test("the Slack manifest is valid JSON for either way in", async () => {
    const socket = JSON.parse((await alone(["slack", "manifest", "--socket"])).stdout);
    const http = JSON.parse((await alone(["slack", "manifest", "--url", "https://parley.example.org"])).stdout);
    expect(socket.settings.socket_mode_enabled).toBe(true);
    expect(http.settings.event_subscriptions.request_url).toBe("https://parley.example.org/slack/events");
    expect(http.oauth_config.scopes.bot).not.toContain("chat:write.public");
  });
});
