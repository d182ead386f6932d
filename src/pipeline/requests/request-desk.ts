import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { TextDigest } from "../../access/text-digest.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import type { Directory } from "../directory.ts";
import type { ShadowGuard } from "../render/shadow-guard.ts";
import type { ConversationPlan } from "../route/conversation-plan.ts";
import { createClickDecider } from "./click-decider.ts";
import { createRequestDisplay } from "./request-display.ts";
import { createRequestUpkeep } from "./request-upkeep.ts";
import { openRequestWaits } from "./request-waits.ts";
import { createTurnRequests, type TurnRequestSource } from "./turn-requests.ts";

/** Everything about questions to people: turns ask them, clicks decide them, and they end in time. */
export interface RequestDesk {
  readonly turns: TurnRequestSource;
  /** Takes over the choices of a round of routing that was committed. */
  takeClicks(clicks: ConversationPlan["requestClicks"]): void;
  /** Some turn was asked to stop or has ended. */
  turnsEnded(): void;
  start(): void;
  stop(): Promise<void>;
}

/** Puts the parts together; listens for decisions from the moment it resolves. */
export async function openRequestDesk(ports: {
  readonly database: Database;
  readonly owner: string;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly digest: TextDigest;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
  readonly policies: PolicyBook;
  readonly directory: Directory;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly shadowGuard: ShadowGuard;
  readonly wake: () => void;
  readonly wakeOutbox: () => void;
}): Promise<RequestDesk> {
  const waits = await openRequestWaits(ports.database, ports.logger);
  const display = createRequestDisplay(ports);
  const upkeep = createRequestUpkeep({ ...ports, display, platforms: [...ports.adapters.keys()] });
  const clicks = createClickDecider({ ...ports, display });
  return {
    turns: createTurnRequests({ ...ports, waits, onAbandoned: () => upkeep.nudge() }),
    takeClicks(taken) {
      for (const { click, late } of taken)
        if (late) clicks.tooLate(click);
        else clicks.decide(click);
    },
    turnsEnded: () => upkeep.nudge(),
    start: () => upkeep.start(),
    async stop() {
      await upkeep.stop();
      await clicks.settle();
      await waits.close();
    },
  };
}
