import { COMMAND_ASKS } from "../../access/event-policies.ts";
import { DEFAULT_TURN_TIMEOUT_MS } from "../../contracts/agent-definition.ts";
import type { TurnReason } from "../../contracts/connector.ts";
import { conversationKey } from "../../envelope/conversation.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { ClaimedConversation, ClaimedEvent, OpenTurn } from "../../ledger/claims.ts";
import type { NewTurnRow } from "../../ledger/routing.ts";
import { conversationIdOf } from "../../ledger/row-ids.ts";
import { senderMay } from "../agent-grant.ts";
import type { DirectoryAgent } from "../directory.ts";
import { isShadowed } from "../invoke/shadow.ts";
import { isWithheldAction } from "../render/withheld-notice.ts";
import { barredAsker } from "./barred-asker.ts";
import type { ConversationPlan, PlanContext, PlannedTurn } from "./conversation-plan.ts";
import { decide, isHappening, type RoutableEnvelope, weighSender } from "./decide.ts";
import { endOpenTurns, openTurnsThat } from "./end-open-turns.ts";
import { INVITATION_COMMANDS } from "./invitation-commands.ts";
import { actorOf, rootOf } from "./loop-ledger.ts";
import { mayStart } from "./may-start.ts";
import { wantsToKnow } from "./paused-notices.ts";
import { planChoice } from "./plan-choice.ts";
import { decisionRow, eventRow, textOf } from "./plan-rows.ts";
import { leaseQuestion } from "./question-lease.ts";
import { inShadow, replyPathOf } from "./reply-place.ts";
import { SCHEDULE_COMMAND } from "./schedule-commands.ts";
import { spokenCommand, TAKEOVER_COMMANDS, takenOverBy } from "./takeover.ts";

const MAX_RESTARTS = 2;
/** How long a click waits for the message it is on, in ms; an unknown outcome is read back well within it. */
const MAX_ACTION_HOLD_MS = 60_000;
const ENDING_COMMANDS: ReadonlyMap<string, string> = new Map([
  ["stop", "stopped_by_command"],
  ["pause", "taken_over"],
]);
const ANSWERED_COMMANDS: ReadonlySet<string> = new Set([
  "stop",
  "agents",
  "help",
  SCHEDULE_COMMAND,
  ...TAKEOVER_COMMANDS,
  ...INVITATION_COMMANDS,
]);

/** Plans what one leased conversation's events, in order, come to; pure apart from the ids it draws. */
export function planConversation(
  claimed: ClaimedConversation,
  envelopes: readonly Envelope[],
  context: PlanContext,
): ConversationPlan {
  const plan: ConversationPlan = {
    claimed,
    events: [],
    decisions: [],
    turns: [],
    promote: [],
    starved: false,
    elsewhere: new Set(),
    cancel: [],
    takenOver: undefined,
    commands: [],
    withheldClicks: [],
    requestClicks: [],
    paused: [],
    suppressed: [],
    held: false,
    failed: [],
  };
  const open = new Map((claimed.open_turns ?? []).map((turn) => [turn.id, turn]));
  for (const [index, event] of (claimed.events ?? []).entries()) {
    const envelope = envelopes[index];
    if (envelope !== undefined) planGuarded(plan, event, envelope, open, context);
  }
  planPromotions(plan, open, context);
  return plan;
}

/** An event that routing chokes on ends as a dead letter by itself; all others of the round go on. */
function planGuarded(
  plan: ConversationPlan,
  event: ClaimedEvent,
  envelope: Envelope,
  open: Map<string, OpenTurn>,
  context: PlanContext,
): void {
  try {
    planEvent(plan, event, envelope, open, context);
  } catch (error) {
    for (const turn of open.values()) if (turn.planned === true && turn.event_id === event.id) open.delete(turn.id);
    plan.decisions.splice(0, plan.decisions.length, ...plan.decisions.filter((row) => row.event !== event.id));
    plan.failed.push({ eventId: event.id, error });
    plan.events.push(eventRow(event, plan, { state: "dead_lettered", reason: "routing_failed" }));
  }
}

