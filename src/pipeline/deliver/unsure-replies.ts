import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import type { TurnSource } from "../../ledger/turn-sources.ts";
import { listUnsureTurns, restOutbox, type UnsureTurn, withholdUnsent } from "../../ledger/unsure-replies.ts";
import { type Directory, shownIdentity } from "../directory.ts";
import { type AudienceCheck, checkAudience, sourcePlace } from "../render/audience-check.ts";
import { checkSteadily } from "../render/source-guard.ts";
import { withheldNotice } from "../render/withheld-notice.ts";
import { DELIVERY_TTL_MS } from "./settle-failure.ts";

/**
 * Weighs once more what waits in the outbox, of turns that have read elsewhere, whose readers may have changed since: what all of them may read goes
 * on, what not all of them may is replaced by a notice, and what cannot be found out waits.
 */
export interface UnsureReplies {
  /** Looks at all that is due, in the background. */
  look(): void;
  stop(): Promise<void>;
}

/** Pause until readers that could not be found out are asked about again, in ms. */
const UNKNOWN_PAUSE_MS = 5_000;

export function createUnsureReplies(ports: {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly directory: Directory;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly wakeOutbox: () => void;
}): UnsureReplies {
  const { database, facts, logger } = ports;
  let running: Promise<void> | undefined;

  async function lookNow(): Promise<void> {
    for (const turn of await listUnsureTurns(database, [...ports.adapters.keys()])) {
      await weigh(turn).catch((error: unknown) =>
        logger.warn({ err: error, turnId: turn.id }, "a reply could not be weighed again; it waits"),
      );
      ports.wakeOutbox();
    }
  }

  async function weigh(turn: UnsureTurn): Promise<void> {
    const adapter = ports.adapters.get(turn.platform);
    if (adapter === undefined) return;
    const sources = turn.sources ?? [];
    const place: FactPlace = {
      organizationId: turn.organization_id,
      installationId: turn.installation_id,
      path: turn.path as ConversationPath, // written from a validated envelope
    };
    const verdict = await checkSteadily(database, { turnId: turn.id, conversationId: turn.conversation_id }, () =>
      checkAudience(facts, place, sources, adapter.features.access?.couldRead !== undefined),
    );
    if (verdict.within) return;
    // While a platform cannot be asked nothing can be sent there either.
    if (turn.age_ms < DELIVERY_TTL_MS && !(await isKnown(place, sources)))
      return await restOutbox(database, turn.conversation_id, UNKNOWN_PAUSE_MS);
    await withhold(turn, adapter, place, verdict);
  }

  async function isKnown(place: FactPlace, sources: readonly TurnSource[]): Promise<boolean> {
    const places = [place, ...sources.map((source) => sourcePlace(place.organizationId, source))];
    const audiences = await Promise.all(places.map((one) => facts.audienceOf(one)));
    return audiences.every(({ readers }) => readers !== undefined);
  }

  async function withhold(
    turn: UnsureTurn,
    adapter: ChatAdapter,
    { path }: FactPlace,
    verdict: AudienceCheck,
  ): Promise<void> {
    const identity = shownIdentity(ports.directory, turn.agent_id);
    const part = withheldNotice({ handle: identity.handle, turnId: turn.id }, "withhold", false);
    const [post] = adapter.render([part], { identity, conversation: path, mentionable: [] });
    const sources = turn.sources ?? [];
    const withheld = {
      turnId: turn.id,
      organizationId: turn.organization_id,
      agentId: turn.agent_id,
      conversationId: turn.conversation_id,
      askerId: null,
      policy: "withhold" as const,
      sources,
      reply: null,
      audit: {
        what: "withheld" as const,
        by: turn.agent_id,
        turn: turn.id,
        conversation: turn.conversation_id,
        rule: `before_sending_${verdict.rule}`,
        policy: "withhold",
        strangers: verdict.strangers,
        sources: sources.map(({ installationId, channelId, threadId }) => ({ installationId, channelId, threadId })),
      },
    };
    const notice = { id: ports.newId("d"), body: post?.body ?? null, fallback: post?.fallbackText ?? "", part };
    await retryDeadlocks(() => database.transaction((tx) => withholdUnsent(tx, withheld, notice)));
  }

  return {
    look() {
      running ??= lookNow()
        .catch((error: unknown) => logger.warn({ err: error }, "waiting replies could not be weighed again"))
        .finally(() => {
          running = undefined;
        });
    },
    async stop() {
      await running;
    },
  };
}
