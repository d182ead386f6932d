import type { createFunctionConnector } from "../../../agents/function/index.ts";
import type { createGuideAgent } from "../../../agents/guide/index.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { agentView, knownState, operationsOver } from "../../support/agents/operations-stand.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig, ReceivedTurn } from "../connector-harness.ts";
import { unevenPauses } from "./answers.ts";

/** The guide as it is built in, over a scripted Parley: what Parley does to it is what it does to the reader. */
export function guideHarness(
  createGuide: typeof createGuideAgent,
  createConnector: typeof createFunctionConnector,
): ConnectorHarness {
  return {
    name: "the guide",
    impossible: {
      defer: "it answers within its turn",
      nonsense: "it composes its parts itself",
      flood: "it answers in text alone",
      unreachable: "it is part of the process",
    },
    start: async () => startGuideRig(createGuide, createConnector),
  };
}

function startGuideRig(
  createGuide: typeof createGuideAgent,
  createConnector: typeof createFunctionConnector,
): ConnectorRig {
  const turns: ReceivedTurn[] = [];
  const running = new Set<AbortSignal>();
  const state = knownState();
  let behaviour: Behaviour = "answer";
  let words = "";
  const { connector } = createGuide({ operations: () => operationsOver(state), documents: [] });
  const run = async function* (request: TurnRequest, io: Parameters<typeof connector.run>[1]) {
    turns.push({ idempotencyKey: request.turnId, everything: JSON.stringify(request) });
    words = request.trigger.text;
    running.add(io.signal);
    const answer = connector.run(request, io);
    if (typeof answer !== "object" || !(Symbol.asyncIterator in answer)) throw new Error("the guide is a generator");
    yield* answer;
    running.delete(io.signal);
  };
  const pause = unevenPauses();
  state.before = (question) => meet(behaviour, question, words, pause);
  return {
    create: () => createConnector({ kind: "function", run }),
    behave(next) {
      behaviour = next;
      if (next === "endless")
        state.agents = Array.from({ length: 2_000 }, (_, index) =>
          agentView({ handle: `agent-${index}`, description: "x".repeat(400) }),
        );
    },
    contacts: () => turns.length,
    turns: () => turns,
    open: () => [...running].filter((signal) => !signal.aborted).length,
    sentBytes: () => 0,
    expectedAnswer: (marker) => [
      "status",
      `text:One person is in **general**:\n- ${marker}`,
      "status",
      "text:\n\nNothing waits: every accepted message has been worked off.\n- messages not routed yet: 0\n- turns: 0 running, 0 waiting\n- deliveries waiting: 0; with unknown outcome: 0\n- queue on postgres: answers, 0 jobs waiting, 2 ms",
      "status",
      "done:end",
    ],
    tools: [],
    requestFor: (marker) =>
      turnRequest({
        roster: [{ id: "u-1", kind: "human", name: marker }],
        trigger: message({
          text:
            behaviour === "endless"
              ? `which agents are there, ${marker}`
              : `who is here and how is the queue, ${marker}`,
        }),
      }),
    secrets: [],
    secretsReachAgent: false,
    stop: async () => undefined,
  };
}

/** What Parley does when the guide asks it something. */
async function meet(behaviour: Behaviour, question: string, words: string, pause: () => Promise<void>): Promise<void> {
  const isLate = question === "status";
  if (behaviour === "echo") await pause();
  if (behaviour === "hang" || (behaviour === "hang_midway" && isLate)) await new Promise<never>(() => undefined);
  if (behaviour === "crash" || (behaviour === "crash_midway" && isLate)) throw new Error("the ledger is away");
  if (behaviour === "crash_quoting") throw new Error(`cannot answer ${words}`);
}