function planEvent(
  plan: ConversationPlan,
  event: ClaimedEvent,
  envelope: Envelope,
  open: Map<string, OpenTurn>,
  context: PlanContext,
): void {
  const end = (state: string, reason: string): void => void plan.events.push(eventRow(event, plan, { state, reason }));
  if (context.unsure?.has(event.id) === true) {
    plan.held = true;
    return end("pending", "waits_for_what_its_sender_is");
  }
  switch (envelope.kind) {
    case "message_created": {
      if (event.deleted === true) return end("dropped", "deleted_before_routing");
      if (event.age_ms > context.answerAgeMs) return end("expired", "older_than_answer_age");
      const spoken = spokenCommand(envelope);
      if (spoken !== undefined) return planCommand(plan, event, envelope, spoken, open, context);
      return planTurns(plan, event, envelope, open, context);
    }
    case "message_edited": {
      if (event.deleted === true) return end("dropped", "deleted_before_routing");
      if (event.newer !== null) return end("dropped", "edited_again");
      const isItsTrigger = (turn: OpenTurn): boolean => turn.trigger_message_id === envelope.body.messageId;
      const stale = openTurnsThat(open, isItsTrigger);
      if (stale.length === 0) return end("dropped", "edit_without_open_turn");
      const restarts = Math.max(...stale.map((turn) => turn.restarts)) + 1;
      // Begun too often, what is at work finishes: the question keeps its answer, to the words it had then.
      if (restarts > MAX_RESTARTS) return end("dropped", "edited_too_often");
      const ended = endOpenTurns(plan, open, isItsTrigger, "superseded", "trigger_edited");
      return planTurns(plan, event, envelope, open, context, { restarts, replaces: ended.map((turn) => turn.id) });
    }
    case "message_deleted": {
      const isItsTrigger = (turn: OpenTurn): boolean => turn.trigger_message_id === envelope.body.messageId;
      // What is being delivered goes no further than the part that is on its way.
      for (const turn of open.values())
        if (turn.state === "delivering" && isItsTrigger(turn))
          plan.cancel.push({ id: turn.id, conv: plan.claimed.id, state: "cancelled", reason: "trigger_deleted" });
      const stopped = endOpenTurns(plan, open, isItsTrigger, "cancelled", "trigger_deleted");
      return end("dropped", stopped.length > 0 ? "trigger_of_open_turns_deleted" : "recorded");
    }
    case "session_stopped": {
      const stop = weighSender(envelope, placeOf(envelope), context.policies.of(envelope.organizationId));
      if (stop?.allowed !== true) return end("dropped", `sender_${stop?.rule ?? "asks_for_nothing"}`);
      // Of a message whose turn is not known, or of none: all of them.
      const isMeant = (turn: OpenTurn): boolean => event.target_turn === null || turn.id === event.target_turn;
      const stopped = endOpenTurns(plan, open, isMeant, "cancelled", "stopped_by_person", "planned_too");
      plan.commands.push({ envelope, stopped: stopped.length });
      return end("answered", `stopped_${stopped.length}_turns`);
    }
    case "schedule_fired":
      return planTurns(plan, event, envelope, open, context);
    case "member_joined":
    case "channel_created":
    case "reaction_added":
      // What happened long ago is no reason to begin to speak.
      if (event.age_ms > context.answerAgeMs) return end("dropped", "recorded");
      return planTurns(plan, event, envelope, open, context);
    case "command_invoked":
      if (ANSWERED_COMMANDS.has(envelope.body.command))
        return planCommand(plan, event, envelope, envelope.body.command, open, context);
      return planTurns(plan, event, envelope, open, context);
    case "action_submitted":
      // A click can be faster than the receipt of the message it is on: whose message it was is known in a moment.
      if (event.target_agent === null && event.target_pending === true && event.age_ms < MAX_ACTION_HOLD_MS) {
        plan.held = true;
        return end("pending", "waits_for_the_receipt_of_its_message");
      }
      if (isWithheldAction(envelope.body.actionId)) {
        plan.withheldClicks.push(envelope);
        return end("answered", "decision_on_a_withheld_answer");
      }
      return planChoice(plan, event, envelope) ? undefined : planTurns(plan, event, envelope, open, context);
    default:
      return end("dropped", "recorded");
  }
}

