import { expect, it } from "vitest";
import { NO_POLICIES, type PolicyBook } from "../../../src/access/policy-book.ts";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import type { ClaimedConversation, OpenTurn } from "../../../src/ledger/claims.ts";
import { createIdSource } from "../../../src/ledger/row-ids.ts";
import type { Directory, DirectoryAgent } from "../../../src/pipeline/directory.ts";
import type { PlanContext } from "../../../src/pipeline/route/conversation-plan.ts";
import { DEFAULT_LOOP_LIMITS } from "../../../src/pipeline/route/loop-guard.ts";
import { planConversation } from "../../../src/pipeline/route/plan.ts";

function agent(handle: string, turnMode: AgentDefinition["turnMode"]): DirectoryAgent {
  const definition = AgentDefinition.parse({ handle, name: handle, turnMode, connector: { kind: "function" } });
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
  const identity = { agentId: row.id, handle, name: handle, color: "#000000" };
  return {
    agentId: row.id,
    organizationId: "main",
    handle,
    status: "active",
    definition,
    subscriptions: [],
    identity,
    row,
  };
}

const agents = [agent("helm", "steer"), agent("mast", "steer"), agent("keel", "queue")];
const directory: Directory = {
  list: () => agents,
  get: (id) => agents.find((one) => one.agentId === id),
  byHandle: (_organization, handle) => agents.find((one) => one.handle === handle),
  longestHistory: () => 0,
  reviewRooms: () => [],
  refresh: async () => undefined,
  close: async () => undefined,
};

const policies: PolicyBook = { of: () => NO_POLICIES, refresh: async () => undefined, close: async () => undefined };

const context = (change: Partial<PlanContext> = {}): PlanContext => ({
  directory,
  policies,
  newId: createIdSource(),
  loops: { facts: () => ({ hopCount: 0, pairTurns: 0, rootTurns: 0 }), planned: () => undefined },
  limits: DEFAULT_LOOP_LIMITS,
  answerAgeMs: 60_000,
  defaultAgent: () => undefined,
  answersInThread: () => false,
  canSteer: () => true,
  reach: () => "now",
  reviewRooms: { load: async () => undefined, of: () => undefined },
  takeSlot: () => true,
  ...change,
});

function naming(id: string, names: readonly string[]): Envelope {
  return Envelope.parse({
    version: 1,
    kind: "message_created",
    organizationId: "main",
    installationId: "i1",
    platform: "slack",
    conversation: { space: { id: "T1" }, channel: { id: "C1", kind: "public" } },
    sender: { id: "u1", kind: "human", memberClass: "member" },
    occurredAt: "2026-11-21T12:00:00.000Z",
    platformOrder: id,
    dedupeKey: id,
    orderingKey: "o",
    traceId: "0".repeat(32),
    body: { messageId: id, content: [], mentions: { agents: names } },
  });
}

function claimed(envelopes: readonly Envelope[], open: readonly OpenTurn[]): ClaimedConversation {
  return {
    id: "c_1",
    organization_id: "main",
    installation_id: "i1",
    platform: "slack",
    channel_id: "C1",
    thread_id: null,
    path: {},
    lease_epoch: 1,
    rings: 1,
    routed_order: null,
    archived: null,
    identity_in_channel: null,
    events: envelopes.map((envelope) => ({
      id: `e_${envelope.dedupeKey}`,
      kind: envelope.kind,
      envelope,
      received_at: envelope.occurredAt,
      age_ms: 0,
      deleted: null,
      newer: null,
      target_agent: null,
      target_pending: null,
      target_turn: null,
      request: null,
    })),
    open_turns: open,
    participants: null,
    taken_over: false,
    next_due_at: null,
  };
}

