import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { createModelConnector, ModelConfig, type ModelConfigInput } from "../../../agents/model/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import type { TurnTool } from "../../../src/contracts/turn-tool.ts";
import { ALLOWED, AskedPeople, DENIED, rememberedSession } from "../../support/agents/asked-people.ts";
import { codeOf, collect, type Outcome, summarize } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { HostileMcpServer } from "../../support/mcp/hostile-server.ts";
import { ModelServer } from "../../support/models/model-server.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const IDLE_MS = 1_000;

let model: ModelServer;
let mcp: HostileMcpServer;
let people: AskedPeople;
const opened: AgentConnector[] = [];

beforeEach(async () => {
  model = await ModelServer.start();
  mcp = await HostileMcpServer.start();
  people = new AskedPeople();
  modelCalls(1);
});
afterEach(async () => {
  for (const connector of opened.splice(0)) await connector.close();
  await Promise.all([model.stop(), mcp.stop()]);
});

function connect(overrides: Partial<ModelConfigInput>): AgentConnector {
  const config = {
    kind: "model" as const,
    provider: "openai-compatible" as const,
    baseUrl: model.baseUrl,
    model: "test-model",
    ...overrides,
  };
  const connector = createModelConnector(ModelConfig.parse(config), { network: LOOPBACK, idleTimeoutMs: IDLE_MS });
  opened.push(connector);
  return connector;
}

const server = (approve?: "never" | "writes" | "always"): Partial<ModelConfigInput> => ({
  mcpServers: [{ name: "h", url: mcp.url, ...(approve !== undefined && { approve }) }],
});

/** The model makes the same call so many times, one after the other, and then answers. */
function modelCalls(times: number, name = "h__erase", input: unknown = { row: 7 }): void {
  model.behave = (call) => {
    const made = call.rawBody.split('"tool_call_id"').length - 1;
    return made < times
      ? { kind: "answer", moves: [{ toolCall: { id: `call_${made + 1}`, name, input } }] }
      : { kind: "answer", moves: [{ text: "There." }] };
  };
}

const results = ({ events }: Outcome) =>
  events.flatMap((event) => (event.type === "part" && event.part.type === "tool_result" ? [event.part] : []));

describe("a call that needs consent", () => {
  it("is made once a person has agreed to exactly it, however long that takes", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    setTimeout(() => {
      people.decide = () => ALLOWED;
      void people.ask(people.questions[0]?.part ?? never(), {
        binding: people.questions[0]?.binding,
        signal: AbortSignal.timeout(1_000),
      });
    }, IDLE_MS * 3);
    const outcome = await collect(connect(server()).invoke(turnRequest(), turnIo({ requests: people })));
    expect(outcome.error).toBeUndefined();
    expect(summarize(outcome.events)).toEqual([
      "tool_call:h__erase",
      "tool_result:h__erase",
      "text:There.",
      "done:end",
    ]);
    expect(mcp.calls).toEqual([{ name: "erase", arguments: { row: 7 } }]);
    expect(people.questions).toHaveLength(1);
    expect(people.questions[0]).toMatchObject({
      part: { type: "approval_request", prompt: "May I use the tool h__erase?", subject: expect.stringContaining("7") },
      binding: { tool: "h__erase", arguments: { row: 7 } },
    });
  });

  it("is not made when it is denied; the model is told by whom and goes on", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    people.decide = () => DENIED;
    const outcome = await collect(connect(server()).invoke(turnRequest(), turnIo({ requests: people })));
    expect(results(outcome)).toMatchObject([
      { outcome: "denied", output: expect.stringContaining("Ann denied this call") },
    ]);
    expect(summarize(outcome.events).at(-1)).toBe("done:end");
    expect(model.calls[1]?.rawBody).toContain("Ann denied this call");
    expect(mcp.calls).toEqual([]);
  });

  it.each([
    ["nobody decides in time", { state: "expired" } as const, "Nobody decided in time"],
    ["it is called off", { state: "cancelled", reason: "x" } as const, "called off"],
  ])("is not made when %s", async (_name, decision, words) => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    people.decide = () => decision;
    const outcome = await collect(connect(server()).invoke(turnRequest(), turnIo({ requests: people })));
    expect(results(outcome)).toMatchObject([{ outcome: "denied", output: expect.stringContaining(words) }]);
    expect(mcp.calls).toEqual([]);
  });

  it("is denied where nobody can be asked", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    const outcome = await collect(connect(server()).invoke(turnRequest(), turnIo()));
    expect(results(outcome)).toMatchObject([{ outcome: "denied" }]);
    expect(model.calls[1]?.rawBody).toContain("nobody can be asked here");
    expect(mcp.calls).toEqual([]);
  });

  it("is denied when its arguments are too long to be shown", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    modelCalls(1, "h__erase", { row: "7".repeat(5_000) });
    people.decide = () => ALLOWED;
    const outcome = await collect(connect(server()).invoke(turnRequest(), turnIo({ requests: people })));
    expect(results(outcome)).toMatchObject([
      { outcome: "denied", output: expect.stringContaining("too long to be shown") },
    ]);
    expect([people.questions, mcp.calls]).toEqual([[], []]);
  });

  it("needs a new answer each time, however equal it is", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    modelCalls(2);
    people.decide = (part) => (part === people.questions[0]?.part ? ALLOWED : DENIED);
    const outcome = await collect(connect(server()).invoke(turnRequest(), turnIo({ requests: people })));
    expect(results(outcome).map((part) => part.outcome)).toEqual(["ok", "denied"]);
    expect(people.questions).toHaveLength(2);
    expect(mcp.calls).toHaveLength(1);
  });

  it("ends with the turn that waits for it", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    const io = turnIo({ requests: people });
    const ended = collect(connect(server()).invoke(turnRequest(), io));
    await vi.waitFor(() => expect(people.questions).toHaveLength(1));
    io.controller.abort();
    expect(codeOf(await ended)).toBe("TURN_CANCELLED");
    expect(mcp.calls).toEqual([]);
  });
});