/** A command to Parley itself: no agent hears of it. */
function planCommand(
  plan: ConversationPlan,
  event: ClaimedEvent,
  envelope: Envelope,
  command: string,
  open: Map<string, OpenTurn>,
  context: PlanContext,
): void {
  const { sender, organizationId } = envelope;
  const answer = senderMay(sender, COMMAND_ASKS, placeOf(envelope), context.policies.of(organizationId));
  if (!answer.allowed)
    return void plan.events.push(eventRow(event, plan, { state: "dropped", reason: `sender_${answer.rule}` }));
  const ending = ENDING_COMMANDS.get(command);
  const stopped = ending === undefined ? [] : endOpenTurns(plan, open, () => true, "cancelled", ending, "planned_too");
  plan.takenOver = takenOverBy(command, envelope.sender.id) ?? plan.takenOver;
  plan.commands.push({ envelope, stopped: stopped.length });
  plan.events.push(eventRow(event, plan, { state: "answered", reason: `command_${command}` }));
}

function placeOf({ installationId, conversation: path }: Envelope): Parameters<typeof senderMay>[2] {
  return { installationId, path };
}

function planTurns(
  plan: ConversationPlan,
  event: ClaimedEvent,
  envelope: RoutableEnvelope,
  open: Map<string, OpenTurn>,
  context: PlanContext,
  again: { readonly restarts: number; readonly replaces?: readonly string[] } = { restarts: 0 },
): void {
  const { claimed } = plan;
  const agents = context.directory.list(claimed.organization_id);
  const text = textOf(envelope, event);
  const facts = {
    text,
    decided: event.request !== null,
    policies: context.policies.of(claimed.organization_id),
    archived: claimed.archived === true,
    takenOver: plan.takenOver === undefined ? claimed.taken_over : plan.takenOver !== "",
    identityInChannel: claimed.identity_in_channel !== false,
    participants: new Set(claimed.participants ?? []),
    targetAgent: event.target_agent ?? undefined,
    defaultAgent: context.defaultAgent(claimed.organization_id),
    loop: (agentId: string) => context.loops.facts(envelope, event.id, agentId),
    atWork: (agentId: string) => [...open.values()].some((turn) => turn.agent_id === agentId),
    limits: context.limits,
  };
  const opened: PlannedTurn[] = [];
  const steered: string[] = [];
  const late = claimed.routed_order !== null && envelope.platformOrder < claimed.routed_order;
  const decided = leaseQuestion(
    agents.map((agent) => ({
      agent,
      decision: inShadow(decide(envelope, agent, facts), envelope, agent, context),
    })),
    claimed.participants ?? [],
  );
  // An event is handed to one running turn or opens turns: whoever else is addressed with others gets a turn of its own.
  const alone = decided.filter(({ decision }) => decision.verdict === "turn").length === 1;
  for (const { agent, decision } of decided) {
    if (decision.rule === "hop_limit" || decision.rule === "pair_budget" || decision.rule === "turn_budget")
      plan.suppressed.push(decision.rule);
    const turn =
      decision.verdict === "turn"
        ? openTurn(plan, event, envelope, agent, decision.reason ?? "mention", open, context, again.restarts, alone)
        : undefined;
    if (turn?.steered !== undefined) steered.push(turn.steered);
    if (turn?.planned !== undefined) opened.push(turn.planned);
    if (decision.rule === "agent_paused" && wantsToKnow(envelope, decision, facts.decided))
      plan.paused.push({
        agent,
        envelope,
        conversationId: claimed.id,
        replyPath: replyPathOf(envelope, agent, context),
      });
    plan.decisions.push(decisionRow(event, decision, turn, late));
  }
  plan.turns.push(...opened);
  const [steeredInto] = steered;
  if (opened.length > 0)
    plan.events.push(
      eventRow(event, plan, { state: "routed", reason: null, openTurns: opened.length, replaces: again.replaces }),
    );
  else if (steeredInto !== undefined)
    plan.events.push(eventRow(event, plan, { state: "steering", reason: "steered", steered: steeredInto }));
  else {
    const paused = decided.some(({ decision }) => decision.rule === "agent_paused" && decision.reason !== undefined);
    const reason = paused ? "agent_paused" : "no_agent_addressed";
    plan.events.push(eventRow(event, plan, { state: "dropped", reason }));
  }
}

