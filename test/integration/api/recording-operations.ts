import type {
  AgentView,
  DeadLetterView,
  Explanation,
  Operations,
  OrganizationView,
  RecordedTurn,
  ReplayVerdict,
  SystemStatus,
} from "../../../src/contracts/operations.ts";
import { turnRequest } from "../../support/agents/turn-fixtures.ts";

export const AGENT: AgentView = {
  agentId: "a-1",
  handle: "helper",
  name: "Helper",
  description: "helps",
  avatarUrl: "https://agents.example.org/a.png",
  color: "#336699",
  connectorKind: "webhook",
  source: "api",
  status: "active",
  turnMode: "queue",
  channels: ["*"],
};

export const DEAD_LETTER: DeadLetterView = {
  id: "d-1",
  stage: "invoke",
  code: "AGENT_CRASHED",
  reason: "it ended with exit code 1",
  state: "open",
  eventId: "e-1",
  turnId: "t-1",
  deliveryId: "p-1",
  conversationId: "c_0123456789abcdef01234567",
  createdAt: "2026-11-21T12:00:00.000Z",
};

export const RECORDED_TURN: RecordedTurn = {
  handle: "helper",
  state: "answered",
  request: turnRequest({ turnId: "t-1", deadlineAt: "2026-11-21T12:02:00.000Z" }),
  reply: [{ type: "text", markdown: "hi" }],
};

export const EXPLANATION: Explanation = {
  eventId: "e-1",
  kind: "message_created",
  platform: "slack",
  state: "answered",
  stateReason: "mention",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  steps: [
    {
      at: "2026-11-21T12:00:00.000Z",
      verb: "ingest",
      outcome: "stored",
      rule: "dedupe_key_is_new",
      detail: { sizeBytes: 10, list: [1, null] },
    },
    { at: "2026-11-21T12:00:00.010Z", verb: "route", agent: "helper", outcome: "turn", rule: "mention" },
  ],
  auditRecords: [{ id: 7, at: "2026-11-21T12:00:00.001Z", seal: 2, what: ["admission"] }],
};

export const STATUS: SystemStatus = {
  ledger: { ok: true, backend: "pglite", latencyMs: 0.4 },
  queue: { ok: true, backend: "postgres", waiting: 3, latencyMs: 0.6, detail: "in the ledger's database" },
  platforms: [
    {
      platform: "slack",
      installationId: "i-1",
      name: "Acme workspace",
      state: "connected",
      lastEventAt: "2026-11-21T12:00:00.000Z",
    },
    { platform: "slack", installationId: "i-2", name: "Other workspace", state: "failed", detail: "token revoked" },
    { platform: "web", installationId: "i-3", name: "Web rooms", state: "connected" },
  ],
  work: {
    pendingEvents: 1,
    runningTurns: 2,
    queuedTurns: 3,
    pendingDeliveries: 4,
    unknownDeliveries: 5,
    openDeadLetters: 6,
    oldestOpenMs: 7_000,
  },
  rooms: [
    { conversationId: "c_0123456789abcdef01234567", platform: "web", name: "general", people: 2, agents: ["helper"] },
  ],
};

export const VERDICT: ReplayVerdict = {
  id: "d-1",
  allowed: false,
  rule: "agent_stopped",
  does: "asks the agent again",
};
const ORGANIZATION: OrganizationView = { organizationId: "acme", status: "active" };
const STOPPED = { stoppedTurns: 3, cancelledDeliveries: 4 };

export interface RecordingOperations extends Operations {
  /** Every call with its arguments, in order. */
  readonly calls: [name: string, ...args: unknown[]][];
  /** What the next call of that name throws or answers instead. */
  readonly next: Map<string, () => unknown>;
}

const NO_USE = { turns: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: 0 };
export const USAGE = { handle: "helper", budgets: {}, today: NO_USE, days: [], people: [], channels: [] };

/** Stands where the pipeline's operations stand; it writes down what the API asks of them. */
export function recordingOperations(): RecordingOperations {
  const calls: RecordingOperations["calls"] = [];
  const next: RecordingOperations["next"] = new Map();
  const record = async <Result>(name: string, args: readonly unknown[], result: Result): Promise<Result> => {
    calls.push([name, ...args]);
    const instead = next.get(name);
    // The test that sets it knows what the call answers.
    return instead === undefined ? result : ((await instead()) as Result);
  };
  return {
    calls,
    next,
    agents: {
      list: (...args) => record("agents.list", args, [AGENT]),
      add: (...args) => record("agents.add", args, { agent: AGENT, secret: "whsec_shown-once" }),
      remove: (...args) => record("agents.remove", args, undefined),
      pause: (...args) => record("agents.pause", args, { ...AGENT, status: "paused" as const }),
      usage: (...args) => record("agents.usage", args, [USAGE]),
      check: (...args) => record("agents.check", args, { ok: false, detail: "connection refused" }),
      rotateToken: (...args) => record("agents.rotateToken", args, { agent: AGENT, secret: "prl_agent_shown-once" }),
      revokeToken: (...args) => record("agents.revokeToken", args, undefined),
    },
    deadLetters: {
      list: (...args) => record("deadLetters.list", args, [DEAD_LETTER]),
      show: (...args) => record("deadLetters.show", args, { ...DEAD_LETTER, raw: "{}" }),
      weigh: (...args) => record("deadLetters.weigh", args, VERDICT),
      replay: (...args) => record("deadLetters.replay", args, { ...DEAD_LETTER, state: "replayed" as const }),
      discard: (...args) => record("deadLetters.discard", args, { ...DEAD_LETTER, state: "discarded" as const }),
    },
    switches: {
      organization: (...args) => record("switches.organization", args, ORGANIZATION),
      stopAgent: (...args) =>
        record("switches.stopAgent", args, { ...STOPPED, agent: { ...AGENT, status: "stopped" as const } }),
      resumeAgent: (...args) => record("switches.resumeAgent", args, AGENT),
      stopOrganization: (...args) =>
        record("switches.stopOrganization", args, {
          ...STOPPED,
          ...ORGANIZATION,
          status: "stopped" as const,
          reason: "odd answers",
        }),
      resumeOrganization: (...args) => record("switches.resumeOrganization", args, ORGANIZATION),
    },
    turnAgain: (...args) => record<RecordedTurn>("turnAgain", args, RECORDED_TURN),
    explain: (...args) => record<Explanation | undefined>("explain", args, EXPLANATION),
    send: (...args) => record("send", args, { deliveryIds: ["p-1", "p-2"] }),
    stop: (...args) => record("stop", args, { stoppedTurns: 2 }),
    acceptDeferredReply: (...args) => record("acceptDeferredReply", args, { turnId: "t-1" }),
    status: () => record("status", [], STATUS),
  };
}
