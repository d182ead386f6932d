import type { createSocketConnector } from "../../../agents/socket/index.ts";
import { DialInAgent, type TurnStart } from "../../support/agents/dial-in-agent.ts";
import { startDialInStand } from "../../support/agents/dial-in-stand.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig, ReceivedTurn } from "../connector-harness.ts";
import { GOOD_EVENTS, GOOD_SUMMARY, LOOKUP_TOOL, pieces, unevenPauses } from "./answers.ts";

const NEVER_AT_REST = 1_000_000;

/** A socket connector with a real WebSocket server, and a bare agent that has dialled in to it. */
export function socketHarness(create: typeof createSocketConnector): ConnectorHarness {
  return {
    name: "the socket connector",
    impossible: { defer: "an agent that dials in keeps its turn open for as long as it works" },
    start: () => startSocketRig(create),
  };
}

async function startSocketRig(create: typeof createSocketConnector): Promise<ConnectorRig> {
  const stand = await startDialInStand();
  const received: ReceivedTurn[] = [];
  let behaviour: Behaviour = "answer";
  const agent = await DialInAgent.dial(stand.url, {
    token: stand.token,
    onTurn: async (start, on) => {
      received.push({ idempotencyKey: start.turn.turnId, everything: JSON.stringify([on.welcome, start]) });
      on.accept(start);
      await play(behaviour, start, on, stand.token);
    },
  });
  return {
    create: () =>
      create(
        { kind: "socket", resumeWithinMs: 1_000 },
        { hub: stand.hub, agentId: stand.agentId, idleTimeoutMs: 3_000 },
      ),
    async behave(next) {
      behaviour = next;
      if (next === "unreachable") await agent.close();
    },
    contacts: () => agent.of("turn_start").length,
    turns: () => received,
    open: () => agent.open.size,
    sentBytes: () => agent.sentBytes,
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [stand.token],
    secretsReachAgent: false,
    async stop() {
      await agent.close();
      await stand.stop();
    },
  };
}

async function play(behaviour: Behaviour, start: TurnStart, agent: DialInAgent, secret: string): Promise<void> {
  const { turnId, trigger } = start.turn;
  const say = (event: unknown): boolean => agent.event(turnId, event);
  const text = (markdown: string): unknown => ({ type: "text_delta", markdown });
  switch (behaviour) {
    case "answer":
      for (const event of GOOD_EVENTS) say(event);
      return;
    case "echo": {
      const pause = unevenPauses();
      for (const piece of pieces(trigger.text)) {
        await pause();
        say(text(piece));
      }
      say({ type: "done" });
      return;
    }
    case "hang_midway":
      say(text("Half of"));
      return;
    case "crash":
      say({ type: "done", stopReason: "failed" });
      return;
    case "crash_midway":
      say(text("Half of"));
      say({ type: "done", stopReason: "failed" });
      return;
    case "crash_quoting":
      agent.raw(JSON.stringify({ type: trigger.text, turnId, [trigger.text]: secret }));
      say({ type: "done", stopReason: "failed", [trigger.text]: secret });
      return;
    case "nonsense":
      say({ type: trigger.text, [trigger.text]: secret });
      return;
    case "endless":
      for (let count = 0; count < NEVER_AT_REST; count += 1)
        if (!(await agent.eventInWindow(turnId, text("x".repeat(1_000))))) return;
      return;
    case "flood":
      for (let count = 0; count < 100_000; count += 1)
        if (!(await agent.eventInWindow(turnId, { type: "part", part: { type: "text", markdown: "x" } }))) return;
      return;
    case "defer":
    case "hang":
    case "unreachable":
      return;
  }
}
