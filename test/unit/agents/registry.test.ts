import { describe, expect, it } from "vitest";
import { createAssistantDefinition, isAssistantConfigured } from "../../../agents/assistant/index.ts";
import { CONNECTOR_KINDS, createConnector, findConnectorFaults, secretFieldsOf } from "../../../agents/registry.ts";
import { BREAKER_FAILURES, BREAKER_OPEN_MS, withBreaker } from "../../../agents/shared/breaker.ts";
import { parseRetryAfterMs } from "../../../agents/shared/retry-after.ts";
import { generateWebhookSecret } from "../../../agents/webhook/index.ts";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import type { AgentConnector, ConnectorEvent } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { codeOf, collect } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const SECRET = generateWebhookSecret();
const paths = (config: { kind: string; [field: string]: unknown }, source: "config" | "api" | "builtin" = "config") =>
  findConnectorFaults(config, source).map((fault) => fault.path);

describe("the registry of connectors", () => {
  it("knows its kinds", () => {
    expect(CONNECTOR_KINDS).toEqual(expect.arrayContaining(["function", "webhook", "model", "agui"]));
    expect(paths({ kind: "carrier-pigeon" })).toEqual(["kind"]);
  });

  it.each([
    { kind: "function", run: () => "x" },
    { kind: "function", module: "./agent.ts" },
    { kind: "webhook", url: "https://agent.example/turns", secret: SECRET },
    { kind: "webhook", url: "https://agent.example:8443/turns", secrets: [SECRET, generateWebhookSecret()] },
    { kind: "model", provider: "anthropic" },
    { kind: "model", provider: "openai-compatible", baseUrl: "http://127.0.0.1:11434/v1", model: "m", maxSteps: 3 },
  ])("makes a connector of $kind", async (config) => {
    expect(paths(config)).toEqual([]);
    const connector = createConnector(config, { source: "config" });
    expect(connector.kind).toBe(config.kind);
    await connector.close();
  });

  it("reports every fault, each with its path", () => {
    expect(paths({ kind: "webhook", url: "ftp://x", secrets: ["whsec_short", SECRET], colour: "red" }).sort()).toEqual([
      "colour",
      "secrets.0",
      "url",
    ]);
    expect(paths({ kind: "webhook", url: "https://agent.example" })).toEqual(["secret"]);
    expect(paths({ kind: "webhook", url: "https://user:pass@agent.example", secret: SECRET })).toEqual(["url"]);
    expect(paths({ kind: "model", provider: "oracle", maxSteps: 0 }).sort()).toEqual(["maxSteps", "provider"]);
    expect(paths({ kind: "function" })).toEqual(["module"]);
    expect(paths({ kind: "function", module: "./a.ts", run: () => "x" })).toEqual(["module"]);
  });

  it("throws them all at once, and never a value", () => {
    const make = () =>
      createConnector(
        { kind: "webhook", url: "https://user:hunter2@agent.example", secret: "hunter3" },
        { source: "config" },
      );
    expect(make).toThrow(/connector\.url: .*; connector\.secret: /);
    expect(make).not.toThrow(/hunter/);
  });

  it("lets nobody but the operator name code of this machine", () => {
    expect(paths({ kind: "function", module: "/etc/evil.mjs" }, "api")).toEqual(["kind"]);
    expect(() => createConnector({ kind: "function", module: "/etc/evil.mjs" }, { source: "api" })).toThrow(
      ParleyError,
    );
  });

  it("names the fields that hold secrets", () => {
    expect(secretFieldsOf("webhook")).toEqual(["secret", "secrets", "authorization"]);
    expect(secretFieldsOf("model")).toEqual(["apiKey", "mcpServers"]);
    expect(secretFieldsOf("unknown")).toEqual([]);
  });
});

