import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { AguiConfig, createAguiConnector } from "../../../agents/agui/index.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { AguiAgent } from "../../support/agents/agui-agent.ts";
import { codeOf, collect, type Outcome, summarize, textOf } from "../../support/agents/collect.ts";
import { memorySession } from "../../support/agents/memory-session.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { recordedRun } from "../../support/recorded-streams/recordings.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
let agent: AguiAgent;

beforeEach(async () => {
  agent = await AguiAgent.start();
});
afterEach(() => agent.stop());

async function turn(lines: readonly string[], pieceBytes: number): Promise<Outcome> {
  agent.behave = () => ({ kind: "recorded", lines, pieceBytes });
  const connector = createAguiConnector(AguiConfig.parse({ kind: "agui", url: agent.url }), { network: LOOPBACK });
  try {
    return await collect(connector.invoke(turnRequest(), { ...turnIo(), session: memorySession() }));
  } finally {
    await connector.close();
  }
}

/** Whole, and by pieces that split lines and events. */
describe.each([1_000_000, 7, 1])("a run that a real server sent, in pieces of %i bytes", (pieceBytes) => {
  it.each([
    ["agno-tool-call", "42 * 17 = 714"],
    ["pydantic-ai-tool-call", "The result of 42 × 17 is **714**."],
    ["llamaindex-tool-call", "The result of 42 * 17 is **714**."],
    ["langgraph-tool-call", "The result of 42 × 17 is **714**."],
  ])("%s: the tool call, its result and the answer once, in order", async (name, said) => {
    const outcome = await turn(await recordedRun(name), pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(summarize(outcome.events).filter((line) => line !== "status")).toEqual([
      "tool_call:calculator",
      "tool_result:calculator",
      `text:${said}`,
      "done:end",
    ]);
    const parts = outcome.events.flatMap((event) => (event.type === "part" ? [event.part] : []));
    expect(parts.find((part) => part.type === "tool_call")).toMatchObject({ name: "calculator" });
    expect(JSON.stringify(parts)).toContain("714");
  });

  it("ag2-text: characters that were written as escapes", async () => {
    const outcome = await turn(await recordedRun("ag2-text"), pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(textOf(outcome.events)).toBe("42 × 17 = 714.\n\n(Quick check: 42×10 = 420, 42×7 = 294, 420 + 294 = 714.)");
  });

  it("vercel-home-made: names that are not the protocol's are one clear error, which says which event and field", async () => {
    const outcome = await turn(await recordedRun("vercel-home-made"), pieceBytes);
    expect(codeOf(outcome)).toBe("AGENT_REPLY_INVALID");
    expect(outcome.error instanceof ParleyError ? outcome.error.detail : "").toMatch(/RUN_STARTED.*threadId/u);
  });
});

test("a result that only the snapshot tells is no question to a person, also where the run ends without words", async () => {
  const lines = await recordedRun("llamaindex-tool-call");
  const outcome = await turn(
    lines.filter((line) => !line.includes('"TEXT_MESSAGE_CHUNK"') && !line.includes('"content": "The result of')),
    1_000_000,
  );
  expect(outcome.error).toBeUndefined();
  expect(summarize(outcome.events)).toEqual(["tool_call:calculator", "tool_result:calculator", "done:end"]);
});

describe("a run that a real server sent and that breaks off", () => {
  it.each(["agno-tool-call", "pydantic-ai-tool-call", "llamaindex-tool-call", "langgraph-tool-call"])(
    "%s is never taken for a whole answer, wherever it ends",
    async (name) => {
      const lines = await recordedRun(name);
      for (let kept = 0; kept < lines.length; kept += 1) {
        const outcome = await turn(lines.slice(0, kept), 1_000_000);
        expect(codeOf(outcome), `after ${kept} events`).toMatch(/^AGENT_/u);
        expect(summarize(outcome.events)).not.toContain("done:end");
      }
    },
    60_000,
  );
});
