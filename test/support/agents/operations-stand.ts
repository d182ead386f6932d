import type {
  AgentView,
  DeadLetterView,
  Explanation,
  Operations,
  SystemStatus,
} from "../../../src/contracts/operations.ts";

/** What a scripted Parley knows; the guide's tests set it up, and may make any question of it fail or hang. */
export interface KnownState {
  agents: AgentView[];
  status: SystemStatus;
  deadLetters: DeadLetterView[];
  explanations: Map<string, Explanation>;
  checks: Map<string, { ok: boolean; detail: string }>;
  /** Called before each answer; may throw or never settle. */
  before: (question: string) => Promise<void>;
  /** Questions that were asked. */
  asked: string[];
}

export function agentView(overrides: Partial<AgentView> & { readonly handle: string }): AgentView {
  return {
    agentId: `a-${overrides.handle}`,
    name: overrides.handle.charAt(0).toUpperCase() + overrides.handle.slice(1),
    description: "",
    color: "#336699",
    connectorKind: "webhook",
    source: "api",
    status: "active",
    turnMode: "queue",
    channels: ["*"],
    ...overrides,
  };
}

export function quietStatus(overrides: Partial<SystemStatus> = {}): SystemStatus {
  return {
    ledger: { ok: true, backend: "pglite", latencyMs: 1 },
    queue: { ok: true, backend: "postgres", waiting: 0, latencyMs: 2 },
    platforms: [{ platform: "web", installationId: "web", name: "Web rooms", state: "connected" }],
    work: {
      pendingEvents: 0,
      runningTurns: 0,
      queuedTurns: 0,
      pendingDeliveries: 0,
      unknownDeliveries: 0,
      openDeadLetters: 0,
      oldestOpenMs: 0,
    },
    rooms: [],
    ...overrides,
  };
}

export function knownState(overrides: Partial<KnownState> = {}): KnownState {
  return {
    agents: [],
    status: quietStatus(),
    deadLetters: [],
    explanations: new Map(),
    checks: new Map(),
    before: async () => undefined,
    asked: [],
    ...overrides,
  };
}

/** The operations port over a known state, for the agents that read it; what they do not read is refused. */
export function operationsOver(state: KnownState): Operations {
  const ask = async <T>(question: string, answer: () => T): Promise<T> => {
    state.asked.push(question);
    await state.before(question);
    return answer();
  };
  const refuse = (): never => {
    throw new Error("a reading agent must not change anything");
  };
  return {
    agents: {
      list: (organizationId) => ask(`agents.list ${organizationId}`, () => state.agents),
      check: (organizationId, handle) =>
        ask(
          `agents.check ${organizationId} ${handle}`,
          () => state.checks.get(handle) ?? { ok: true, detail: "it answers" },
        ),
      add: refuse,
      remove: refuse,
      pause: refuse,
      usage: refuse,
      rotateToken: refuse,
      revokeToken: refuse,
    },
    deadLetters: {
      list: (organizationId) => ask(`deadLetters.list ${organizationId}`, () => state.deadLetters),
      show: refuse,
      weigh: refuse,
      replay: refuse,
      discard: refuse,
    },
    switches: {
      organization: refuse,
      stopAgent: refuse,
      resumeAgent: refuse,
      stopOrganization: refuse,
      resumeOrganization: refuse,
    },
    turnAgain: refuse,
    explain: (organizationId, reference) =>
      ask(`explain ${organizationId} ${reference}`, () => state.explanations.get(reference)),
    status: () => ask("status", () => state.status),
    send: refuse,
    stop: refuse,
    acceptDeferredReply: refuse,
  };
}
