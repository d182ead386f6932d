import { EventType } from "@ag-ui/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AguiConfig, type createAguiConnector as Create, createAguiConnector } from "../../../agents/agui/index.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { AguiAgent, type AguiBehaviour, type AguiServerEvent } from "../../support/agents/agui-agent.ts";
import { calls, runOf, says } from "../../support/agents/agui-events.ts";
import { codeOf, collect, type Outcome, summarize, textOf } from "../../support/agents/collect.ts";
import { memorySession } from "../../support/agents/memory-session.ts";
import { message, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
let agent: AguiAgent;

beforeEach(async () => {
  agent = await AguiAgent.start();
});
afterEach(() => agent.stop());

interface Given {
  readonly request?: TurnRequest;
  readonly config?: object;
  readonly options?: Parameters<typeof Create>[1];
  readonly session?: ReturnType<typeof memorySession>;
}

async function turn(
  behaviour: AguiBehaviour | ((call: AguiAgent["calls"][number]) => AguiBehaviour),
  given: Given = {},
): Promise<Outcome> {
  agent.behave = typeof behaviour === "function" ? behaviour : () => behaviour;
  const connector = createAguiConnector(AguiConfig.parse({ kind: "agui", url: agent.url, ...given.config }), {
    network: LOOPBACK,
    ...given.options,
  });
  const io = turnIo();
  try {
    return await collect(
      connector.invoke(given.request ?? turnRequest(), { ...io, session: given.session ?? memorySession() }),
    );
  } finally {
    await connector.close();
  }
}

/** A run of these events. */
const runs =
  (events: readonly AguiServerEvent[], end?: object) =>
  (call: AguiAgent["calls"][number]): AguiBehaviour => ({
    kind: "run",
    events: runOf(call, events, end),
  });

describe("the input of a run", () => {
  it("carries the turn's messages, its place and nothing else, under the conversation's thread", async () => {
    const own = message({
      messageId: "m-0",
      text: "I said this",
      sender: { id: "a-1", kind: "agent", name: "Helper", agent: "helper" },
    });
    const earlier = message({ messageId: "m-00", text: "Hi" });
    const request = turnRequest({ transcript: [earlier, own], sessionKey: "s_42", turnId: "t_7", attempt: 2 });
    await turn(runs(says("x", "ok")), { request, config: { token: "the-token" } });
    const [call] = agent.calls;
    expect(call?.headers).toMatchObject({
      authorization: "Bearer the-token",
      accept: "text/event-stream",
      "idempotency-key": "t_7",
    });
    expect(call?.input).toMatchObject({
      threadId: "s_42",
      runId: "t_7:2",
      state: {},
      tools: [],
      forwardedProps: {},
      messages: [
        { id: "m-00", role: "user", name: "Ann", content: "Ann: Hi" },
        { id: "m-0", role: "assistant", content: "I said this" },
        { id: "m-1", role: "user", name: "Ann", content: "What is new?" },
      ],
    });
    expect(call?.input).not.toHaveProperty("resume");
    expect(call?.rawBody).not.toContain("the-token");
  });

  it("leaves out what a server that keeps the thread has already", async () => {
    const own = message({
      messageId: "m-0",
      text: "I said this",
      sender: { id: "a-1", kind: "agent", name: "Helper", agent: "helper" },
    });
    const request = turnRequest({
      transcript: [message({ messageId: "m-00", text: "Hi" }), own, message({ messageId: "m-2", text: "And?" })],
    });
    await turn(runs([]), { request, config: { history: "new" } });
    expect(agent.calls[0]?.input.messages.map(({ id }) => id)).toEqual(["m-2", "m-1"]);
  });
});

describe("the events of a run", () => {
  it("are text in order however the pieces are mixed, chunks and messages of nobody included", async () => {
    const outcome = await turn(
      runs([
        { type: EventType.TEXT_MESSAGE_START, messageId: "a", role: "assistant" },
        { type: EventType.TEXT_MESSAGE_START, messageId: "b" },
        { type: EventType.TEXT_MESSAGE_CONTENT, messageId: "b", delta: "second" },
        { type: EventType.TEXT_MESSAGE_CONTENT, messageId: "a", delta: "first" },
        { type: EventType.TEXT_MESSAGE_END, messageId: "b" },
        { type: EventType.TEXT_MESSAGE_END, messageId: "a" },
        { type: EventType.TEXT_MESSAGE_CHUNK, messageId: "c", role: "assistant", delta: "thi" },
        { type: EventType.TEXT_MESSAGE_CHUNK, delta: "rd" },
        { type: EventType.TEXT_MESSAGE_START, messageId: "u", role: "user" },
        { type: EventType.TEXT_MESSAGE_CONTENT, messageId: "u", delta: "echo of the question" },
        { type: EventType.TEXT_MESSAGE_END, messageId: "u" },
      ]),
    );
    expect(summarize(outcome.events)).toEqual(["text:first\n\nsecond\n\nthird", "done:end"]);
  });

  it("show calls without the secrets in their arguments and results", async () => {
    const args = JSON.stringify({ to: "Ann", password: "hunter2hunter2" });
    const outcome = await turn(
      runs([...calls("c", "login", args, '{"token":"sk-abcdefghijklmnopqrstuvwxyz"}'), ...says("m", "In.")]),
    );
    const shown = JSON.stringify(outcome.events);
    expect(shown).toContain("Ann");
    expect(shown).not.toMatch(/hunter2|sk-abc/);
  });

  it("hide reasoning, and what is raw or unknown", async () => {
    const outcome = await turn(
      runs([
        { type: EventType.REASONING_START, messageId: "r" },
        { type: EventType.REASONING_MESSAGE_CONTENT, messageId: "r", delta: "secret thought" },
        { type: EventType.REASONING_END, messageId: "r" },
        { type: "THINKING_START", title: "old" },
        { type: "SOMETHING_NEW", x: 1 },
        { type: EventType.RAW, event: { a: 1 } },
        ...says("m", "Hello"),
      ]),
    );
    expect(summarize(outcome.events)).toEqual(["text:Hello", "done:end"]);
  });

  it("may begin twice, and say null where they say nothing, as older servers do", async () => {
    const outcome = await turn((call) => ({
      kind: "run",
      events: runOf(
        call,
        [
          { type: EventType.RUN_STARTED, threadId: call.input.threadId, runId: call.input.runId, parentRunId: null },
          {
            type: EventType.TOOL_CALL_START,
            toolCallId: "c",
            toolCallName: "look",
            parentMessageId: null,
            rawEvent: null,
          },
          { type: EventType.TOOL_CALL_ARGS, toolCallId: "c", delta: "{}" },
          { type: EventType.TOOL_CALL_END, toolCallId: "c" },
          { type: EventType.TOOL_CALL_RESULT, messageId: "r", toolCallId: "c", content: "found" },
          ...says("m", "Hello"),
        ],
        { result: null },
      ),
    }));
    expect(summarize(outcome.events)).toEqual(["tool_call:look", "tool_result:look", "text:Hello", "done:end"]);
  });

  it("end once: what follows the end is not read", async () => {
    const outcome = await turn((call) => ({
      kind: "run",
      events: [...runOf(call, says("m", "Once")), ...runOf(call, says("n", "Twice"))],
      ending: "hang",
    }));
    expect(summarize(outcome.events)).toEqual(["text:Once", "done:end"]);
  });

  it("show steps and plans, whole at the end", async () => {
    const outcome = await turn(
      runs([
        { type: EventType.STEP_STARTED, stepName: "research" },
        {
          type: EventType.ACTIVITY_SNAPSHOT,
          messageId: "p",
          activityType: "PLAN",
          content: {
            steps: [
              { title: "Read", status: "in_progress" },
              { title: "Write", status: "pending" },
            ],
          },
        },
        {
          type: EventType.ACTIVITY_DELTA,
          messageId: "p",
          activityType: "PLAN",
          patch: [
            { op: "replace", path: "/steps/0/status", value: "completed" },
            { op: "replace", path: "/steps/1/status", value: "in_progress" },
          ],
        },
        ...says("m", "Done"),
      ]),
    );
    const parts = outcome.events.flatMap((event) => (event.type === "part" ? [event.part] : []));
    expect(parts.flatMap((part) => (part.type === "status" ? [part.text] : []))).toEqual([
      "research",
      "Read (0 of 2 done)",
      "Write (1 of 2 done)",
    ]);
    expect(parts.filter((part) => part.type === "task_update")).toMatchObject([
      { title: "Read", state: "completed" },
      { title: "Write", state: "in_progress" },
    ]);
  });

  it("are answered by what a server says that streams nothing", async () => {
    const outcome = await turn((call) => ({
      kind: "run",
      events: runOf(call, [
        {
          type: EventType.MESSAGES_SNAPSHOT,
          messages: [...call.input.messages, { id: "n", role: "assistant", content: "From the snapshot" }],
        },
      ]),
    }));
    expect(textOf(outcome.events)).toBe("From the snapshot");
    expect(textOf((await turn(runs([], { result: "From the result" }))).events)).toBe("From the result");
  });

  it("carry usage, and say when somebody called the run off", async () => {
    const usage = [
      { model: "m-1", inputTokens: 10, outputTokens: 2 },
      { inputTokens: 5, outputTokens: 1 },
    ];
    const outcome = await turn(runs(says("m", "Hi"), { usage, outcome: { type: "cancelled" } }));
    expect(outcome.events.at(-1)).toEqual({
      type: "done",
      stopReason: "cancelled",
      usage: { model: "m-1", inputTokens: 15, outputTokens: 3 },
    });
  });
});

describe("the agent's own state", () => {
  it("is given back at the next run, as snapshots and patches left it, without the messages in it", async () => {
    const session = memorySession();
    await turn(
      runs([
        { type: EventType.STATE_SNAPSHOT, snapshot: { step: 1, messages: ["a copy"], list: [] } },
        {
          type: EventType.STATE_DELTA,
          delta: [
            { op: "replace", path: "/step", value: 2 },
            { op: "add", path: "/list/-", value: "x" },
          ],
        },
        ...says("m", "Hi"),
      ]),
      { session },
    );
    await turn(runs(says("m", "Hi")), { session });
    expect(agent.calls[1]?.input.state).toEqual({ step: 2, list: ["x"] });
  });

  it("is not kept where it is too large, and copies of copies do not make it grow without bound", async () => {
    const session = memorySession();
    await turn(runs([{ type: EventType.STATE_SNAPSHOT, snapshot: { text: "x".repeat(20_000) } }, ...says("m", "Hi")]), {
      session,
    });
    expect(await session.read()).toBe(undefined);
    const copies = Array.from({ length: 60 }, (_, index) => ({ op: "copy", from: "", path: `/copy${index}` }));
    const before = process.memoryUsage().heapUsed;
    const outcome = await turn(
      runs([
        { type: EventType.STATE_SNAPSHOT, snapshot: { text: "x".repeat(1_000) } },
        { type: EventType.STATE_DELTA, delta: copies },
        { type: EventType.STATE_DELTA, delta: copies },
        ...says("m", "Hi"),
      ]),
      { session },
    );
    expect(textOf(outcome.events)).toBe("Hi");
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1_048_576);
  });

  it.each([
    ["does not fit", [{ op: "remove", path: "/nothing" }]],
    ["reaches for a prototype", [{ op: "add", path: "/__proto__/polluted", value: true }]],
  ])("refuses a patch that %s", async (_what, delta) => {
    const outcome = await turn(
      runs([
        { type: EventType.STATE_SNAPSHOT, snapshot: {} },
        { type: EventType.STATE_DELTA, delta },
      ]),
    );
    expect(codeOf(outcome)).toBe("AGENT_REPLY_INVALID");
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });
});

