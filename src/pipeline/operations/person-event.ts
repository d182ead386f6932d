import { randomBytes } from "node:crypto";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { ENVELOPE_VERSION, type EnvelopeInput } from "../../envelope/envelope.ts";
import { readNames } from "../../ledger/access-lists.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { newestOrder } from "../../ledger/conversation-history.ts";
import { conversationIdOf } from "../../ledger/row-ids.ts";

/**
 * All but kind, key and body of an event that Parley writes for a person who acts by its API: it stands behind what is in its conversation, under
 * the name that the ledger knows them by.
 */
export async function personEvent(
  database: Database,
  where: {
    readonly organizationId: string;
    readonly installationId: string;
    readonly platform: string;
    readonly path: ConversationPath;
    readonly orderingKey: string;
  },
  personId: string,
): Promise<Omit<EnvelopeInput, "kind" | "dedupeKey" | "body">> {
  const { organizationId, installationId, platform, path, orderingKey } = where;
  const { people } = await readNames(database, organizationId, [], [personId]);
  return {
    version: ENVELOPE_VERSION,
    organizationId,
    installationId,
    platform,
    conversation: path,
    sender: { id: personId, kind: "human", name: people.find(({ id }) => id === personId)?.name ?? personId },
    occurredAt: new Date().toISOString(),
    platformOrder: await newestOrder(database, conversationIdOf(orderingKey)),
    orderingKey,
    traceId: randomBytes(16).toString("hex"),
  };
}
