import type { AccessDecision } from "../access/decide-access.ts";
import type { PolicyBook } from "../access/policy-book.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ConversationPath } from "../envelope/conversation.ts";
import type { Envelope } from "../envelope/envelope.ts";
import { appendAudit } from "../ledger/audit-log.ts";
import type { Database } from "../ledger/connection/database.ts";
import type { SendingDelivery } from "../ledger/replies.ts";
import { readTrigger } from "../ledger/turn-trigger.ts";
import { agentMay, senderMay } from "./agent-grant.ts";
import type { ReadingRights } from "./assemble/reading-rights.ts";
import type { Directory } from "./directory.ts";
import type { RunnableTurn } from "./invoke/runnable-turn.ts";
import { isShadowed } from "./invoke/shadow.ts";
import { askingPerson } from "./route/asking-person.ts";

/** What of a delivery decides whom it may notify. */
export type AddressedDelivery = Pick<
  SendingDelivery,
  "id" | "turn_id" | "agent_id" | "organization_id" | "installation_id" | "path"
>;

/**
 * Whether what an agent says may notify everybody in the conversation: the agent has `mention_everyone` there, and so has the person who asked.
 *
 * What nobody asked for, what another agent asked for and what is said in a review room never may.
 */
export interface MassMentions {
  /** What a turn has to expect, from memory and what its trigger says of its sender. */
  expects(turn: RunnableTurn): boolean;
  /** Decides for a post at the moment it is sent, by facts of at most 60 s, and records it; never rejects, and what fails is no. */
  decide(delivery: AddressedDelivery): Promise<boolean>;
}

export interface MassMentionPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly rights: ReadingRights;
  readonly logger: Logger;
}

export function createMassMentions(ports: MassMentionPorts): MassMentions {
  const { database, directory, policies, rights } = ports;

  async function judge(delivery: AddressedDelivery): Promise<AccessDecision & { readonly asker?: string }> {
    const { organization_id: organizationId, installation_id: installationId } = delivery;
    const no = (rule: string): AccessDecision => ({ allowed: false, rule });
    const agent = directory.get(delivery.agent_id);
    if (agent === undefined) return no("agent_removed");
    const path = delivery.path as ConversationPath; // written from a validated envelope
    const own = agentMay(agent, "mention_everyone", { installationId, path }, policies.of(organizationId));
    if (!own.allowed) return own;
    const trigger = delivery.turn_id === null ? undefined : await readTrigger(database, delivery.turn_id);
    const envelope = trigger as Envelope | undefined; // validated at ingest
    const person = envelope === undefined ? undefined : askingPerson(envelope);
    if (envelope === undefined || person === undefined) return no("no_person_asked");
    if (envelope.conversation.channel.id !== path.channel.id) return no("in_review_room");
    const { allowed, rule } = await rights.personMay(person.id, "mention_everyone", {
      organizationId,
      installationId,
      path,
    });
    return { allowed, rule: allowed ? rule : `sender_${rule}`, asker: person.id };
  }

  return {
    expects(turn) {
      const person = askingPerson(turn.envelope);
      if (person === undefined || isShadowed(turn)) return false;
      const where = { installationId: turn.installationId, path: turn.replyPath };
      const book = policies.of(turn.organizationId);
      return (
        agentMay(turn.agent, "mention_everyone", where, book).allowed &&
        senderMay(person, "mention_everyone", where, book).allowed
      );
    },
    async decide(delivery) {
      try {
        const { allowed, rule, asker } = await judge(delivery);
        await database.transaction((tx) =>
          appendAudit(tx, delivery.organization_id, [
            {
              what: "mass_mention",
              by: delivery.agent_id,
              rule,
              allowed,
              delivery: delivery.id,
              ...(delivery.turn_id === null ? {} : { turn: delivery.turn_id }),
              ...(asker === undefined ? {} : { asker }),
            },
          ]),
        );
        return allowed;
      } catch (error) {
        ports.logger.warn(
          { err: error, deliveryId: delivery.id },
          "a mass mention could not be decided: it is not made",
        );
        return false;
      }
    },
  };
}
