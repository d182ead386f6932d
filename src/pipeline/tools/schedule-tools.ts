import { z } from "zod";
import type { JsonValue } from "../../contracts/json.ts";
import { wireKey } from "../../envelope/ids.ts";
import { InputRequestPart } from "../../envelope/reply.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import {
  addSchedule,
  cancelSchedule,
  listSchedules,
  MAX_ACTIVE_SCHEDULES,
  type ScheduleRow,
} from "../../ledger/schedules.ts";
import { finishWrite } from "../../ledger/turn-writes.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { askingPerson } from "../route/asking-person.ts";
import { CallId } from "./post-tools.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";
import type { TurnWriter } from "./turn-writer.ts";

/** Least time between two firings of a schedule. */
export const MIN_EVERY_MS = 60_000;
const MAX_AHEAD_MS = 366 * 86_400_000;

export const ScheduleTask = InputRequestPart.shape.prompt.pipe(z.string().trim().min(1).max(4_000));
const ScheduleInput = z.strictObject({
  task: ScheduleTask,
  /** From now until it is done (first), in ms. Default: `everyMs`. */
  inMs: z.number().int().min(1_000).max(MAX_AHEAD_MS).optional(),
  everyMs: z.number().int().min(MIN_EVERY_MS).max(MAX_AHEAD_MS).optional(),
  callId: CallId,
});
const CancelInput = z.strictObject({ schedule: wireKey(128), callId: CallId });
const NoInput = z.strictObject({});

/** What an agent will do later in this conversation, with the rights of the person who asked now. */
export function scheduleTools(
  ports: { readonly database: Database; readonly newId: NewId; readonly scheduleAdded: () => void },
  turn: RunnableTurn,
  writer: TurnWriter,
): readonly ToolSpec[] {
  const { database } = ports;
  // Whoever may not begin to speak has nothing to schedule.
  if (!turn.agent.definition.speaksFirst) return [];
  const { organizationId } = turn;
  const asking = askingPerson(turn.envelope);
  const here = [turn.conversationId, turn.replyConversationId];
  return [
    {
      name: "schedule",
      description:
        "Lets you begin to speak here later: once after `inMs`, or every `everyMs` (at least a minute). You get a turn then with `task` as its text, if who asks you now may still ask you then.",
      input: ScheduleInput,
      effect: "write",
      needs: "post",
      async execute(input, call) {
        const { task, inMs, everyMs } = ScheduleInput.parse(input);
        // Its text comes back in a turn that has read nothing, and is listed here.
        const silence = await writer.silence("schedule");
        if (silence !== undefined) return silence;
        if (inMs === undefined && everyMs === undefined) return toolError("say when: `inMs`, `everyMs` or both");
        // What a schedule begins may schedule too, but not faster than people could follow.
        if (turn.reason === "schedule" && (inMs ?? MIN_EVERY_MS) < MIN_EVERY_MS)
          return toolError("what was scheduled itself can be scheduled again after a minute at the earliest");
        if (asking === undefined)
          return toolError("a schedule has the rights of the person who asks, and no person asked for this turn");
        let added: ScheduleRow | undefined;
        const slot = await writer.take("schedule", call, async (tx) => {
          added = await addSchedule(tx, {
            id: ports.newId("h"),
            organizationId,
            agentId: turn.agent.agentId,
            conversationId: turn.replyConversationId,
            turnId: turn.turnId,
            requestedBy: asking.id,
            requestedByName: asking.name ?? asking.id,
            task,
            everyMs: everyMs ?? null,
            inMs: inMs ?? everyMs ?? MIN_EVERY_MS,
          });
          const result: JsonValue = added === undefined ? TOO_MANY : view(added);
          await finishWrite(tx, turn.turnId, call.key, result);
          if (added === undefined) return;
          const entry = { by: turn.agent.agentId, asker: asking.id, turn: turn.turnId, schedule: added.id };
          await appendAudit(tx, organizationId, [{ what: "switch", rule: "schedule_added", ...entry }]);
        });
        if ("error" in slot) return slot;
        if (slot.state === "known") return slot.result;
        if (added === undefined) return TOO_MANY;
        ports.scheduleAdded();
        return view(added);
      },
    },
    {
      name: "schedules",
      description: "Lists what you have scheduled in this conversation.",
      input: NoInput,
      effect: "read",
      needs: "read_history",
      async execute() {
        const rows = await listSchedules(database, {
          organizationId,
          agentId: turn.agent.agentId,
          conversationIds: here,
        });
        return rows.map(view);
      },
    },
    {
      name: "cancel_schedule",
      description: "Ends one of your schedules in this conversation, by its id.",
      input: CancelInput,
      effect: "write",
      needs: "post",
      async execute(input, call) {
        const { schedule: id } = CancelInput.parse(input);
        const slot = await writer.take("cancel_schedule", call, async () => undefined);
        if ("error" in slot) return slot;
        const cancelled = await cancelSchedule(database, {
          id,
          organizationId,
          agentId: turn.agent.agentId,
          conversationIds: here,
          reason: "cancelled_by_agent",
          by: turn.agent.agentId,
        });
        return cancelled ? { cancelled: true } : toolError("you have no such schedule in this conversation");
      },
    },
  ];
}

const TOO_MANY = toolError(`you have ${MAX_ACTIVE_SCHEDULES} schedules already; cancel one first`);

function view(row: ScheduleRow): { readonly [key: string]: JsonValue } {
  return {
    schedule: row.id,
    task: row.task,
    due: row.due_at.toISOString(),
    ...(row.every_ms === null ? {} : { everyMs: row.every_ms }),
  };
}