/** A conversation in which agents of these handles are at work, where replies go into the channel itself. */
function withRunning(handles: readonly string[], envelopes: readonly Envelope[], change: Partial<PlanContext> = {}) {
  const first = planConversation(claimed([naming("0", handles)], []), [naming("0", handles)], context());
  const open = first.turns.map(
    ({ row }): OpenTurn => ({
      id: row.id,
      agent_id: row.agent,
      state: "running",
      event_id: row.event,
      conversation_id: row.conv,
      reply_conversation_id: row.reply_conv,
      trigger_message_id: null,
      restarts: 0,
      due: true,
      aside: false,
      asked: null,
    }),
  );
  return planConversation(claimed(envelopes, open), envelopes, context(change));
}

it("hands a message to the one running turn that steers", () => {
  const plan = withRunning(["helm"], [naming("1", ["helm"])]);
  expect(plan.events).toMatchObject([{ state: "steering" }]);
  expect(plan.turns).toEqual([]);
});

it("opens a turn for each agent when a message names several, at work or not", () => {
  for (const names of [
    ["helm", "mast"],
    ["helm", "keel"],
  ]) {
    const plan = withRunning(["helm", "mast"], [naming("1", names)]);
    expect(plan.turns.map((turn) => turn.agent.handle)).toEqual(names);
    expect(plan.events).toMatchObject([{ state: "routed", open_turns: 2 }]);
  }
});

it("ends an event that routing chokes on as a dead letter, and routes those around it", () => {
  const envelopes = [naming("1", ["keel"]), naming("2", ["helm"]), naming("3", ["keel"])];
  const plan = withRunning(["helm"], envelopes, {
    canSteer: () => {
      throw new Error("no such module");
    },
  });
  expect(plan.events.map((event) => `${event.id}:${event.state}`)).toEqual([
    "e_1:routed",
    "e_2:dead_lettered",
    "e_3:routed",
  ]);
  expect(plan.failed).toMatchObject([{ eventId: "e_2" }]);
  expect(plan.decisions.some((row) => row.event === "e_2")).toBe(false);
});

const stopping = (id: string): Envelope => Envelope.parse({ ...naming(id, []), kind: "session_stopped", body: {} });

it("a stop that is routed with the message before it ends that message too", () => {
  const envelopes = [naming("1", ["keel", "helm"]), stopping("2"), naming("3", ["keel"])];
  const plan = planConversation(claimed(envelopes, []), envelopes, context());
  expect(plan.events.map((event) => `${event.id}:${event.state}:${event.reason}`)).toEqual([
    "e_1:cancelled:stopped_by_person",
    "e_2:answered:stopped_2_turns",
    "e_3:routed:null",
  ]);
  expect(plan.turns.map((turn) => turn.row.event)).toEqual(["e_3"]);
  expect(plan.decisions.filter((row) => row.event === "e_1" && row.turn !== null)).toEqual([]);
});

it("of two messages that are routed together, an agent that is interrupted answers the newer", () => {
  agents.push(agent("bell", "interrupt"));
  const envelopes = [naming("1", ["bell"]), naming("2", ["bell"])];
  const plan = planConversation(claimed(envelopes, []), envelopes, context());
  agents.pop();
  expect(plan.events).toMatchObject([
    { state: "superseded", reason: "interrupted_by_newer_message" },
    { state: "routed" },
  ]);
  expect(plan.turns.map(({ row }) => [row.event, row.start])).toEqual([["e_2", true]]);
});

it("a deleted message keeps the parts of its answer that are not on their way from being sent", () => {
  const deleted = Envelope.parse({ ...naming("2", []), kind: "message_deleted", body: { messageId: "1" } });
  const [running] = planConversation(claimed([naming("1", ["keel"])], []), [naming("1", ["keel"])], context()).turns;
  const open: OpenTurn = {
    id: running?.row.id ?? "",
    agent_id: running?.row.agent ?? "",
    state: "delivering",
    event_id: "e_1",
    conversation_id: "c_1",
    reply_conversation_id: "c_1",
    trigger_message_id: "1",
    restarts: 0,
    due: true,
    aside: false,
    asked: null,
  };
  const plan = planConversation(claimed([deleted], [open]), [deleted], context());
  expect(plan.cancel).toMatchObject([{ id: open.id, state: "cancelled", reason: "trigger_deleted" }]);
});

