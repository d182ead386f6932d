import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createModelConnector, ModelConfig } from "../../../agents/model/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import type { TurnTool } from "../../../src/contracts/turn-tool.ts";
import { codeOf, collect, type Outcome, summarize } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { ModelServer } from "../../support/models/model-server.ts";
import { recordedModel } from "../../support/recorded-streams/recordings.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const WHOLE = 1_000_000;

let server: ModelServer;
let connector: AgentConnector | undefined;

beforeEach(async () => {
  server = await ModelServer.start();
});
afterEach(async () => {
  await connector?.close();
  await server.stop();
});

const asked: unknown[] = [];
const tool = (name: string, input: TurnTool["input"], answer: string): TurnTool => ({
  name,
  description: name,
  input,
  execute: async (given) => {
    asked.push(given);
    return answer;
  },
});
const TOOLS = [
  tool("get_capital", z.strictObject({ country: z.string() }), "London"),
  tool("get_temperature", z.strictObject({ city: z.string() }), "18°C"),
];

/** One turn whose model answers with these recordings, one after the other; the last one cut at so many bytes. */
async function replay(names: readonly string[], pieceBytes: number, cutAtBytes?: number): Promise<Outcome> {
  asked.length = 0;
  let next = 0;
  server.behave = () => {
    const name = names[Math.min(next, names.length - 1)] ?? "";
    next += 1;
    const isCut = cutAtBytes !== undefined && next === names.length;
    return { kind: "recorded", name: recordedModel(name), pieceBytes, ...(isCut ? { cutAtBytes } : {}) };
  };
  const provider = names[0]?.startsWith("anthropic") === true ? "anthropic" : "openai-compatible";
  const config = ModelConfig.parse({ kind: "model", provider, baseUrl: server.baseUrl, apiKey: "k", model: "m" });
  connector = createModelConnector(config, { network: LOOPBACK });
  const outcome = await collect(connector.invoke(turnRequest(), turnIo({ tools: TOOLS })));
  await connector.close();
  return outcome;
}

const usageOf = ({ events }: Outcome): unknown => {
  const end = events.at(-1);
  return end?.type === "done" ? end.usage : undefined;
};

/** The messages of the second request, which carry the answer of the tool. */
const secondMessages = (): readonly { readonly role: string; readonly content: unknown }[] =>
  server.calls[1]?.body.messages ?? [];

/** Whole, and by pieces that split lines, frames and characters. */
describe.each([WHOLE, 61, 7, 1])("what a real endpoint sent, in pieces of %i bytes", (pieceBytes) => {
  it("OpenAI: a tool call in fragments, its result sent back under its id, the answer and the usage of both", async () => {
    const outcome = await replay(["openai-capital-call", "openai-capital-answer"], pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(asked).toEqual([{ country: "UK" }]);
    expect(summarize(outcome.events)).toEqual([
      "tool_call:get_capital",
      "tool_result:get_capital",
      "text:The capital of the UK is London.",
      "done:end",
    ]);
    expect(usageOf(outcome)).toMatchObject({ inputTokens: 53 + 78, outputTokens: 15 + 9 });
    const [call, result] = secondMessages().slice(-2);
    expect(call).toMatchObject({
      role: "assistant",
      tool_calls: [
        {
          id: "call_ZR5UUuTt3pf61kjwAJIYdVMj",
          type: "function",
          function: { name: "get_capital", arguments: '{"country":"UK"}' },
        },
      ],
    });
    expect(result).toMatchObject({ role: "tool", tool_call_id: "call_ZR5UUuTt3pf61kjwAJIYdVMj" });
    expect(JSON.stringify(result)).toContain("London");
  });

  it("Anthropic: thinking that nobody sees and that goes back with its signature, a tool call, the answer", async () => {
    const outcome = await replay(["anthropic-temperature-call", "anthropic-temperature-answer"], pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(asked).toEqual([{ city: "Utrecht" }]);
    expect(summarize(outcome.events).filter((line) => line !== "status")).toEqual([
      "tool_call:get_temperature",
      "tool_result:get_temperature",
      "text:It is currently 18°C (64°F) in Utrecht. That's a pleasant, mild temperature!",
      "done:end",
    ]);
    expect(JSON.stringify(outcome.events)).not.toContain("The user wants to know");
    expect(usageOf(outcome)).toMatchObject({ inputTokens: 597 + 713, outputTokens: 101 + 26 });
    const [call, result] = secondMessages().slice(-2);
    const recorded = await readFile(recordedModel("anthropic-temperature-call"), "utf8");
    expect(call).toMatchObject({
      role: "assistant",
      content: [
        { type: "thinking", signature: /"signature":"(\w[^"]+)"/u.exec(recorded)?.[1] },
        {
          type: "tool_use",
          id: "toolu_01TUGHRCfso8VSw9ekt21nAR",
          name: "get_temperature",
          input: { city: "Utrecht" },
        },
      ],
    });
    expect(result).toMatchObject({
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "toolu_01TUGHRCfso8VSw9ekt21nAR" }],
    });
    expect(JSON.stringify(result)).toContain("18°C");
  });

  it("Azure: filters before, between and after, a choice without a delta, the usage at the end", async () => {
    const outcome = await replay(["azure-text"], pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(summarize(outcome.events)).toEqual(["text:Hello World", "done:end"]);
    expect(usageOf(outcome)).toMatchObject({ inputTokens: 15, outputTokens: 5 });
  });

  it("Groq: an error after the first word is an error, in words of Parley's own, and the reasoning stays hidden", async () => {
    const outcome = await replay(["groq-error-midway"], pieceBytes);
    expect(codeOf(outcome)).toBe("AGENT_CRASHED");
    expect(summarize(outcome.events)).not.toContain("done:end");
    expect(JSON.stringify([outcome.events, String(outcome.error)])).not.toMatch(/analysis|user says|did not call/u);
  });
});

describe("a connection that drops in the middle of what a real endpoint sent", () => {
  it.each(["openai-capital-answer", "anthropic-temperature-answer"])(
    "%s is never taken for a whole answer",
    async (name) => {
      const bytes = await readFile(recordedModel(name));
      const endsAt = bytes.indexOf(name.startsWith("openai") ? '"finish_reason":"stop"' : '"stop_reason":"end_turn"');
      const cuts = Array.from({ length: 9 }, (_, step) => 1 + Math.floor((endsAt / 9) * step));
      for (const cutAtBytes of cuts) {
        const outcome = await replay([name], 13, cutAtBytes);
        expect(codeOf(outcome), `cut at ${cutAtBytes}`).toMatch(/^AGENT_/u);
        expect(summarize(outcome.events)).not.toContain("done:end");
      }
    },
    60_000,
  );

  it("after a tool call: the tool ran once, the turn fails", async () => {
    const outcome = await replay(["openai-capital-call", "openai-capital-answer"], 17, 1_500);
    expect(codeOf(outcome)).toBe("AGENT_CRASHED");
    expect(asked).toEqual([{ country: "UK" }]);
  });
});