describe("a run that goes wrong", () => {
  it.each([
    ["RUN_ERROR", undefined, "AGENT_CRASHED"],
    ["RUN_ERROR", "RUN_TIMEOUT", "AGENT_TIMEOUT"],
    ["RUN_ERROR", "content_filter", "AGENT_REFUSED"],
  ])("says %s with the code %s, which is %s", async (type, code, expected) => {
    const outcome = await turn({
      kind: "run",
      events: [{ type, message: "words of people", ...(code === undefined ? {} : { code }) }],
    });
    expect(codeOf(outcome)).toBe(expected);
    expect(String(outcome.error)).not.toContain("words of people");
  });

  it.each([
    [
      "a redirect",
      { kind: "respond", status: 307, headers: { location: "http://127.0.0.1:9/" } },
      "AGENT_REPLY_INVALID",
    ],
    [
      "a page",
      { kind: "respond", status: 200, headers: { "content-type": "text/html" }, body: "<p>" },
      "AGENT_REPLY_INVALID",
    ],
    ["being away", { kind: "respond", status: 503 }, "AGENT_UNAVAILABLE"],
    ["being gone", { kind: "respond", status: 410 }, "AGENT_REFUSED"],
    ["refused input", { kind: "respond", status: 422 }, "AGENT_REFUSED"],
    [
      "deep nesting",
      { kind: "flood", opening: `data: ${"[".repeat(10_000)}\n\n`, piece: " ", sizeBytes: 1 },
      "AGENT_REPLY_INVALID",
    ],
    [
      "a flood of values",
      { kind: "flood", opening: `data: [${"0,".repeat(100_000)}0]\n\n`, piece: " ", sizeBytes: 1 },
      "AGENT_REPLY_TOO_LARGE",
    ],
    [
      "one event without end",
      { kind: "flood", opening: 'data: {"type":"', piece: "x".repeat(1_000), sizeBytes: 1_073_741_824 },
      "AGENT_REPLY_TOO_LARGE",
    ],
    [
      "events without end that say nothing",
      {
        kind: "flood",
        opening: "",
        piece: 'data: {"type":"STEP_FINISHED","stepName":"s"}\n\n',
        sizeBytes: 1_073_741_824,
      },
      "AGENT_REPLY_TOO_LARGE",
    ],
    [
      "text in a list",
      { kind: "run", events: [{ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: ["x"] }] },
      "AGENT_REPLY_INVALID",
    ],
  ] as const)("fails clearly on %s", async (_what, behaviour, code) => {
    expect(codeOf(await turn(behaviour as AguiBehaviour))).toBe(code);
    await expect.poll(() => agent.server.openConnections).toBe(0);
  });

  it("is stopped when the server drips without saying anything", async () => {
    const outcome = await turn((call) => ({ kind: "run", events: runOf(call, []).slice(0, 1), ending: "hang" }), {
      config: { firstByteTimeoutMs: 500 },
      options: { idleTimeoutMs: 200 },
    });
    expect(codeOf(outcome)).toBe("AGENT_TIMEOUT");
    await expect.poll(() => agent.server.openConnections).toBe(0);
  });

  it("takes odd characters as they can be shown", async () => {
    const outcome = await turn(
      runs([...says("m", "a\u0000b\ud800"), ...calls("c\u0000", "look\u0007", "{}", "\ud800")]),
    );
    expect(codeOf(outcome)).toBeUndefined();
    expect(textOf(outcome.events)).toBe("a\ufffdb\ufffd");
  });

  it("is not called at a private address unless the operator allows it", async () => {
    const outcome = await turn(
      { kind: "hang" },
      { options: { network: { allowPrivateAddresses: false, allowedCidrs: [] } } },
    );
    expect(codeOf(outcome)).toBe("AGENT_NOT_CONFIGURED");
    expect(agent.server.connectionCount).toBe(0);
  });
});
