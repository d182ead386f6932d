import type { createFunctionConnector } from "../../../agents/function/index.ts";
import type { AgentFunction, AgentYield } from "../../../agents/shared/agent-function.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig, ReceivedTurn } from "../connector-harness.ts";
import { GOOD_EVENTS, GOOD_SUMMARY, LOOKUP_TOOL, pieces, unevenPauses } from "./answers.ts";

/** A function connector with a function behind it that does what it is told. */
export function functionHarness(create: typeof createFunctionConnector): ConnectorHarness {
  return { name: "the function connector", impossible: {}, start: async () => startFunctionRig(create) };
}

function startFunctionRig(create: typeof createFunctionConnector): ConnectorRig {
  const turns: ReceivedTurn[] = [];
  const running = new Set<AbortSignal>();
  let behaviour: Behaviour = "answer";
  let sentBytes = 0;
  const run: AgentFunction = async function* (request, io) {
    turns.push({ idempotencyKey: request.turnId, everything: JSON.stringify({ request, replyUrl: io.replyUrl() }) });
    running.add(io.signal);
    for await (const piece of perform(behaviour, request)) {
      sentBytes += JSON.stringify(piece).length;
      yield piece;
    }
    running.delete(io.signal);
  };
  return {
    create: () =>
      create(
        behaviour === "unreachable" ? { kind: "function", module: "./no-such-agent.ts" } : { kind: "function", run },
      ),
    behave(next) {
      behaviour = next;
    },
    contacts: () => turns.length,
    turns: () => turns,
    // A function that hangs cannot be ended from outside; it counts as left once it was told to stop.
    open: () => [...running].filter((signal) => !signal.aborted).length,
    sentBytes: () => sentBytes,
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [],
    secretsReachAgent: false,
    stop: async () => undefined,
  };
}

const never = () => new Promise<never>(() => undefined);

async function* perform(behaviour: Behaviour, request: TurnRequest): AsyncGenerator<AgentYield> {
  switch (behaviour) {
    case "answer":
      yield* GOOD_EVENTS;
      return;
    case "echo": {
      const pause = unevenPauses();
      for (const piece of pieces(request.trigger.text)) {
        await pause();
        yield piece;
      }
      return;
    }
    case "defer":
      yield { type: "deferred", deadlineMs: Date.parse(request.deadlineAt) - Date.now() };
      return;
    case "hang":
      return never();
    case "hang_midway":
      yield "Half of";
      return never();
    case "crash":
      throw new Error("broken");
    case "crash_midway":
      yield "Half of";
      throw new Error("broken");
    case "crash_quoting":
      throw new TypeError(`cannot read "${request.trigger.text}"`, { cause: request });
    case "nonsense":
      // What a function written without types may give.
      yield { type: request.trigger.text } as unknown as AgentYield;
      return;
    case "endless":
      for (;;) yield "x".repeat(1_000);
    case "flood":
      for (let part = 0; part < 100_000; part += 1) yield { type: "text", markdown: "x" };
      return;
    case "unreachable":
      throw new Error("an agent that cannot be reached is not called");
  }
}