function openTurn(change: Partial<OpenTurn>): OpenTurn {
  return {
    id: "t_1",
    agent_id: "a_keel",
    state: "running",
    event_id: "e_1",
    conversation_id: "c_1",
    reply_conversation_id: "c_1",
    trigger_message_id: "1",
    restarts: 0,
    due: true,
    aside: false,
    asked: null,
    ...change,
  };
}

it("lets what is at work finish when its question was edited too often", () => {
  const edited = Envelope.parse({
    ...naming("2", ["keel"]),
    kind: "message_edited",
    body: { messageId: "1", content: [], mentions: { agents: ["keel"] } },
  });
  const begun = openTurn({ restarts: 2 });
  const plan = planConversation(claimed([edited], [begun]), [edited], context());
  expect(plan.events).toMatchObject([{ state: "dropped", reason: "edited_too_often" }]);
  expect(plan.cancel).toEqual([]);
  const again = planConversation(claimed([edited], [openTurn({ restarts: 1 })]), [edited], context());
  expect(again.cancel).toMatchObject([{ id: "t_1", state: "superseded" }]);
  expect(again.turns).toHaveLength(1);
});

it("begins nothing anew for an edit that a newer one or a deletion has overtaken", () => {
  const edited = Envelope.parse({
    ...naming("2", ["keel"]),
    kind: "message_edited",
    body: { messageId: "1", content: [], mentions: { agents: ["keel"] } },
  });
  const withFacts = (facts: object) => {
    const conversation = claimed([edited], [openTurn({})]);
    const events = (conversation.events ?? []).map((event) => ({ ...event, ...facts }));
    return planConversation({ ...conversation, events }, [edited], context());
  };
  expect(withFacts({ newer: { content: [], text: "newer", revision: 9 } }).events).toMatchObject([
    { state: "dropped", reason: "edited_again" },
  ]);
  expect(withFacts({ deleted: true }).events).toMatchObject([{ state: "dropped", reason: "deleted_before_routing" }]);
  expect(withFacts({}).events).toMatchObject([{ state: "routed", replaces: ["t_1"] }]);
});

it("a stop on one message ends the turn that writes it, and no other", () => {
  const two = [openTurn({ id: "t_1", agent_id: "a_keel" }), openTurn({ id: "t_2", agent_id: "a_helm" })];
  const of = (turn: string | null) => {
    const [event] = claimed([stopping("2")], two).events ?? [];
    if (event === undefined) throw new Error("no event");
    const conversation = { ...claimed([stopping("2")], two), events: [{ ...event, target_turn: turn }] };
    return planConversation(conversation, [stopping("2")], context()).cancel.map(({ id }) => id);
  };
  expect(of("t_2")).toEqual(["t_2"]);
  expect(of(null)).toEqual(["t_1", "t_2"]);
  expect(of("t_gone")).toEqual([]);
});

it("a queued turn of somebody who may not ask any more does not start; the next one does", () => {
  const path = { space: { id: "T1" }, channel: { id: "C1", kind: "public" } };
  const asked = (id: string) => ({
    kind: "message_created",
    sender: { id, kind: "human", memberClass: "member" },
    path,
  });
  const queued = [
    openTurn({ id: "t_1", state: "queued", asked: asked("u1") }),
    openTurn({ id: "t_2", state: "queued", event_id: "e_2", asked: asked("u2") }),
  ];
  const rules = [
    {
      id: "r1",
      level: "organization" as const,
      installationId: "",
      placeId: "",
      subjectKind: "person" as const,
      subject: "u1",
      action: "start_agent" as const,
      effect: "deny" as const,
      source: "operator" as const,
    },
  ];
  const denying: PolicyBook = { ...policies, of: () => ({ ...NO_POLICIES, rules }) };
  const plan = planConversation(claimed([], queued), [], context({ policies: denying }));
  expect(plan.promote.map(({ turn }) => turn.id)).toEqual(["t_2"]);
  expect(plan.cancel).toMatchObject([{ id: "t_1", state: "cancelled", reason: expect.stringMatching(/^sender_/u) }]);
});