function openTurn(
  plan: ConversationPlan,
  event: ClaimedEvent,
  envelope: RoutableEnvelope,
  agent: DirectoryAgent,
  reason: TurnReason,
  open: Map<string, OpenTurn>,
  context: PlanContext,
  restarts: number,
  alone: boolean,
): { planned?: PlannedTurn; steered?: string } {
  const { claimed } = plan;
  const replyPath = replyPathOf(envelope, agent, context);
  const replyKey = conversationKey(claimed.installation_id, replyPath.channel.id, replyPath.thread?.id);
  const replyConv = conversationIdOf(replyKey);
  // In a review room come together the answers to many conversations, which have nothing to do with one another.
  const apart = agent.definition.shadow !== undefined;
  const active = [...open.values()].filter(
    (turn) =>
      turn.agent_id === agent.agentId &&
      turn.reply_conversation_id === replyConv &&
      (!apart || turn.conversation_id === claimed.id),
  );
  const running = active.find((turn) => turn.state === "running");
  if (alone && running !== undefined && agent.definition.turnMode === "steer" && context.canSteer(agent.agentId)) {
    return { steered: running.id };
  }
  if (active.length > 0 && agent.definition.turnMode === "interrupt") {
    const reason = "interrupted_by_newer_message";
    endOpenTurns(plan, open, (turn) => active.includes(turn), "superseded", reason, "planned_too");
  }
  context.loops.planned(envelope, event.id, agent.agentId);
  const free = !active.some((turn) => open.has(turn.id) && !turn.aside);
  const row: NewTurnRow = {
    id: context.newId("t"),
    org: claimed.organization_id,
    agent: agent.agentId,
    conv: claimed.id,
    reply_conv: replyConv,
    reply_thread: replyPath.thread?.id ?? null,
    reply_path: replyPath,
    event: event.id,
    trigger_message: "messageId" in envelope.body ? (envelope.body.messageId ?? null) : null,
    // Whoever asks an agent in shadow is not spoken to.
    asker: hasAsker(envelope) && !isShadowed({ replyPath, envelope }) ? envelope.sender.id : null,
    reason,
    start: free && mayStart(plan, agent.agentId, replyConv === claimed.id, context),
    timeout_ms: agent.definition.turnTimeoutMs,
    hop: envelope.cause?.hopCount ?? 0,
    root: rootOf(envelope, event.id),
    actor: actorOf(envelope) ?? null,
    restarts,
  };
  open.set(row.id, {
    id: row.id,
    agent_id: row.agent,
    state: row.start ? "running" : "queued",
    event_id: row.event,
    conversation_id: row.conv,
    reply_conversation_id: replyConv,
    trigger_message_id: row.trigger_message,
    restarts,
    due: false,
    aside: false,
    asked: null,
    planned: true,
  });
  return { planned: { row, agent, envelope, claimed, replyPath } };
}

function hasAsker(envelope: RoutableEnvelope): boolean {
  return envelope.sender.kind !== "agent" && !isHappening(envelope);
}

/** The next queued turn of each agent that is not at work here starts now, if who asked for it may still ask. */
function planPromotions(plan: ConversationPlan, open: ReadonlyMap<string, OpenTurn>, context: PlanContext): void {
  const busy = new Set(
    [...open.values()]
      .filter((turn) => turn.reply_conversation_id === plan.claimed.id && turn.state !== "queued")
      .map((turn) => turn.agent_id),
  );
  for (const turn of open.values()) {
    if (
      turn.state !== "queued" ||
      turn.planned === true ||
      turn.reply_conversation_id !== plan.claimed.id ||
      busy.has(turn.agent_id)
    )
      continue;
    const barred = turn.due ? barredAsker(turn, plan.claimed, context) : undefined;
    if (barred !== undefined) {
      plan.cancel.push({ id: turn.id, conv: plan.claimed.id, state: "cancelled", reason: barred });
      continue;
    }
    if (turn.aside) continue;
    busy.add(turn.agent_id);
    if (!turn.due) continue;
    const timeoutMs = context.directory.get(turn.agent_id)?.definition.turnTimeoutMs ?? DEFAULT_TURN_TIMEOUT_MS;
    if (mayStart(plan, turn.agent_id, true, context)) plan.promote.push({ turn, timeoutMs });
  }
}
