import { expect, it } from "vitest";
import { NO_POLICIES } from "../../../src/access/policy-book.ts";
import { AgentDefinition, type AgentDefinitionInput } from "../../../src/contracts/agent-definition.ts";
import { Envelope, type EnvelopeInput } from "../../../src/envelope/envelope.ts";
import type { DirectoryAgent } from "../../../src/pipeline/directory.ts";
import { decide, hears, type RoutableEnvelope, type RouteFacts } from "../../../src/pipeline/route/decide.ts";
import { DEFAULT_LOOP_LIMITS } from "../../../src/pipeline/route/loop-guard.ts";

function agent(change: Partial<AgentDefinitionInput>): DirectoryAgent {
  const definition = AgentDefinition.parse({
    handle: "guide",
    name: "Guide",
    connector: { kind: "function" },
    ...change,
  });
  return {
    agentId: "a_guide",
    organizationId: "main",
    handle: "guide",
    status: "active",
    definition,
    subscriptions: [],
    identity: { agentId: "a_guide", handle: "guide", name: "Guide", color: "#000000" },
    row: {
      id: "a_guide",
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
    },
  };
}

function happened(
  what: Pick<EnvelopeInput, "kind" | "body">,
  sender: EnvelopeInput["sender"] = { id: "u1", kind: "human", memberClass: "member" },
) {
  return Envelope.parse({
    version: 1,
    organizationId: "main",
    installationId: "i1",
    platform: "slack",
    conversation: { space: { id: "T1" }, channel: { id: "C1", kind: "public" } },
    sender,
    occurredAt: "2026-11-21T12:00:00.000Z",
    platformOrder: "1",
    dedupeKey: "k",
    orderingKey: "o",
    traceId: "0".repeat(32),
    ...what,
  }) as RoutableEnvelope; // the kinds below are all routed
}

const facts = (change: Partial<RouteFacts> = {}): RouteFacts => ({
  text: "",
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
});

const JOINED = { kind: "member_joined", body: { memberId: "u2" } } as const;
const REACTED = { kind: "reaction_added", body: { messageId: "m1", reaction: "eyes" } } as const;
const FIRED = { kind: "schedule_fired", body: { scheduleId: "h_1", agentId: "a_guide", task: "say it" } } as const;
const EAGER = { speaksFirst: true, on: ["member_joined"] } satisfies Partial<AgentDefinitionInput>;

it.each([
  ["turn:subscription", EAGER, happened(JOINED), {}],
  ["no:not_addressed", EAGER, happened(REACTED), {}],
  ["no:not_addressed", { on: ["member_joined"] } as const, happened(JOINED), {}],
  ["no:not_addressed", { speaksFirst: true }, happened(JOINED), {}],
  ["no:agent_not_in_channel", { ...EAGER, channels: ["elsewhere"] }, happened(JOINED), {}],
  ["no:machines_only_by_mention", EAGER, happened(JOINED, { id: "b1", kind: "bot" }), {}],
  ["no:already_at_work", EAGER, happened(JOINED), { atWork: () => true }],
  ["no:taken_over", EAGER, happened(JOINED), { takenOver: true }],
  ["no:channel_archived", EAGER, happened(JOINED), { archived: true }],
  ["turn:schedule", { speaksFirst: true }, happened(FIRED), {}],
  ["no:not_addressed", {}, happened(FIRED), {}],
  ["no:not_addressed", { speaksFirst: true }, happened({ ...FIRED, body: { ...FIRED.body, agentId: "a_other" } }), {}],
  ["no:identity_not_in_channel", { speaksFirst: true }, happened(FIRED), { identityInChannel: false }],
] as const)("decides %s", (expected, change, envelope, given) => {
  const { verdict, rule } = decide(envelope, agent(change as Partial<AgentDefinitionInput>), facts(given));
  expect(`${verdict}:${rule}`).toBe(expected);
});

it("stores nothing to be routed for agents that listen to nothing", () => {
  expect(hears(happened(JOINED), agent(EAGER))).toBe(true);
  expect(hears(happened(JOINED), agent({ on: ["member_joined"] }))).toBe(false);
  expect(hears(happened(FIRED), agent(EAGER))).toBe(false);
});
