import { COMMAND_ASKS } from "../../access/event-policies.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Envelope, EnvelopeOf } from "../../envelope/envelope.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import type { ClaimedConversation } from "../../ledger/claims.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { cancelSchedule, listSchedules, type ScheduleRow } from "../../ledger/schedules.ts";
import { senderMay } from "../agent-grant.ts";
import { type Directory, shownIdentity } from "../directory.ts";

/** The command by which people see and end what agents will do in their conversation. */
export const SCHEDULE_COMMAND = "schedules";

export interface ScheduleCommands {
  /** Resolves once all of them are done, before routing commits that they are; done twice, they change nothing. Rejects when the ledger cannot be reached. */
  carryOut(claimed: readonly ClaimedConversation[]): Promise<void>;
  /** What to tell who gave the command; undefined for any other. */
  answerTo(envelope: Envelope): string | undefined;
}

const CANCEL = /^(?:cancel\s+)?(\S{1,128})$/iu;
const MAX_SHOWN = 20;
const MAX_TASK_CHARS = 120;

export function createScheduleCommands(ports: {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly logger: Logger;
}): ScheduleCommands {
  const { database, directory, policies, logger } = ports;
  const answers = new WeakMap<object, string>();

  async function one(claimed: ClaimedConversation, envelope: EnvelopeOf<"command_invoked">): Promise<string> {
    const organizationId = claimed.organization_id;
    const conversationIds = [claimed.id];
    const where = { installationId: envelope.installationId, path: envelope.conversation };
    const may = senderMay(envelope.sender, COMMAND_ASKS, where, policies.of(organizationId));
    if (!may.allowed || envelope.sender.kind !== "human") return "You may not do that here.";
    const id = CANCEL.exec(envelope.body.text.trim())?.[1];
    if (id !== undefined) {
      const by = envelope.sender.id;
      const ended = await cancelSchedule(database, {
        id,
        organizationId,
        conversationIds,
        reason: "cancelled_by_person",
        by,
      });
      return ended ? "It is cancelled." : "There is no such schedule here.";
    }
    const rows = await listSchedules(database, { organizationId, conversationIds });
    if (rows.length === 0) return "Nothing is scheduled here.";
    return rows.slice(0, MAX_SHOWN).map(lineOf).join("\n");
  }

  function lineOf(row: ScheduleRow): string {
    const { handle } = shownIdentity(directory, row.agent_id);
    const task = row.task
      .replaceAll(/[\s`]+/gu, " ")
      .slice(0, MAX_TASK_CHARS)
      .toWellFormed();
    const every = row.every_ms === null ? "" : `, every ${Math.round(row.every_ms / 60_000)} min`;
    return `• \`${row.id}\` @${handle}, ${row.due_at.toISOString()}${every}, for ${row.requested_by_name}: ${task}`;
  }

  return {
    async carryOut(claimed) {
      for (const conversation of claimed)
        for (const { id, envelope } of conversation.events ?? []) {
          const known = envelope as Envelope; // validated at ingest
          if (known.kind !== "command_invoked" || known.body.command !== SCHEDULE_COMMAND) continue;
          try {
            answers.set(known, await one(conversation, known));
          } catch (error) {
            if (toParleyError(error, "INVARIANT_BROKEN").code === "LEDGER_UNAVAILABLE") throw error;
            logger.error({ err: error, eventId: id }, "a command about schedules failed");
            answers.set(known, "That could not be done; nothing has changed.");
          }
        }
    },
    answerTo: (envelope) => answers.get(envelope),
  };
}
