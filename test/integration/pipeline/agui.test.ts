import { EventType } from "@ag-ui/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { AguiAgent, type AguiBehaviour, type AguiCall } from "../../support/agents/agui-agent.ts";
import { calls, runOf, says } from "../../support/agents/agui-events.ts";
import { said, streamOf } from "../../support/agents/n8n-chat.ts";
import { WebhookAgent } from "../../support/agents/webhook-agent.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Agents of other makes in a whole Parley: a run that is interrupted and resumed, a workflow of n8n, and a hook that answers later. */
let parley: SlackApp;
let graph: AguiAgent;
let flow: WebhookAgent;
let hook: WebhookAgent;

beforeAll(async () => {
  graph = await AguiAgent.start(mail);
  flow = await WebhookAgent.start(() => streamOf(said(["From ", "the flow."])));
  hook = await WebhookAgent.start(() => ({ kind: "respond", body: '{"status":"success"}' }));
  parley = await startSlackApp([
    { handle: "graph", name: "Graph", connector: { kind: "agui", url: graph.url } },
    { handle: "flow", name: "Flow", connector: { kind: "webhook", dialect: "n8n", url: flow.url } },
    { handle: "zap", name: "Zap", connector: { kind: "webhook", dialect: "callback", url: hook.url } },
  ]);
});
afterAll(async () => {
  await parley.close();
  await Promise.all([graph.stop(), flow.stop(), hook.stop()]);
});

/** Asks before it sends, keeps a count in its state, and goes on where it was asked. */
function mail(call: AguiCall): AguiBehaviour {
  const answer = call.input.resume?.[0];
  const { count = 0 } = call.input.state as { count?: number };
  if (answer !== undefined) {
    const { approved } = answer.payload as { approved: boolean };
    return { kind: "run", events: runOf(call, says("m2", approved ? `Sent number ${count}.` : "Then not.")) };
  }
  return {
    kind: "run",
    events: runOf(
      call,
      [
        { type: EventType.STATE_SNAPSHOT, snapshot: { count: count + 1 } },
        ...says("m1", "I would send this."),
        ...calls("tc-1", "sendEmail", '{"to":"a@b.example"}'),
      ],
      {
        outcome: {
          type: "interrupt",
          interrupts: [{ id: "int-1", reason: "tool_call", message: "Send it?", toolCallId: "tc-1" }],
        },
      },
    ),
  };
}

const post = (text: string): string => parley.slack.people.postAs(parley.user, parley.channel, text).ts;
const posts = (thread: string) => parley.slack.log.posts({ channel: parley.channel, thread, by: "app" });

it("asks what an AG-UI agent asks, and takes the choice back to its run, with its state", async () => {
  const thread = post(parley.ask("graph", "write to them"));
  const question = await until(() => posts(thread).find((entry) => entry.text?.includes("Send it?") === true));
  const { approvalId } = await until(async () => {
    const [row] = await parley.ledger.query<{ parts: { type: string; approvalId?: string }[] }>({
      text: "select reply->'parts' as parts from turns where reply is not null order by order_no limit 1",
    });
    return row?.parts.find((part) => part.type === "approval_request");
  });
  await parley.slack.gestures.clickButton(
    parley.user,
    { channel: parley.channel, ts: question.ts ?? "" },
    approvalActionId(approvalId ?? "", 0),
  );
  await until(() => posts(thread).some((entry) => entry.text?.includes("Sent number 1.") === true));
  const [first, second] = graph.calls;
  expect(second?.input.threadId).toBe(first?.input.threadId);
  expect(second?.input.resume).toEqual([{ interruptId: "int-1", status: "resolved", payload: { approved: true } }]);
  expect(second?.input.state).toEqual({ count: 1 });
});

it("calls a question off with a message, on its message too, and takes no choice after that", async () => {
  const thread = post(parley.ask("graph", "write to others"));
  const question = await until(() => posts(thread).find((entry) => entry.text?.includes("Send it?") === true));
  const before = graph.calls.length;
  parley.slack.people.postAs(parley.user, parley.channel, parley.ask("graph", "never mind"), { threadTs: thread });
  await until(() => graph.calls.length > before);
  expect(graph.calls.at(-1)?.input.resume).toEqual([{ interruptId: "int-1", status: "cancelled" }]);
  await until(() =>
    parley.slack.log
      .ofKind("update", { channel: parley.channel })
      .some((entry) => entry.ts === question.ts && JSON.stringify(entry).includes("Called off")),
  );
  const [request] = await parley.ledger.query<{ state: string; state_reason: string; action_id: string }>({
    text: "select state, state_reason, action_id from requests order by created_at desc limit 1",
  });
  expect(request).toMatchObject({ state: "cancelled", state_reason: "called_off" });
});

it("answers with what a workflow of n8n streams", async () => {
  const thread = post(parley.ask("flow", "hello"));
  await until(() => posts(thread).some((entry) => entry.text?.includes("From the flow.") === true));
  expect(JSON.parse(flow.calls[0]?.rawBody ?? "")).toMatchObject({
    action: "sendMessage",
    chatInput: expect.stringContaining("hello"),
  });
});

it("takes the answer of a hook at the reply address, once", async () => {
  const thread = post(parley.ask("zap", "hello"));
  const call = await until(() => hook.calls[0]);
  expect(posts(thread)).toEqual([]);
  const reply = (text: string) =>
    fetch(call.body?.reply_url ?? "", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text }),
    });
  await until(
    async () => (await parley.ledger.query({ text: "select 1 from turns where state = 'waiting'" })).length === 1,
  );
  expect((await reply("From the zap.")).ok).toBe(true);
  expect((await reply("Once more.")).ok).toBe(false);
  await until(() => posts(thread).length === 1);
  expect(posts(thread)[0]?.text).toContain("From the zap.");
});
