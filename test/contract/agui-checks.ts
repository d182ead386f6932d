import assert from "node:assert/strict";
import { EventType } from "@ag-ui/core";
import { AguiConfig, type createAguiConnector } from "../../agents/agui/index.ts";
import type { ActionTaken, ConnectorEvent, TurnRequest } from "../../src/contracts/connector.ts";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import { AguiAgent, type AguiCall, type AguiServerEvent } from "../support/agents/agui-agent.ts";
import { calls, runOf, says } from "../support/agents/agui-events.ts";
import { collect, textOf } from "../support/agents/collect.ts";
import { memorySession } from "../support/agents/memory-session.ts";
import { message, turnIo, turnRequest } from "../support/agents/turn-fixtures.ts";

type Create = typeof createAguiConnector;

/** A rule that is the AG-UI connector's own, with a real server behind it. */
export interface AguiCheck {
  readonly id: string;
  readonly title: string;
  run(conversation: Conversation): Promise<void>;
}

/** One conversation with an AG-UI agent: what it remembers lasts from turn to turn. */
export interface Conversation {
  readonly agent: AguiAgent;
  /** Says what the server does with the runs that follow, in their order. */
  readonly serve: (...runs: ((call: AguiCall) => AguiServerEvent[])[]) => void;
  readonly say: (text: string) => Promise<readonly ConnectorEvent[]>;
  readonly act: (action: Partial<ActionTaken> & { readonly actionId: string }) => Promise<readonly ConnectorEvent[]>;
}

export async function inConversation(
  create: Create,
  use: (conversation: Conversation) => Promise<void>,
): Promise<void> {
  const agent = await AguiAgent.start();
  const config = AguiConfig.parse({ kind: "agui", url: agent.url });
  const connector = create(config, { network: { allowPrivateAddresses: true, allowedCidrs: [] } });
  const session = memorySession();
  const take = async (request: TurnRequest): Promise<readonly ConnectorEvent[]> => {
    const outcome = await collect(connector.invoke(request, { ...turnIo(), session }));
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.events;
  };
  try {
    await use({
      agent,
      serve(...runs) {
        const before = agent.calls.length;
        agent.behave = (call) => ({
          kind: "run",
          events: runs[agent.calls.length - 1 - before]?.(call) ?? runOf(call, []),
        });
      },
      say: (text) => take(turnRequest({ trigger: message({ text }) })),
      act: (action) =>
        take(
          turnRequest({ reason: "action", trigger: message({ text: "a choice", action: { fields: {}, ...action } }) }),
        ),
    });
  } finally {
    await connector.close();
    await agent.stop();
  }
}

/** What people are asked at the end of a turn. */
export function questionsIn(
  events: readonly ConnectorEvent[],
): Extract<ReplyPartInput, { type: "approval_request" | "input_request" }>[] {
  return events.flatMap((event) =>
    event.type === "part" && (event.part.type === "approval_request" || event.part.type === "input_request")
      ? [event.part]
      : [],
  );
}

const SEND = calls("tc-1", "sendEmail", '{"to":"a@b.example"}');
const interrupt = (id: string, more: object = {}) => ({
  id,
  reason: "tool_call",
  message: "Send it?",
  toolCallId: "tc-1",
  ...more,
});
const outcome = (...interrupts: object[]) => ({ outcome: { type: "interrupt", interrupts } });
const legacy = (value: unknown): AguiServerEvent => ({
  type: EventType.CUSTOM,
  name: "on_interrupt",
  value: typeof value === "string" ? value : JSON.stringify(value),
  rawEvent: { id: "lg-1", value },
});
const thanks = (call: AguiCall): AguiServerEvent[] =>
  runOf(call, [
    { type: EventType.TOOL_CALL_RESULT, messageId: "r", toolCallId: "tc-1", content: "sent" },
    ...says("m2", "Sent."),
  ]);

function onlyQuestion(events: readonly ConnectorEvent[]): ReturnType<typeof questionsIn>[number] {
  const [question, ...others] = questionsIn(events);
  assert.ok(question !== undefined && others.length === 0, `${others.length + 1} questions instead of one`);
  assert.equal(events.filter((event) => event.type === "done").length, 1, "the turn has not one end");
  return question;
}

function actionIdOf(question: ReturnType<typeof questionsIn>[number]): string {
  return question.type === "approval_request" ? question.approvalId : question.inputId;
}

