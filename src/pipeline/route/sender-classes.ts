import { EVENT_POLICIES } from "../../access/event-policies.ts";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { ClaimedConversation, ClaimedEvent } from "../../ledger/claims.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { noteSenderClass } from "../../ledger/sender-class.ts";
import { classOf } from "../agent-grant.ts";

/** Finds out what senders are of whom the adapter could not say it: from the mirror while that is young, else from the platform. */
export interface SenderClasses {
  /**
   * Ids of those events that must wait for it; never waits itself, and wakes routing with the answer. An event waits as long as one question
   * to the platform takes, and is then decided as one of somebody of whom nobody knows what they are.
   */
  unsure(claimed: readonly ClaimedConversation[]): ReadonlySet<string>;
}

/** Somebody who could not be looked up as they spoke is what the platform said within this time, in ms. */
const MAX_AGE_MS = 60 * 60_000;
const MAX_GIVEN_UP = 10_000;

export function createSenderClasses(ports: {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly logger: Logger;
  /** Events older than this are not answered any more, in ms. */
  readonly answerAgeMs: number;
  readonly wake: () => void;
}): SenderClasses {
  const { database, facts, logger, answerAgeMs } = ports;
  const asking = new Set<string>();
  const givenUp = new Set<string>();

  async function ask(eventId: string, envelope: Envelope): Promise<void> {
    const { organizationId, installationId, conversation: path, sender } = envelope;
    const where = { organizationId, installationId, path, personId: sender.id, maxAgeMs: MAX_AGE_MS };
    const { membership, memberClass } = await facts.of(where);
    if (membership === "in" && memberClass !== "agent" && memberClass !== "bot")
      return await noteSenderClass(database, eventId, memberClass);
    if (givenUp.size >= MAX_GIVEN_UP) givenUp.clear();
    givenUp.add(eventId);
  }

  function waits({ id, envelope, age_ms: ageMs, request }: ClaimedEvent): boolean {
    const { kind, sender } = envelope as Envelope; // validated at ingest
    // Who decides on a question is asked about by itself.
    if (EVENT_POLICIES[kind].asks.length === 0 || request !== null || ageMs > answerAgeMs) return false;
    return classOf(sender) === "unknown" && !givenUp.has(id);
  }

  return {
    unsure(claimed) {
      const waiting = claimed.flatMap((conversation) => conversation.events ?? []).filter(waits);
      for (const { id, envelope } of waiting) {
        if (asking.has(id)) continue;
        asking.add(id);
        void ask(id, envelope as Envelope) // validated at ingest
          .catch((error: unknown) => logger.info({ err: error, eventId: id }, "what a sender is could not be noted"))
          .finally(() => {
            asking.delete(id);
            ports.wake();
          });
      }
      return new Set(waiting.map(({ id }) => id));
    },
  };
}
