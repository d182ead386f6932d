import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { type AwayTurn, findAwayTurns } from "../../ledger/agent-connections.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { insertDelivery } from "../../ledger/replay.ts";
import type { Directory } from "../directory.ts";

/** How long a question waits for an agent that is not connected before people are told, in ms: long enough for a restart. */
const TOLD_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 3_000;

export interface AwayNoticeOptions {
  readonly database: Database;
  readonly directory: Directory;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly logger: Logger;
  readonly wake: () => void;
}

/** Tells a conversation, once per agent and absence, that the agent it asked is not connected and will answer when it is back. */
export interface AwayNotices {
  start(): void;
  stop(): Promise<void>;
}

export function createAwayNotices(options: AwayNoticeOptions): AwayNotices {
  const { database, directory, adapters, logger } = options;
  const platforms = [...adapters.keys()];
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    for (const turn of await findAwayTurns(database, { platforms, waitedMs: TOLD_AFTER_MS })) await tell(turn);
  }

  async function tell(turn: AwayTurn): Promise<void> {
    const agent = directory.get(turn.agent_id);
    const adapter = adapters.get(turn.platform);
    if (agent === undefined || adapter === undefined) return;
    const [post] = adapter.render(
      [
        {
          type: "text",
          markdown: `_${agent.identity.name} is not connected right now. Your message is kept, and answered once it is back._`,
        },
      ],
      {
        identity: agent.identity,
        conversation: turn.path as ConversationPath, // written from a validated envelope
        mentionable: [],
      },
    );
    if (post === undefined) return;
    const id = `d_away_${turn.turn_id}`;
    await insertDelivery(database, {
      id: `${id}_0`,
      organizationId: turn.organization_id,
      agentId: turn.agent_id,
      conversationId: turn.conversation_id,
      ordinal: 0,
      body: post.body,
      fallbackText: post.fallbackText,
      key: `${id}:0`,
    });
    options.wake();
  }

  return {
    start() {
      timer ??= setInterval(() => {
        // Processes that look at once write the same row, of which the ledger takes one.
        looking ??= look()
          .catch((error: unknown) => logger.warn({ err: error }, "it could not be told that an agent is not connected"))
          .finally(() => {
            looking = undefined;
          });
      }, LOOK_EVERY_MS).unref();
    },
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}