function commandOf(call: AguiCall | undefined): unknown {
  const props = call?.input.forwardedProps as { command: { resume: unknown } } | undefined; // what was sent is what is looked at
  return props?.command.resume;
}

export const AGUI_CHECKS: readonly AguiCheck[] = [
  {
    id: "AGUI-INT-01",
    title: "an interrupt of the structured style is asked once, with what it is about, and answered by resume[]",
    async run({ serve, say, act, agent }) {
      serve((call) => runOf(call, [...says("m1", "I will."), ...SEND], outcome(interrupt("int-1"))), thanks);
      const question = onlyQuestion(await say("Write to them"));
      assert.equal(question.type, "approval_request");
      assert.match(JSON.stringify(question), /Send it\?.*sendEmail.*a@b\.example/);
      const after = await act({ actionId: actionIdOf(question), value: "approve" });
      const { resume, messages, forwardedProps } = agent.calls[1]?.input ?? {};
      assert.deepEqual(resume, [{ interruptId: "int-1", status: "resolved", payload: { approved: true } }]);
      assert.deepEqual(forwardedProps, {});
      const made = messages?.at(-1);
      assert.ok(
        made?.role === "assistant" && made.toolCalls?.[0]?.id === "tc-1",
        "the call that waits is not among the messages",
      );
      assert.match(JSON.stringify(after), /"tool_result".*"sendEmail"/);
      assert.equal(textOf(after), "Sent.");
    },
  },
  {
    id: "AGUI-INT-01",
    title: "who denies has answered too",
    async run({ serve, say, act, agent }) {
      serve((call) => runOf(call, SEND, outcome(interrupt("int-1"))), thanks);
      await act({ actionId: actionIdOf(onlyQuestion(await say("Write"))), value: "deny" });
      assert.deepEqual(agent.calls[1]?.input.resume, [
        { interruptId: "int-1", status: "resolved", payload: { approved: false } },
      ]);
    },
  },
  {
    id: "AGUI-INT-02",
    title: "an interrupt of LangGraph's legacy style is asked once, and answered by the command",
    async run({ serve, say, act, agent }) {
      serve(
        (call) => runOf(call, [legacy("Which city?")]),
        (call) => runOf(call, says("m", "Sunny.")),
      );
      const question = onlyQuestion(await say("The weather?"));
      assert.ok(question.type === "input_request" && question.prompt.includes("Which city?"));
      assert.equal(textOf(await act({ actionId: question.inputId, fields: { answer: "Bern" } })), "Sunny.");
      assert.equal(agent.calls[1]?.input.resume, undefined);
      assert.equal(commandOf(agent.calls[1]), "Bern");
    },
  },
  {
    id: "AGUI-INT-02",
    title: "LangChain's request for decisions shows every call, and gets a decision for each",
    async run({ serve, say, act, agent }) {
      const requests = [
        { name: "rm", args: { path: "/a" } },
        { name: "mv", args: { path: "/b" } },
      ];
      serve((call) => runOf(call, [legacy({ action_requests: requests, review_configs: [] })]), thanks);
      const question = onlyQuestion(await say("Clean up"));
      assert.match(JSON.stringify(question), /rm\(.*\/a.*mv\(.*\/b/);
      await act({ actionId: actionIdOf(question), value: "approve" });
      assert.deepEqual(commandOf(agent.calls[1]), { decisions: [{ type: "approve" }, { type: "approve" }] });
    },
  },
  {
    id: "AGUI-INT-03",
    title:
      "a tool call without a result at the end of the run is asked once, and answered by a tool message after its call",
    async run({ serve, say, act, agent }) {
      const args = JSON.stringify({
        originalFunctionCall: { name: "pay" },
        toolConfirmation: { hint: "Pay 5?", confirmed: false },
      });
      serve((call) => runOf(call, calls("adk-1", "adk_request_confirmation", args)), thanks);
      const question = onlyQuestion(await say("Pay"));
      assert.ok(question.type === "approval_request" && question.prompt.includes("Pay 5?"));
      await act({ actionId: question.approvalId, value: "approve" });
      const [made, result] = (agent.calls[1]?.input.messages ?? []).slice(-2);
      assert.ok(made?.role === "assistant" && made.toolCalls?.[0]?.id === "adk-1");
      assert.ok(result?.role === "tool" && result.toolCallId === "adk-1");
      assert.equal(result.content, JSON.stringify({ confirmed: true }));
    },
  },
  {
    id: "AGUI-INT-03",
    title: "a tool call that the agent went on from asks nobody",
    async run({ serve, say }) {
      serve((call) =>
        runOf(call, [...calls("tc-1", "lookup", "{}"), ...says("m", "Found it.")], { outcome: { type: "success" } }),
      );
      assert.deepEqual(questionsIn(await say("Look")), []);
    },
  },
  {
    id: "AGUI-INT-04",
    title: "what a server says in two styles at once is asked once, and answered in the structured one",
    async run({ serve, say, act, agent }) {
      serve((call) => runOf(call, [...SEND, legacy("Send it?")], outcome(interrupt("int-1"))), thanks);
      await act({ actionId: actionIdOf(onlyQuestion(await say("Write"))), value: "approve" });
      const { resume, forwardedProps, messages } = agent.calls[1]?.input ?? {};
      assert.deepEqual(resume, [{ interruptId: "int-1", status: "resolved", payload: { approved: true } }]);
      assert.deepEqual(forwardedProps, {});
      assert.ok(messages?.every(({ role }) => role !== "tool"));
    },
  },
  {
    id: "AGUI-INT-05",
    title: "several questions are answered by one run, once all of them are answered",
    async run({ serve, say, act, agent }) {
      const size = {
        type: "object",
        properties: { size: { type: "integer" }, kind: { enum: ["a", "b"] } },
        required: ["size"],
      };
      serve(
        (call) =>
          runOf(
            call,
            [],
            outcome(interrupt("int-1"), {
              id: "int-2",
              reason: "input_required",
              message: "How big?",
              responseSchema: size,
            }),
          ),
        thanks,
      );
      const [first, second] = questionsIn(await say("Go"));
      assert.ok(first?.type === "approval_request" && second?.type === "input_request");
      const noted = await act({ actionId: first.approvalId, value: "approve" });
      assert.match(textOf(noted), /One more question/);
      assert.equal(agent.calls.length, 1, "a run began before all was answered");
      const wrong = await act({ actionId: second.inputId, fields: { f0: "big" } });
      assert.equal(questionsIn(wrong).length, 1, "an answer that does not fit is not asked for again");
      await act({ actionId: second.inputId, fields: { f0: "7", f1: "o1" } });
      assert.deepEqual(agent.calls[1]?.input.resume, [
        { interruptId: "int-1", status: "resolved", payload: { approved: true } },
        { interruptId: "int-2", status: "resolved", payload: { size: 7, kind: "b" } },
      ]);
      assert.equal(agent.calls.length, 2);
    },
  },
  {
    id: "AGUI-INT-06",
    title:
      "a question is answered once: a second choice, one that expired and one of somebody else's question begin no run",
    async run({ serve, say, act, agent }) {
      const expiresAt = new Date(Date.now() + 60).toISOString();
      serve(
        (call) => runOf(call, SEND, outcome(interrupt("int-1"))),
        thanks,
        (call) => runOf(call, SEND, outcome(interrupt("int-2", { expiresAt }))),
      );
      const question = onlyQuestion(await say("Write"));
      await act({ actionId: actionIdOf(question), value: "approve" });
      assert.match(textOf(await act({ actionId: actionIdOf(question), value: "approve" })), /not open any more/);
      assert.match(textOf(await act({ actionId: "q_of_another", value: "approve" })), /not open any more/);
      const late = onlyQuestion(await say("Again"));
      await new Promise((resolve) => setTimeout(resolve, 80));
      assert.match(textOf(await act({ actionId: actionIdOf(late), value: "approve" })), /expired/);
      assert.equal(agent.calls.length, 3);
    },
  },
  {
    id: "AGUI-INT-07",
    title: "a message calls open questions off, and answers the one question that asks for words",
    async run({ serve, say, agent }) {
      serve(
        (call) => runOf(call, SEND, outcome(interrupt("int-1"))),
        (call) => runOf(call, [], outcome({ id: "int-2", reason: "input_required", message: "Which?" })),
      );
      await say("Write");
      await say("No, wait");
      const { resume, messages } = agent.calls[1]?.input ?? {};
      assert.deepEqual(resume, [{ interruptId: "int-1", status: "cancelled" }]);
      assert.equal(messages?.at(-1)?.role, "user");
      await say("The second one");
      assert.deepEqual(agent.calls[2]?.input.resume, [
        { interruptId: "int-2", status: "resolved", payload: "The second one" },
      ]);
    },
  },
];
