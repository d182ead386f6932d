import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { TextDigest } from "../../access/text-digest.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import type { ReaderPorts } from "../assemble/conversation-reader.ts";
import { createReadingRights } from "../assemble/reading-rights.ts";
import type { Directory } from "../directory.ts";
import { createSourceGuard, type SourceGuard } from "./source-guard.ts";
import { createWithheldDecisions, type WithheldDecisions } from "./withheld-decisions.ts";

/** What reads other conversations, what guards the replies that are based on them, and what becomes of those that were withheld. */
export interface AudienceRule {
  readonly reader: ReaderPorts;
  readonly guard: SourceGuard;
  readonly withheld: WithheldDecisions;
}

/** Puts the parts of the audience rule together; they decide by the same facts. */
export function createAudienceRule(ports: {
  readonly database: Database;
  readonly owner: string;
  readonly facts: MemberFacts;
  readonly policies: PolicyBook;
  readonly directory: Directory;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly newId: NewId;
  readonly digest: TextDigest;
  readonly logger: Logger;
  readonly wakeOutbox: () => void;
}): AudienceRule {
  const { facts, policies } = ports;
  const rights = createReadingRights(facts, policies);
  return {
    reader: { database: ports.database, owner: ports.owner, facts, rights },
    guard: createSourceGuard({ ...ports, rights }),
    withheld: createWithheldDecisions({ ...ports, rights }),
  };
}