describe("the assistant", () => {
  const connectorOf = (settings: Parameters<typeof createAssistantDefinition>[0]) =>
    createAssistantDefinition(settings).connector;

  it("takes whichever provider is set up, the OpenAI-compatible one first", () => {
    expect(connectorOf({ anthropic: { apiKey: "k", model: "m" } })).toMatchObject({
      provider: "anthropic",
      apiKey: "k",
      model: "m",
    });
    expect(connectorOf({ openai: { baseUrl: "http://127.0.0.1:1/v1" }, anthropic: { apiKey: "k" } })).toMatchObject({
      provider: "openai-compatible",
      baseUrl: "http://127.0.0.1:1/v1",
    });
  });

  it("is a valid agent with nothing set up, and says what to set", async () => {
    const definition = AgentDefinition.parse(createAssistantDefinition({ openai: { apiKey: "" } }));
    expect(isAssistantConfigured({ openai: { apiKey: "" } })).toBe(false);
    const connector = createConnector(definition.connector, { source: "builtin" });
    const { detail } = await connector.check(AbortSignal.timeout(1_000));
    for (const name of ["OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"]) expect(detail).toContain(name);
    expect(codeOf(await collect(connector.invoke(turnRequest(), turnIo())))).toBe("AGENT_NOT_CONFIGURED");
    await connector.close();
  });
});

describe("the breaker", () => {
  function breaker() {
    const state = { nowMs: 0, calls: 0, fail: new ParleyError("AGENT_UNAVAILABLE") as ParleyError | undefined };
    const agent: AgentConnector = {
      kind: "test",
      features: { steer: false },
      async *invoke(): AsyncGenerator<ConnectorEvent> {
        state.calls += 1;
        if (state.fail) throw state.fail;
        yield { type: "done" };
      },
      check: async () => ({ ok: true, detail: "" }),
      close: async () => undefined,
    };
    const guarded = withBreaker(agent, () => state.nowMs);
    const turn = async () => codeOf(await collect(guarded.invoke(turnRequest(), turnIo())));
    return { state, turn, guarded };
  }

  it("opens after five failures in a row, for thirty seconds, then lets one turn try", async () => {
    const { state, turn, guarded } = breaker();
    for (let count = 0; count < BREAKER_FAILURES; count += 1) await turn();
    const { error } = await collect(guarded.invoke(turnRequest(), turnIo()));
    expect(error instanceof ParleyError && error.retryAfterMs).toBe(BREAKER_OPEN_MS);
    expect(state.calls).toBe(BREAKER_FAILURES);
    state.nowMs += BREAKER_OPEN_MS;
    expect(await turn()).toBe("AGENT_UNAVAILABLE");
    expect(await turn()).toBe("AGENT_UNAVAILABLE");
    expect(state.calls).toBe(BREAKER_FAILURES + 1);
    state.nowMs += BREAKER_OPEN_MS;
    state.fail = undefined;
    expect([await turn(), await turn()]).toEqual([undefined, undefined]);
  });

  it("counts neither old failures nor those with a success between", async () => {
    const { state, turn } = breaker();
    for (let count = 0; count < 3 * BREAKER_FAILURES; count += 1) {
      await turn();
      state.nowMs += 20_000;
    }
    state.nowMs += 60_000;
    for (let count = 0; count < 2 * BREAKER_FAILURES; count += 1) {
      state.fail = count % 4 === 3 ? undefined : new ParleyError("AGENT_TIMEOUT");
      await turn();
    }
    expect(state.calls).toBe(5 * BREAKER_FAILURES);
  });

  it.each(["TURN_CANCELLED", "AGENT_REFUSED", "AGENT_NOT_CONFIGURED", "AGENT_REPLY_INVALID"] as const)(
    "does not count %s",
    async (code) => {
      const { state, turn } = breaker();
      state.fail = new ParleyError(code);
      for (let count = 0; count < 2 * BREAKER_FAILURES; count += 1) await turn();
      expect(state.calls).toBe(2 * BREAKER_FAILURES);
    },
  );
});

describe("Retry-After", () => {
  const nowMs = Date.parse("2026-11-21T10:00:00Z");

  it.each([
    ["0", 0],
    ["120", 120_000],
    [" 5 ", 5_000],
    ["Sat, 21 Nov 2026 10:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 0],
    ["86400", 3_600_000],
    ["-5", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["2026", 2_026_000],
    ["", undefined],
    [undefined, undefined],
  ])("%j means %j ms", (header, expected) => {
    expect(parseRetryAfterMs(header, nowMs)).toBe(expected);
  });
});
