import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_POLICIES } from "../../../src/access/policy-book.ts";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import type { DirectoryAgent } from "../../../src/pipeline/directory.ts";
import { decide, type RoutableEnvelope, type RouteFacts } from "../../../src/pipeline/route/decide.ts";
import { checkLoop, DEFAULT_LOOP_LIMITS } from "../../../src/pipeline/route/loop-guard.ts";

function agent(handle: string, change: Partial<AgentDefinition> = {}): DirectoryAgent {
  const definition = { ...AgentDefinition.parse({ handle, name: handle, connector: { kind: "function" } }), ...change };
  const row = {
    id: `a_${handle}`,
    organizationId: "main",
    definition,
    secrets: null,
    color: "#000000",
    source: "config",
    status: "active",
    revision: 1,
    failingSince: null,
    statusReason: null,
    statusSince: null,
  } as const;
  return {
    agentId: row.id,
    organizationId: "main",
    handle,
    status: "active",
    definition,
    subscriptions: definition.subscriptions.map(({ pattern, channels }) => ({
      expression: new RegExp(pattern, "iu"),
      channels,
    })),
    identity: { agentId: row.id, handle, name: handle, color: "#000000" },
    row,
  };
}

interface Said {
  readonly mentions?: { agents?: string[]; bot?: boolean };
  readonly sender?: { kind: "human" | "agent" | "bot" | "external_guest"; agent?: string };
  readonly channel?: { kind?: "public" | "private" | "direct"; agents?: string[] };
}

function said(what: Said = {}): RoutableEnvelope {
  return Envelope.parse({
    version: 1,
    kind: "message_created",
    organizationId: "main",
    installationId: "i1",
    platform: "slack",
    conversation: { space: { id: "T1" }, channel: { id: "C1", kind: "public", ...what.channel } },
    sender: { id: "u1", kind: "human", memberClass: "member", ...what.sender },
    occurredAt: "2026-11-21T12:00:00.000Z",
    platformOrder: "1",
    dedupeKey: "k",
    orderingKey: "o",
    traceId: "0".repeat(32),
    body: { messageId: "m1", content: [], mentions: what.mentions ?? {} },
  }) as RoutableEnvelope; // the kind is given above
}

function facts(change: Partial<RouteFacts> = {}): RouteFacts {
  return {
    text: "hello",
    decided: false,
    policies: NO_POLICIES,
    archived: false,
    takenOver: false,
    identityInChannel: true,
    participants: new Set(),
    targetAgent: undefined,
    defaultAgent: "a_guide",
    loop: () => ({ hopCount: 0, pairTurns: 0, rootTurns: 0 }),
    limits: DEFAULT_LOOP_LIMITS,
    ...change,
  };
}

const ruleOf = (envelope: RoutableEnvelope, who: DirectoryAgent, change: Partial<RouteFacts> = {}): string => {
  const decision = decide(envelope, who, facts(change));
  return `${decision.verdict}:${decision.rule}`;
};

describe("who gets a turn", () => {
  const guide = agent("guide");
  const other = agent("other");

  it.each([
    ["turn:mention", said({ mentions: { agents: ["guide"] } }), {}],
    ["no:not_addressed", said({ mentions: { agents: ["other"] } }), { participants: new Set(["a_guide"]) }],
    ["turn:mention", said({ mentions: { bot: true } }), {}],
    ["turn:thread_participant", said(), { participants: new Set(["a_guide"]) }],
    ["turn:reply_to_agent", said(), { targetAgent: "a_guide" }],
    ["no:not_addressed", said(), { targetAgent: "a_other", participants: new Set(["a_guide"]) }],
    ["turn:direct_message", said({ channel: { kind: "direct" } }), {}],
    ["turn:direct_message", said({ channel: { kind: "direct", agents: ["guide"] } }), { defaultAgent: "a_other" }],
    ["no:not_addressed", said({ channel: { kind: "private", agents: ["guide"] } }), {}],
    ["no:not_addressed", said(), {}],
    ["no:channel_archived", said({ mentions: { agents: ["guide"] } }), { archived: true }],
    ["no:identity_not_in_channel", said({ mentions: { agents: ["guide"] } }), { identityInChannel: false }],
    ["no:own_message", said({ sender: { kind: "agent", agent: "guide" }, mentions: { agents: ["guide"] } }), {}],
    ["no:machines_only_by_mention", said({ sender: { kind: "bot" } }), { participants: new Set(["a_guide"]) }],
    ["turn:mention", said({ sender: { kind: "agent", agent: "other" }, mentions: { agents: ["guide"] } }), {}],
    [
      "no:hop_limit",
      said({ mentions: { agents: ["guide"] } }),
      { loop: () => ({ hopCount: 5, pairTurns: 0, rootTurns: 0 }) },
    ],
    [
      "no:pair_budget",
      said({ mentions: { agents: ["guide"] } }),
      { loop: () => ({ hopCount: 1, pairTurns: 6, rootTurns: 0 }) },
    ],
    [
      "no:turn_budget",
      said({ mentions: { agents: ["guide"] } }),
      { loop: () => ({ hopCount: 1, pairTurns: 0, rootTurns: 16 }) },
    ],
  ] as const)("decides %s", (expected, envelope, change) => {
    expect(ruleOf(envelope, guide, change)).toBe(expected);
  });

  it("never lets an agent into a direct message with another, even when it is named there", () => {
    expect(
      ruleOf(said({ channel: { kind: "direct", agents: ["guide"] }, mentions: { agents: ["other"] } }), other),
    ).toBe("no:agent_not_in_channel");
    expect(ruleOf(said({ channel: { kind: "direct", agents: [] }, mentions: { agents: ["guide"] } }), guide)).toBe(
      "no:agent_not_in_channel",
    );
  });

  it("leaves a paused agent out", () => {
    expect(ruleOf(said({ mentions: { agents: ["guide"] } }), { ...guide, status: "paused" })).toBe("no:agent_paused");
  });

  it("hears a subscription where it holds, and only there", () => {
    const watcher = agent("watcher", { subscriptions: [{ pattern: "deploy failed", channels: ["C1"] }] });
    expect(ruleOf(said(), watcher, { text: "the Deploy failed" })).toBe("turn:subscription");
    expect(ruleOf(said(), watcher, { text: "all is well" })).toBe("no:not_addressed");
    expect(ruleOf(said({ sender: { kind: "bot" } }), watcher, { text: "deploy failed" })).toBe(
      "no:machines_only_by_mention",
    );
  });

  it("gives no turn past any bound of the loop guard, whatever the other counts are", () => {
    const count = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(count, count, count, (hopCount, pairTurns, rootTurns) => {
        const within =
          hopCount <= DEFAULT_LOOP_LIMITS.maxHops &&
          pairTurns < DEFAULT_LOOP_LIMITS.maxPairTurns &&
          rootTurns < DEFAULT_LOOP_LIMITS.turnBudget;
        expect(checkLoop({ hopCount, pairTurns, rootTurns }, DEFAULT_LOOP_LIMITS) === undefined).toBe(within);
      }),
    );
  });
});
