import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createModelConnector, ModelConfig, type ModelConfigInput } from "../../../agents/model/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import type { TurnTool } from "../../../src/contracts/turn-tool.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { codeOf, collect, type Outcome, summarize } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { ModelServer } from "../../support/models/model-server.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };

let server: ModelServer;
let connector: AgentConnector | undefined;

beforeEach(async () => {
  server = await ModelServer.start();
});
afterEach(async () => {
  await connector?.close();
  await server.stop();
});

const words: unknown[] = [];
const lookup: TurnTool = {
  name: "lookup",
  description: "Looks a word up",
  input: z.strictObject({ word: z.string() }),
  execute: async (input) => {
    words.push(input);
    return "found";
  },
};

/** One turn whose model answers with these streams, one after the other. */
async function replay(
  names: readonly string[],
  pieceBytes: number,
  config: Partial<ModelConfigInput> = {},
): Promise<Outcome> {
  words.length = 0;
  let next = 0;
  server.behave = () => ({ kind: "recorded", name: names[Math.min(next++, names.length - 1)] ?? "", pieceBytes });
  const provider = names[0]?.startsWith("anthropic") === true ? "anthropic" : "openai-compatible";
  connector = createModelConnector(
    ModelConfig.parse({ kind: "model", provider, baseUrl: server.baseUrl, apiKey: "k", model: "m", ...config }),
    { network: LOOPBACK },
  );
  const outcome = await collect(connector.invoke(turnRequest(), turnIo({ tools: [lookup] })));
  await connector.close();
  return outcome;
}

const statuses = ({ events }: Outcome): string[] =>
  events.flatMap((event) => (event.type === "part" && event.part.type === "status" ? [event.part.text] : []));

const usageOf = ({ events }: Outcome): unknown => {
  const end = events.at(-1);
  return end?.type === "done" ? end.usage : undefined;
};

/** Whole, by odd pieces that split characters and lines, and byte by byte. */
describe.each([1_000_000, 7, 1])("a recorded stream in pieces of %i bytes", (pieceBytes) => {
  it.each([
    ["openai-text", ["text:The answer is 42.", "done:end"]],
    ["openai-length", ["text:One, two, thr", "done:limit"]],
    ["openai-refusal", ["text:I'm sorry, I can't help with that.", "done:refused"]],
    ["openai-content-filter", ["text:First you", "done:refused"]],
    ["openai-keep-alive", ["text:Still here.", "done:end"]],
    ["openai-reasoning", ["status", "text:It is 42.", "done:end"]],
    ["anthropic-text", ["text:The answer is 42.", "done:end"]],
    ["anthropic-thinking", ["status", "text:It is 42.", "done:end"]],
    ["anthropic-length", ["text:One, two, thr", "done:limit"]],
    ["anthropic-refusal", ["text:I can", "done:refused"]],
  ])("%s gives what it says", async (name, expected) => {
    const outcome = await replay([name], pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(summarize(outcome.events)).toEqual(expected);
  });

  it.each([
    ["openai-tool-calls", "openai-text", []],
    ["anthropic-tool-use", "anthropic-text", ["text:I'll look both up."]],
  ])("%s calls both tools with the arguments that came in fragments", async (name, then, before) => {
    const outcome = await replay([name, then], pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(words).toEqual([{ word: "parley" }, { word: "truce" }]);
    const lines = summarize(outcome.events);
    expect(lines.slice(0, before.length)).toEqual(before);
    expect(lines.filter((line) => line === "tool_call:lookup")).toHaveLength(2);
    expect(lines.filter((line) => line === "tool_result:lookup")).toHaveLength(2);
    expect(lines.slice(-2)).toEqual(["text:The answer is 42.", "done:end"]);
  });

  it.each([
    ["openai-error-midway", "AGENT_CRASHED"],
    ["openai-error-only", "AGENT_CRASHED"],
    ["openai-cut-off", "AGENT_CRASHED"],
    ["anthropic-overloaded", "AGENT_UNAVAILABLE"],
    ["anthropic-cut-off", "AGENT_CRASHED"],
  ])("%s is an error and no answer, in words of Parley's own", async (name, code) => {
    const outcome = await replay([name], pieceBytes);
    expect(codeOf(outcome)).toBe(code);
    expect(summarize(outcome.events)).not.toContain("done:end");
    expect(outcome.error instanceof ParleyError ? outcome.error.message : "").not.toContain("What is new");
  });
});

describe("what a model thinks", () => {
  it.each(["openai-reasoning", "anthropic-thinking"])("is hidden by default (%s)", async (name) => {
    const outcome = await replay([name], 1_000_000);
    expect(statuses(outcome)).toEqual(["Thinking"]);
    expect(JSON.stringify(outcome.events)).not.toContain("six");
  });

  it("is a passing line where that is wanted, and no part of the answer", async () => {
    server.behave = () => ({
      kind: "answer",
      moves: [
        { reasoning: "First **this**\n" },
        { wait: () => new Promise((resolve) => setTimeout(resolve, 1_100)) },
        { reasoning: "then that" },
        { text: "So." },
      ],
    });
    connector = createModelConnector(
      ModelConfig.parse({
        kind: "model",
        provider: "openai-compatible",
        baseUrl: server.baseUrl,
        model: "m",
        reasoning: "status",
      }),
      { network: LOOPBACK },
    );
    const outcome = await collect(connector.invoke(turnRequest(), turnIo()));
    expect(statuses(outcome)).toEqual(["Thinking", "then that"]);
    expect(summarize(outcome.events).slice(-2)).toEqual(["text:So.", "done:end"]);
  });
});

describe("usage and cost", () => {
  const prices = { inputPerMillionUsd: 2, outputPerMillionUsd: 10, cachedInputPerMillionUsd: 0.5 };

  it("are those that the endpoint tells, cached and reasoning tokens among them", async () => {
    expect(usageOf(await replay(["openai-text"], 1_000_000, { prices }))).toEqual({
      model: "m",
      inputTokens: 1_180,
      cachedInputTokens: 1_024,
      outputTokens: 212,
      reasoningTokens: 192,
      // 156 new at 2, 1024 cached at 0.5, 212 out at 10 millionths of a dollar each.
      costMicroUsd: 156 * 2 + 1_024 * 0.5 + 212 * 10,
    });
  });

  it("count Anthropic's cached input as input", async () => {
    expect(usageOf(await replay(["anthropic-text"], 1_000_000, { prices }))).toMatchObject({
      inputTokens: 1_180,
      cachedInputTokens: 1_024,
      outputTokens: 20,
      costMicroUsd: 156 * 2 + 1_024 * 0.5 + 20 * 10,
    });
  });

  it("are added up over the steps of a turn", async () => {
    const usage = usageOf(await replay(["openai-tool-calls", "openai-text"], 1_000_000));
    expect(usage).toMatchObject({ inputTokens: 1_042 + 1_180, outputTokens: 58 + 212 });
    expect(usage).not.toHaveProperty("costMicroUsd");
  });

  it("are told by a turn that fails after a step", async () => {
    const { error } = await replay(["openai-tool-calls", "openai-error-midway"], 1_000_000, { prices });
    expect(error).toBeInstanceOf(ParleyError);
    expect(error).toMatchObject({ facts: { inputTokens: 1_042, outputTokens: 58, costMicroUsd: 1_042 * 2 + 580 } });
  });
});