describe("an approval over a restart", () => {
  it("stands for a later attempt that had not begun the call", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    const request = turnRequest();
    const session = rememberedSession();
    const io = turnIo({ requests: people, session });
    const first = collect(connect(server()).invoke(request, io));
    await vi.waitFor(() => expect(people.questions).toHaveLength(1));
    io.controller.abort();
    await first;
    people.decide = () => ALLOWED;
    const second = { ...request, attempt: 2 };
    const outcome = await collect(connect(server()).invoke(second, turnIo({ requests: people, session })));
    expect(results(outcome)).toMatchObject([{ outcome: "ok" }]);
    expect(people.questions).toHaveLength(1);
    expect(mcp.calls).toHaveLength(1);
  });

  it("is used up by an attempt that had begun the call, which is not repeated but may be asked for anew", async () => {
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    people.decide = () => ALLOWED;
    const request = turnRequest();
    const session = rememberedSession();
    await collect(connect(server()).invoke(request, turnIo({ requests: people, session })));
    modelCalls(2);
    const second = { ...request, attempt: 2 };
    const outcome = await collect(connect(server()).invoke(second, turnIo({ requests: people, session })));
    expect(results(outcome).map((part) => part.outcome)).toEqual(["error", "ok"]);
    expect(people.questions).toHaveLength(2);
    expect(mcp.calls).toHaveLength(2);
    const other = await collect(connect(server()).invoke(turnRequest(), turnIo({ requests: people, session })));
    expect(results(other)[0]?.outcome).toBe("ok");
  });
});

describe("what needs consent", () => {
  const tools = [
    { name: "erase", annotations: { destructiveHint: true } },
    { name: "read", annotations: { readOnlyHint: true } },
    { name: "write", annotations: { destructiveHint: false } },
    { name: "plain" },
    { name: "both", annotations: { readOnlyHint: true, destructiveHint: true } },
  ];
  it.each([
    ["never", []],
    ["writes", ["erase", "write", "plain", "both"]],
    ["always", ["erase", "read", "write", "plain", "both"]],
    [undefined, ["erase", "write", "plain", "both"]],
  ] as const)("of a server's tools, with approve: %s", async (approve, asked) => {
    mcp.mischief = { kind: "honest", tools };
    people.decide = () => ALLOWED;
    for (const { name } of tools) {
      modelCalls(1, `h__${name}`);
      await collect(connect(server(approve)).invoke(turnRequest(), turnIo({ requests: people })));
    }
    expect(people.questions.map(({ binding }) => (binding as { tool: string }).tool)).toEqual(
      asked.map((name) => `h__${name}`),
    );
    expect(mcp.calls).toHaveLength(tools.length);
  });

  it.each([
    [undefined, []],
    ["writes", ["post"]],
    ["always", ["look", "post"]],
  ] as const)("of Parley's own tools, with approve: %s", async (approve, asked) => {
    const done: string[] = [];
    const own = (name: string, effect?: "read" | "write"): TurnTool => ({
      name,
      description: name,
      input: z.looseObject({}),
      ...(effect !== undefined && { effect }),
      execute: async () => {
        done.push(name);
        return "ok";
      },
    });
    people.decide = () => ALLOWED;
    for (const name of ["look", "post"]) {
      modelCalls(1, name);
      const io = turnIo({ requests: people, tools: [own("look"), own("post", "write")] });
      await collect(connect(approve === undefined ? {} : { approve }).invoke(turnRequest(), io));
    }
    expect(people.questions.map(({ binding }) => (binding as { tool: string }).tool)).toEqual(asked);
    expect(done).toEqual(["look", "post"]);
  });
});

describe("secrets in arguments", () => {
  it("are given to the tool and shown to nobody", async () => {
    const input = { password: "hunter2-hunter2", note: "use sk-live-0123456789abcdefghij", row: 7 };
    mcp.mischief = { kind: "honest", tools: [{ name: "erase" }] };
    modelCalls(1, "h__erase", input);
    people.decide = () => ALLOWED;
    const io = turnIo({ requests: people });
    const outcome = await collect(connect(server()).invoke(turnRequest(), io));
    expect(mcp.calls).toEqual([{ name: "erase", arguments: input }]);
    const shown = JSON.stringify([outcome.events, people.questions.map(({ part }) => part), io.logger.records]);
    expect(shown).not.toMatch(/hunter2|sk-live/);
    expect(shown).toContain("[hidden: ");
  });
});

function never(): never {
  throw new Error("nobody was asked");
}
