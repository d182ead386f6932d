import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { RetrySchedule } from "../../contracts/connector.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { type ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { addOwnerNotice, clearFailing, disableAgent, findOwner, markFailing } from "../../ledger/failing-agents.ts";
import { postponeTurn } from "../../ledger/postponed-turns.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { retryDelayMs } from "./retry-policy.ts";
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

const SHOW_TIMEOUT_MS = 20_000;
/** Longest pause that is waited for in memory, in ms. */
const MAX_TIMED_MS = 60_000;
const WAKE_SLACK_MS = 5;

export function createUnreachableAgents(options: UnreachableAgentsOptions): UnreachableAgents {
  const { database, owner, newId, logger } = options;

  async function failingMs(turn: RunnableTurn, error: ParleyError): Promise<number> {
    return error.code === "AGENT_UNAVAILABLE" ? await markFailing(database, turn.agent.agentId) : 0;
  }

  function posted(turn: RunnableTurn, part: ReplyPart): { body: unknown; fallback: string } | undefined {
    const context = { identity: turn.agent.identity, conversation: turn.replyPath, mentionable: [] };
    const [post] = options.adapter(turn.platform).render([part], context);
    return post === undefined ? undefined : { body: post.body, fallback: post.fallbackText };
  }

  async function disable(turn: RunnableTurn, rule: string, reason: string): Promise<void> {
    const { organizationId, agent } = turn;
    if (!(await disableAgent(database, { organizationId, agentId: agent.agentId, reason, rule }))) return;
    logger.warn({ agent: agent.handle, rule }, "an agent was paused because it cannot be reached");
    await tellOwner(turn, reason);
  }

  /** To the owner alone where the platform can and knows them; else in the conversation, by name. */
  async function tellOwner(turn: RunnableTurn, reason: string): Promise<void> {
    const { definition, identity, agentId } = turn.agent;
    const named = definition.owner;
    const person = named === undefined ? undefined : await findOwner(database, turn.installationId, named);
    const text = `${identity.name} (@${identity.handle}) is paused: ${reason}. Once it can be reached, an operator lets it work again with \`parley agents resume ${identity.handle}\`.`;
    const privately = options.adapter(turn.platform).features.privately;
    if (person !== undefined && privately !== undefined && !isShadowed(turn)) {
      const { organizationId, installationId, replyPath: conversation } = turn;
      try {
        await privately.show({
          target: { organizationId, installationId, conversation, askerId: person },
          personId: person,
          identity,
          parts: [{ type: "text", markdown: text }],
          idempotencyKey: `${turn.turnId}:owner`,
          signal: AbortSignal.timeout(SHOW_TIMEOUT_MS),
        });
        return;
      } catch (thrown) {
        const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
        logger.info({ agent: identity.handle, code: error.code }, "an owner could not be told alone");
        // What may have been shown is not said a second time.
        if (error.delivery !== "not_sent") return;
      }
    }
    const markdown = named === undefined ? text : `To its owner, ${named}: ${text}`;
    const post = posted(turn, { type: "text", markdown });
    if (post === undefined) return;
    const { organizationId, turnId, replyConversationId: conversationId } = turn;
    await addOwnerNotice(database, { id: newId("d"), organizationId, agentId, turnId, conversationId, ...post });
    options.wakeOutbox();
  }

  return {
    async postpone(turn, { error, remainingMs, wasShown }) {
      // Of an agent that dials in, the next attempt writes over what was shown, as after the end of a process.
      if (wasShown && error.facts["away"] !== true) return false;
      const schedule = options.schedule(turn.agent.agentId);
      const failing = schedule === undefined ? 0 : await failingMs(turn, error);
      const attempt = { error, retries: turn.retries, remainingMs, schedule, failingMs: failing };
      const waitMs = retryDelayMs(attempt);
      if (waitMs === undefined) return false;
      const isLong = schedule !== undefined && waitMs >= schedule.tellFromMs;
      const post = isLong ? posted(turn, waitingPart(turn)) : undefined;
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
      if (schedule === undefined || error.code !== "AGENT_UNAVAILABLE") return;
      const failing = await failingMs(turn, error);
      if (failing < schedule.disableAfterMs) return;
      const since = new Date(Date.now() - failing).toISOString().replace("T", " ").slice(0, 16);
      await disable(turn, "agent_unreachable", `it could not be reached since ${since} UTC`);
    },
    async reached(turn) {
      const { agentId } = turn.agent;
      if (!options.isFailing(agentId)) return;
      await clearFailing(database, agentId);
      options.wake();
    },
  };
}

function waitingPart(turn: RunnableTurn): ReplyPart {
  const markdown = `${turn.agent.identity.name} cannot be reached right now. Your question is kept, and the answer comes here as soon as it can.`;
  return { type: "text", markdown };
}
