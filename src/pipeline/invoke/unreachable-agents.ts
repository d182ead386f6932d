import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { RetrySchedule } from "../../contracts/connector.ts";
import type { Logger } from "../../contracts/logger.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { type ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import {
  addOwnerNotice,
  clearFailing,
  disableAgent,
  findDirectConversation,
  findOwner,
  markFailing,
  type OwnerNotice,
} from "../../ledger/failing-agents.ts";
import { postponeTurn } from "../../ledger/postponed-turns.ts";
import { ensureConversation } from "../../ledger/replay.ts";
import { conversationIdOf, type NewId } from "../../ledger/row-ids.ts";
import { isFailedCall, retryDelayMs } from "./retry-policy.ts";
import type { RunnableTurn } from "./runnable-turn.ts";
import { isShadowed } from "./shadow.ts";

/** What becomes of turns whose agent cannot be reached, and of such agents. */
export interface UnreachableAgents {
  /** Puts a failed turn off for another attempt, and tells people where the wait is long; false when it has failed for good. */
  postpone(turn: RunnableTurn, failure: Failure): Promise<boolean>;
  /** Sees to the agent of a turn that failed for good: one that has not been reached for too long, or is gone, is paused, and its owner told once. */
  giveUp(turn: RunnableTurn, error: ParleyError): Promise<void>;
  /** Says that an agent was reached. */
  reached(turn: RunnableTurn): Promise<void>;
}

interface Failure {
  readonly error: ParleyError;
  readonly remainingMs: number;
  /** People have seen the beginning of an answer, which a second attempt would contradict. */
  readonly wasShown: boolean;
}

export interface UnreachableAgentsOptions {
  readonly database: Database;
  readonly owner: string;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly adapter: (platform: string) => ChatAdapter;
  /** The schedule of an agent's connector; undefined for the usual one, or where there is no connector. */
  readonly schedule: (agentId: string) => RetrySchedule | undefined;
  /** Whether an agent is known not to have been reached of late. */
  readonly isFailing: (agentId: string) => boolean;
  readonly wakeOutbox: () => void;
  /** Called when turns that waited are due. */
  readonly wake: () => void;
}

interface Place {
  readonly id: string;
  readonly path: ConversationPath;
}

type WayToOwner =
  | { readonly kind: "direct" | "here"; readonly place: Place }
  | { readonly kind: "alone"; readonly person: string };

const SHOW_TIMEOUT_MS = 20_000;
/** Longest pause that is waited for in memory, in ms. */
const MAX_TIMED_MS = 60_000;
const WAKE_SLACK_MS = 5;

