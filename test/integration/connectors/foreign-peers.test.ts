import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { A2aConfig, createA2aConnector } from "../../../agents/a2a/index.ts";
import { AguiConfig, createAguiConnector } from "../../../agents/agui/index.ts";
import { createModelConnector, ModelConfig } from "../../../agents/model/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import type { TurnTool } from "../../../src/contracts/turn-tool.ts";
import { type AimockProcess, startAimock } from "../../support/agents/aimock-process.ts";
import { codeOf, collect, type Outcome, summarize } from "../../support/agents/collect.ts";
import { memorySession } from "../../support/agents/memory-session.ts";
import { message, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const network = { allowPrivateAddresses: true, allowedCidrs: [] };
let peer: AimockProcess;

beforeAll(async () => {
  const run = (inner: readonly object[], end: object) =>
    [{ type: "RUN_STARTED", threadId: "t", runId: "r" }, ...inner, end] as never; // events as the server is to write them
  const done = { type: "RUN_FINISHED", threadId: "t", runId: "r" };
  peer = await startAimock(
    {
      host: "127.0.0.1",
      llm: { chunkSize: 3 },
      agui: {
        fixtures: [
          { match: { message: "hello" }, text: "Hello from AG-UI" },
          {
            match: { message: "think" },
            events: run(
              [
                { type: "REASONING_START", messageId: "r1" },
                { type: "REASONING_MESSAGE_START", messageId: "r1", role: "reasoning" },
                { type: "REASONING_MESSAGE_CONTENT", messageId: "r1", delta: "hidden thought" },
                { type: "REASONING_MESSAGE_END", messageId: "r1" },
                { type: "REASONING_END", messageId: "r1" },
                { type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "lookup" },
                { type: "TOOL_CALL_ARGS", toolCallId: "c1", delta: '{"word":"parley"}' },
                { type: "TOOL_CALL_END", toolCallId: "c1" },
                { type: "TOOL_CALL_RESULT", messageId: "m1", toolCallId: "c1", content: "a talk" },
                { type: "TEXT_MESSAGE_CHUNK", messageId: "m2", role: "assistant", delta: "A talk." },
              ],
              done,
            ),
          },
          { match: { message: "fail" }, events: run([], { type: "RUN_ERROR", message: "key sk-1", code: "boom" }) },
        ],
      },
      a2a: {
        agents: [
          {
            name: "Peer",
            capabilities: { streaming: false },
            messages: [{ pattern: "hello", parts: [{ text: "Hello from A2A" }] }],
            tasks: [
              {
                pattern: "report",
                artifacts: [{ artifactId: "a1", name: "report", parts: [{ text: "All is well." }] }],
              },
            ],
          },
        ],
      },
    },
    [
      {
        match: { userMessage: "define", hasToolResult: false },
        response: { toolCalls: [{ name: "lookup", arguments: { word: "parley" } }] },
      },
      { match: { hasToolResult: true }, response: { content: "A talk between enemies." } },
      { match: { userMessage: "hello" }, response: { content: "Hello from a model", reasoning: "hidden thought" } },
      {
        match: { userMessage: "fail" },
        response: { error: { message: "slow down, key sk-1", type: "rate_limit_error" }, status: 429 },
      },
    ],
  );
});
afterAll(() => peer.stop());

const words: unknown[] = [];
const lookup: TurnTool = {
  name: "lookup",
  description: "Looks a word up",
  input: z.strictObject({ word: z.string() }),
  execute: async (input) => {
    words.push(input);
    return "a talk";
  },
};

async function turn(connector: AgentConnector, text: string): Promise<Outcome> {
  words.length = 0;
  try {
    const request = turnRequest({ trigger: message({ text }) });
    return await collect(connector.invoke(request, { ...turnIo({ tools: [lookup] }), session: memorySession() }));
  } finally {
    await connector.close();
  }
}

const visible = (outcome: Outcome): string[] => summarize(outcome.events).filter((line) => line !== "status");

describe.each(["openai-compatible", "anthropic"] as const)("a model server of another make, %s", (provider) => {
  const connect = (): AgentConnector =>
    createModelConnector(
      ModelConfig.parse({ kind: "model", provider, baseUrl: `${peer.url}/v1`, apiKey: "k", model: "m" }),
      { network },
    );

  it("answers; what it thinks stays hidden", async () => {
    const outcome = await turn(connect(), "hello");
    expect(visible(outcome)).toEqual(["text:Hello from a model", "done:end"]);
    expect(JSON.stringify(outcome.events)).not.toContain("hidden thought");
  });

  it("has its tool called, gets the result and answers", async () => {
    const outcome = await turn(connect(), "define it");
    expect(words).toEqual([{ word: "parley" }]);
    expect(visible(outcome)).toEqual([
      "tool_call:lookup",
      "tool_result:lookup",
      "text:A talk between enemies.",
      "done:end",
    ]);
  });

  it("that limits its callers is an error that quotes nothing", async () => {
    const outcome = await turn(connect(), "fail now");
    expect(codeOf(outcome)).toMatch(/^AGENT_/u);
    expect(String(outcome.error)).not.toContain("sk-1");
  });
});

describe("an AG-UI server of another make", () => {
  const connect = (): AgentConnector =>
    createAguiConnector(AguiConfig.parse({ kind: "agui", url: `${peer.url}/agui` }), { network });

  it("answers, calls a tool of its own and keeps what it thinks", async () => {
    expect(visible(await turn(connect(), "hello"))).toEqual(["text:Hello from AG-UI", "done:end"]);
    const outcome = await turn(connect(), "think");
    expect(visible(outcome)).toEqual(["tool_call:lookup", "tool_result:lookup", "text:A talk.", "done:end"]);
    expect(JSON.stringify(outcome.events)).not.toContain("hidden thought");
  });

  it("that fails is an error that quotes nothing", async () => {
    const outcome = await turn(connect(), "fail");
    expect(codeOf(outcome)).toBe("AGENT_CRASHED");
    expect(String(outcome.error)).not.toContain("sk-1");
  });
});

describe("an A2A server of another make", () => {
  it.each([
    ["hello", "Hello from A2A"],
    ["report", "All is well."],
  ])("found by its card, is understood: %s", async (text, answer) => {
    const url = `${peer.url}/a2a/.well-known/agent-card.json`;
    const outcome = await turn(createA2aConnector(A2aConfig.parse({ kind: "a2a", url }), { network }), text);
    expect(outcome.error).toBeUndefined();
    expect(visible(outcome)).toEqual([`text:${answer}`, "done:end"]);
  });
});
