import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { TurnReason } from "../../contracts/connector.ts";
import type { Logger } from "../../contracts/logger.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { ensureConversation, insertDelivery } from "../../ledger/replay.ts";
import { conversationIdOf, type NewId } from "../../ledger/row-ids.ts";
import { claimToldPause } from "../../ledger/told-pauses.ts";
import type { DirectoryAgent } from "../directory.ts";
import type { Decision, RoutableEnvelope } from "./decide.ts";

const SHOW_TIMEOUT_MS = 20_000;
/** What brings an agent into a talk without anybody asking it. */
const UNASKED: ReadonlySet<TurnReason> = new Set(["subscription", "schedule"]);

/** A paused agent that somebody asked. */
export interface PausedAsk {
  readonly agent: DirectoryAgent;
  readonly envelope: RoutableEnvelope;
  readonly conversationId: string;
  readonly replyPath: ConversationPath;
}

/** Whether a person asked a paused agent and hears nothing of it otherwise; a decision that was made is shown with what came of it. Pure. */
export function wantsToKnow(envelope: RoutableEnvelope, decision: Decision, isDecided: boolean): boolean {
  if (decision.reason === undefined || UNASKED.has(decision.reason) || isDecided) return false;
  const { kind } = envelope.sender;
  return envelope.kind !== "message_edited" && (kind === "human" || kind === "external_guest");
}

export interface PausedNoticeOptions {
  readonly database: Database;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly wakeOutbox: () => void;
}

/**
 * Tells whoever asked a paused agent that it is paused: a command in its own answer, each time; else once per conversation and pause, to each person
 * alone where the platform can show that, and else where the answer would have come. Of an agent in shadow nothing is said.
 */
export function createPausedNotices(options: PausedNoticeOptions): { tell(asked: readonly PausedAsk[]): void } {
  const { database, adapters, logger } = options;

  async function tell(ask: PausedAsk): Promise<void> {
    const { agent, envelope } = ask;
    const adapter = adapters.get(envelope.platform);
    if (adapter === undefined || agent.definition.shadow !== undefined) return;
    const { respond, privately } = adapter.features;
    if (envelope.kind === "command_invoked" && envelope.body.responseToken !== undefined && respond !== undefined) {
      const signal = AbortSignal.timeout(SHOW_TIMEOUT_MS);
      return await respond.respond(targetOf(ask), envelope.body.responseToken, textOf(agent), signal);
    }
    const { kind } = envelope.conversation.channel;
    const isAlone = kind !== "direct" && privately !== undefined;
    const pause = `${agent.agentId} ${agent.row.statusSince ?? agent.row.revision}`;
    const entry = isAlone ? `${pause} ${envelope.sender.id}` : pause;
    if (!(await claimToldPause(database, ask.conversationId, entry))) return;
    if (!isAlone || !(await shown(ask, adapter))) await post(ask, adapter, `paused:${ask.conversationId}:${entry}`);
  }

  /** False when it is known that nothing was shown. */
  async function shown(ask: PausedAsk, adapter: ChatAdapter): Promise<boolean> {
    try {
      await adapter.features.privately?.show({
        target: targetOf(ask),
        personId: ask.envelope.sender.id,
        identity: ask.agent.identity,
        parts: [part(ask.agent)],
        idempotencyKey: `${ask.envelope.dedupeKey}:${ask.agent.agentId}:paused`,
        signal: AbortSignal.timeout(SHOW_TIMEOUT_MS),
      });
      return true;
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      logger.info({ agent: ask.agent.handle, code: error.code }, "who asked a paused agent could not be told alone");
      return error.delivery !== "not_sent";
    }
  }

  async function post({ agent, envelope, replyPath }: PausedAsk, adapter: ChatAdapter, key: string): Promise<void> {
    const context = { identity: agent.identity, conversation: replyPath, mentionable: [] };
    const [post] = adapter.render([part(agent)], context);
    if (post === undefined) return;
    const { organizationId, installationId, platform } = envelope;
    const [channelId, threadId] = [replyPath.channel.id, replyPath.thread?.id];
    const conversationId = conversationIdOf(conversationKey(installationId, channelId, threadId));
    await ensureConversation(database, {
      id: conversationId,
      organizationId,
      installationId,
      platform,
      channelId,
      threadId: threadId ?? null,
      path: replyPath,
    });
    await insertDelivery(database, {
      id: options.newId("d"),
      organizationId,
      agentId: agent.agentId,
      conversationId,
      ordinal: 0,
      body: post.body,
      fallbackText: post.fallbackText,
      key,
    });
    options.wakeOutbox();
  }

  return {
    tell(asked) {
      for (const ask of asked)
        void tell(ask).catch((error: unknown) =>
          logger.warn({ err: error, agent: ask.agent.handle }, "who asked a paused agent could not be told"),
        );
    },
  };
}

function targetOf({ envelope }: PausedAsk) {
  const { organizationId, installationId, conversation, sender } = envelope;
  return { organizationId, installationId, conversation, askerId: sender.id };
}

function textOf({ identity }: DirectoryAgent): string {
  return `${identity.name} (@${identity.handle}) is paused and answers nobody for now. Your message is not kept for it: ask again once it works.`;
}

function part(agent: DirectoryAgent): ReplyPart {
  return { type: "text", markdown: `_${textOf(agent)}_` };
}
