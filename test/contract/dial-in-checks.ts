import assert from "node:assert/strict";
import { z } from "zod";
import { createSocketConnector } from "../../agents/socket/index.ts";
import type { DialInPort } from "../../src/contracts/dial-in.ts";
import { CLOSE_CODES, REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import { codeOf, collect, type Outcome, summarize, textOf } from "../support/agents/collect.ts";
import { DialInAgent, type DialInAgentOptions } from "../support/agents/dial-in-agent.ts";
import { startDialInStand } from "../support/agents/dial-in-stand.ts";
import { turnIo, turnRequest } from "../support/agents/turn-fixtures.ts";
import { until, within } from "./connector-probe.ts";

const PATIENCE_MS = 4_000;

/** What a check of the dial-in protocol has to do with. */
interface Scene {
  readonly dial: (options?: DialInAgentOptions) => Promise<DialInAgent>;
  /** A turn that this agent has been given. */
  readonly begin: (
    agent: DialInAgent,
    io?: ReturnType<typeof turnIo>,
  ) => Promise<{ turnId: string; outcome: Promise<Outcome> }>;
}

/** One rule of the dial-in protocol that is the socket connector's own; `run` throws when it is broken. */
export interface DialInCheck {
  readonly id: "resume" | "dedupe" | "gap" | "replace" | "once";
  readonly title: string;
  run(scene: Scene): Promise<void>;
}

const text = (markdown: string) => ({ type: "text_delta", markdown }) as const;

export const DIAL_IN_CHECKS: readonly DialInCheck[] = [
  {
    id: "resume",
    title: "a turn goes on over the next connection where it was",
    async run({ dial, begin }) {
      const first = await dial();
      const { turnId, outcome } = await begin(first);
      for (const piece of ["a", "b", "c"]) first.event(turnId, text(piece));
      await first.until(() => first.of("event_ack").some((ack) => ack.n === 3), PATIENCE_MS);
      first.drop();
      const second = await dial({ hello: { turns: [{ turnId, attempt: 1, sent: 4 }] } });
      assert.deepEqual(second.welcome?.turns, [{ turnId, state: "continue", received: 3 }]);
      second.send({ type: "event", turnId, attempt: 1, n: 4, event: text("d") });
      second.send({ type: "event", turnId, attempt: 1, n: 5, event: { type: "done" } });
      const ended = await within(outcome, PATIENCE_MS, "the turn did not end");
      assert.deepEqual(summarize(ended.events), ["text:abcd", "done:end"]);
      assert.deepEqual(second.of("turn_start"), []);
    },
  },
  {
    id: "dedupe",
    title: "an event that is sent again is taken once",
    async run({ dial, begin }) {
      const agent = await dial();
      const { turnId, outcome } = await begin(agent);
      for (const [n, piece] of [
        [1, "a"],
        [2, "b"],
        [1, "a"],
        [2, "b"],
        [3, "c"],
      ] as const)
        agent.send({ type: "event", turnId, attempt: 1, n, event: text(piece) });
      agent.send({ type: "event", turnId, attempt: 1, n: 4, event: { type: "done" } });
      agent.send({ type: "event", turnId, attempt: 1, n: 4, event: { type: "done" } });
      assert.equal(textOf((await within(outcome, PATIENCE_MS, "the turn did not end")).events), "abc");
    },
  },
  {
    id: "gap",
    title: "an event after a missing one is refused until the missing one has come",
    async run({ dial, begin }) {
      const agent = await dial();
      const { turnId, outcome } = await begin(agent);
      agent.send({ type: "event", turnId, attempt: 1, n: 2, event: text("b") });
      await agent.until(() => agent.of("error").some(({ code }) => code === REFUSALS.eventGap), PATIENCE_MS);
      agent.send({ type: "event", turnId, attempt: 1, n: 1, event: text("a") });
      agent.send({ type: "event", turnId, attempt: 1, n: 2, event: text("b") });
      agent.send({ type: "event", turnId, attempt: 1, n: 3, event: { type: "done" } });
      assert.equal(textOf((await within(outcome, PATIENCE_MS, "the turn did not end")).events), "ab");
    },
  },
  {
    id: "replace",
    title: "the newer of two connections wins, and the older is told",
    async run({ dial, begin }) {
      const older = await dial();
      const newer = await dial();
      assert.ok(newer.welcome !== undefined && !newer.isGone, "the newer connection was not welcome");
      const { code } = await within(older.closed, PATIENCE_MS, "the older connection stayed");
      assert.equal(code, CLOSE_CODES.replaced);
      assert.deepEqual(
        older.of("error").map((frame) => frame.code),
        [REFUSALS.replaced],
      );
      const { turnId, outcome } = await begin(newer);
      newer.event(turnId, text("mine"));
      newer.event(turnId, { type: "done" });
      const ended = await within(outcome, PATIENCE_MS, "the turn did not reach the newer connection");
      assert.equal(codeOf(ended), undefined);
      assert.equal(textOf(ended.events), "mine");
    },
  },
  {
    id: "once",
    title: "a call is carried out once, however often a drop makes the agent send it",
    async run({ dial, begin }) {
      let calls = 0;
      const execute = async (): Promise<number> => (calls += 1);
      const tool = {
        name: "count",
        description: "Counts",
        input: z.strictObject({}),
        effect: "write" as const,
        execute,
      };
      const first = await dial();
      const { turnId, outcome } = await begin(first, turnIo({ tools: [tool] }));
      const call = { type: "tool_call", turnId, callId: "c1", name: "count", input: {} } as const;
      first.send(call);
      await until(() => calls === 1, "the tool was not called");
      first.drop();
      const second = await dial({ hello: { turns: [{ turnId, attempt: 1, sent: 0 }] } });
      second.open.set(turnId, { attempt: 1, sent: 0, acknowledged: 0 });
      second.send(call);
      await second.until(() => second.of("tool_result").length > 0, PATIENCE_MS);
      assert.deepEqual(second.of("tool_result")[0], { type: "tool_result", turnId, callId: "c1", ok: true, result: 1 });
      assert.equal(calls, 1);
      second.event(turnId, { type: "done" });
      await outcome;
    },
  },
];

/** Runs one check against a hub of its own, with something between it and its sockets if wanted. */
export async function runDialInCheck(check: DialInCheck, port?: (hub: DialInPort) => DialInPort): Promise<void> {
  const stand = await startDialInStand(port === undefined ? {} : { port });
  const connector = createSocketConnector(
    { kind: "socket", resumeWithinMs: 2_000 },
    { hub: stand.hub, agentId: stand.agentId, idleTimeoutMs: 3_000 },
  );
  const agents: DialInAgent[] = [];
  try {
    await check.run({
      async dial(options = {}) {
        const agent = await DialInAgent.dial(stand.url, { token: stand.token, ...options });
        agents.push(agent);
        return agent;
      },
      async begin(agent, io = turnIo()) {
        const request = turnRequest();
        const outcome = collect(connector.invoke(request, io));
        await agent.until(() => agent.open.has(request.turnId), PATIENCE_MS);
        return { turnId: request.turnId, outcome };
      },
    });
  } finally {
    for (const agent of agents) await agent.close();
    await connector.close();
    await stand.stop();
  }
}