export function createUnreachableAgents(options: UnreachableAgentsOptions): UnreachableAgents {
  const { database, owner, newId, logger } = options;

  async function failingMs(turn: RunnableTurn, error: ParleyError): Promise<number> {
    const isFailed = isFailedCall(error, options.schedule(turn.agent.agentId));
    return isFailed ? await markFailing(database, turn.agent.agentId) : 0;
  }

  function posted(turn: RunnableTurn, part: ReplyPart, conversation: ConversationPath = turn.replyPath) {
    const context = { identity: turn.agent.identity, conversation, mentionable: [] };
    const [post] = options.adapter(turn.platform).render([part], context);
    return post === undefined ? undefined : { body: post.body, fallback: post.fallbackText };
  }

  async function disable(turn: RunnableTurn, rule: string, reason: string): Promise<void> {
    const { organizationId, agent } = turn;
    const { name, handle } = agent.identity;
    const text = `${name} (@${handle}) is paused: ${reason}. Once it works again, an operator lets it work again with \`parley agents resume ${handle}\`.`;
    const way = await wayToOwner(turn);
    const notice = way.kind === "alone" ? undefined : noticeIn(turn, way.place, ownerText(turn, way.kind, text));
    const paused = { organizationId, agentId: agent.agentId, reason, rule };
    if (!(await disableAgent(database, paused, notice))) return;
    logger.warn({ agent: handle, rule }, "an agent was paused because it cannot be reached");
    if (way.kind === "alone") await showAlone(turn, way.person, text);
    options.wakeOutbox();
  }

  /** In a direct message, opened where there is none; else alone in the conversation, where the platform can show that; else in it, by name. */
  async function wayToOwner(turn: RunnableTurn): Promise<WayToOwner> {
    const here: WayToOwner = { kind: "here", place: { id: turn.replyConversationId, path: turn.replyPath } };
    const named = turn.agent.definition.owner;
    const person = named === undefined ? undefined : await findOwner(database, turn.installationId, named);
    if (person === undefined) return here;
    const direct = await findDirectConversation(database, turn.installationId, person);
    // The path was written from a validated envelope.
    if (direct !== undefined)
      return { kind: "direct", place: { id: direct.id, path: direct.path as ConversationPath } };
    if (isShadowed(turn)) return here;
    const opened = await openDirect(turn, person);
    if (opened !== undefined) return { kind: "direct", place: opened };
    return options.adapter(turn.platform).features.privately === undefined ? here : { kind: "alone", person };
  }

  /** Undefined where the platform opens none, or not with this person now. */
  async function openDirect(turn: RunnableTurn, person: string): Promise<Place | undefined> {
    const { organizationId, installationId, platform } = turn;
    try {
      const path = await options.adapter(platform).features.direct?.open({
        target: { organizationId, installationId, conversation: turn.replyPath },
        personId: person,
        identity: turn.agent.identity,
        idempotencyKey: `${turn.turnId}:owner`,
        signal: AbortSignal.timeout(SHOW_TIMEOUT_MS),
      });
      if (path === undefined) return undefined;
      const channelId = path.channel.id;
      const id = conversationIdOf(conversationKey(installationId, channelId));
      await ensureConversation(database, {
        id,
        organizationId,
        installationId,
        platform,
        channelId,
        threadId: null,
        path,
      });
      return { id, path };
    } catch (thrown) {
      const { code } = toParleyError(thrown, "PLATFORM_UNAVAILABLE");
      logger.info({ agent: turn.agent.identity.handle, code }, "no direct message with an owner could be opened");
      return undefined;
    }
  }

  function ownerText(turn: RunnableTurn, kind: "direct" | "here", text: string): string {
    const { owner: named } = turn.agent.definition;
    return kind === "direct" || named === undefined ? text : `To its owner, ${named}: ${text}`;
  }

  function noticeIn(turn: RunnableTurn, place: Place, markdown: string): OwnerNotice | undefined {
    const post = posted(turn, { type: "text", markdown }, place.path);
    if (post === undefined) return undefined;
    const { organizationId, turnId } = turn;
    return { id: newId("d"), organizationId, agentId: turn.agent.agentId, turnId, conversationId: place.id, ...post };
  }

  async function showAlone(turn: RunnableTurn, person: string, text: string): Promise<void> {
    const { organizationId, installationId, replyPath: conversation } = turn;
    const { identity } = turn.agent;
    try {
      await options.adapter(turn.platform).features.privately?.show({
        target: { organizationId, installationId, conversation, askerId: person },
        personId: person,
        identity,
        parts: [{ type: "text", markdown: text }],
        idempotencyKey: `${turn.turnId}:owner`,
        signal: AbortSignal.timeout(SHOW_TIMEOUT_MS),
      });
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      logger.info({ agent: identity.handle, code: error.code }, "an owner could not be told alone");
      // What may have been shown is not said a second time.
      if (error.delivery !== "not_sent") return;
      const place = { id: turn.replyConversationId, path: conversation };
      const notice = noticeIn(turn, place, ownerText(turn, "here", text));
      if (notice !== undefined) await addOwnerNotice(database, notice);
    }
  }

  return {
    async postpone(turn, { error, remainingMs, wasShown }) {
      // Of an agent that dials in, the next attempt writes over what was shown, as after the end of a process.
      if (wasShown && error.facts["away"] !== true) return false;
      const schedule = options.schedule(turn.agent.agentId);
      const failing = schedule === undefined ? 0 : await failingMs(turn, error);
      const attempt = {
        error,
        retries: turn.retries,
        remainingMs,
        schedule,
        failingMs: failing,
        spread: Math.random(),
      };
      const waitMs = retryDelayMs(attempt);
      if (waitMs === undefined) return false;
      const isLong = schedule !== undefined && waitMs >= schedule.tellFromMs;
      const post = isLong ? posted(turn, waitingPart(turn, error)) : undefined;
      const notice = post === undefined ? undefined : { id: newId("d"), ...post };
      const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
      await postponeTurn(database, { fence, waitMs, reason: error.code, notice });
      if (notice !== undefined) options.wakeOutbox();
      // The sweep finds what is due; a short pause is kept to the moment.
      if (waitMs <= MAX_TIMED_MS) setTimeout(options.wake, waitMs + WAKE_SLACK_MS).unref();
      return true;
    },
    async giveUp(turn, error) {
      // An address that answered 410 wants no more calls (Standard Webhooks): its agent rests until an operator resumes it.
      if (error.facts["disable"] === true)
        return await disable(turn, "agent_gone", "its address says that it is gone for good");
      const schedule = options.schedule(turn.agent.agentId);
      if (schedule === undefined || !isFailedCall(error, schedule)) return;
      const failing = await failingMs(turn, error);
      if (failing < schedule.disableAfterMs) return;
      const since = new Date(Date.now() - failing).toISOString().replace("T", " ").slice(0, 16);
      if (error.code === "AGENT_UNAVAILABLE")
        await disable(turn, "agent_unreachable", `it could not be reached since ${since} UTC`);
      else await disable(turn, "agent_failing", `it has answered with errors alone since ${since} UTC`);
    },
    async reached(turn) {
      const { agentId } = turn.agent;
      if (!options.isFailing(agentId)) return;
      await clearFailing(database, agentId);
      options.wake();
    },
  };
}

function waitingPart(turn: RunnableTurn, { code }: ParleyError): ReplyPart {
  const why = code === "AGENT_UNAVAILABLE" ? "cannot be reached right now" : "failed to answer just now";
  const markdown = `${turn.agent.identity.name} ${why}. Your question is kept, and the answer comes here as soon as it can.`;
  return { type: "text", markdown };
}
