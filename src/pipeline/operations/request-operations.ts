import { setTimeout as pause } from "node:timers/promises";
import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type {
  RequestDecisionInput,
  RequestDetails,
  RequestOperations,
  RequestView,
} from "../../contracts/request-operations.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import type { EnvelopeInput } from "../../envelope/envelope.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { findRequest, type ListedRequest, listRequests, readChoiceEnd } from "../../ledger/request-lists.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { readChoice } from "../requests/choice.ts";
import { askedPart } from "../requests/request-display.ts";
import { personEvent } from "./person-event.ts";

export interface RequestOperationsPorts {
  /** The ledger as one organization sees it. */
  readonly tenant: (organizationId: string) => Database;
  readonly newId: NewId;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
}

const DEFAULT_LIMIT = 100;
const LOOK_EVERY_MS = 50;
/** Longest time until a decision is known; who may decide can have to be asked of a platform. */
const DECIDED_WITHIN_MS = 15_000;
const REFUSED = "decision_refused_";
const FAULTS: ReadonlySet<string> = new Set(["no_such_option", "field_missing", "field_invalid"]);

/** Creates the operations on questions to people; a decision goes the way of a click, so that the same is looked at. */
export function createRequestOperations(ports: RequestOperationsPorts): RequestOperations {
  const { tenant } = ports;

  async function existing(organizationId: string, id: string): Promise<ListedRequest> {
    const row = await findRequest(tenant(organizationId), organizationId, id);
    if (row === undefined) throw new ParleyError("NOT_FOUND", { detail: "there is no such question" });
    return row;
  }

  async function click(row: ListedRequest, decision: RequestDecisionInput): Promise<string> {
    const { organization_id: organizationId, installation_id: installationId } = row;
    const database = tenant(organizationId);
    const { personId, optionId, fields = {} } = decision;
    const messageId = row.posts?.findLast((post) => post.messageId !== null && !post.deleted)?.messageId;
    if (messageId === undefined || messageId === null)
      throw new ParleyError("CONFLICT", { detail: "the question is not shown to anybody yet" });
    const path = row.path as ConversationPath; // written from a validated envelope
    const orderingKey = conversationKey(installationId, path.channel.id, path.thread?.id);
    const where = { organizationId, installationId, platform: row.platform, path, orderingKey };
    const { eventId } = await ports.ingest({
      ...(await personEvent(database, where, personId)),
      kind: "action_submitted",
      dedupeKey: `decision:${ports.newId("k")}`,
      body: {
        actionId: row.action_id,
        messageId,
        fields: { ...fields },
        ...(optionId === undefined ? {} : { value: optionId }),
      },
    });
    return eventId;
  }

  async function decide(organizationId: string, id: string, decision: RequestDecisionInput): Promise<RequestDetails> {
    const row = await existing(organizationId, id);
    if (row.state !== "open") throw notOpen(row);
    const part = askedPart(row);
    const { optionId, fields = {} } = decision;
    const choice = part === undefined ? undefined : readChoice(part, { value: optionId, fields });
    if (choice === undefined || "fault" in choice)
      throw new ParleyError("REQUEST_INVALID", { detail: choice?.fault ?? "the question was deleted" });
    const database = tenant(organizationId);
    const eventId = await click(row, decision);
    await appendAudit(database, organizationId, [
      { what: "approval", by: decision.by, outcome: "submitted", rule: "by_api", request: id, event: eventId },
    ]);
    const deadline = performance.now() + DECIDED_WITHIN_MS;
    while (performance.now() < deadline) {
      const now = await existing(organizationId, id);
      if (now.decided_event === eventId) return detailsOf(now);
      const end = await readChoiceEnd(database, organizationId, eventId);
      if (end?.state === "dropped") throw refusal(end.state_reason ?? "", now);
      await pause(LOOK_EVERY_MS);
    }
    throw new ParleyError("CONFLICT", { detail: "it is not decided yet; look at it again in a moment" });
  }

  return {
    async list(organizationId, options = {}) {
      const { state = null, limit = DEFAULT_LIMIT } = options;
      return (await listRequests(tenant(organizationId), { organizationId, state, limit })).map(viewOf);
    },
    show: async (organizationId, id) => detailsOf(await existing(organizationId, id)),
    decide,
  };
}

function notOpen(row: ListedRequest): ParleyError {
  const by = row.state === "decided" ? ` by ${row.decided_by_name ?? row.decided_by}` : "";
  return new ParleyError("CONFLICT", { detail: `the question is ${row.state}${by}` });
}

function refusal(reason: string, row: ListedRequest): ParleyError {
  if (!reason.startsWith(REFUSED)) return notOpen(row);
  const rule = reason.slice(REFUSED.length);
  return new ParleyError(FAULTS.has(rule) ? "REQUEST_INVALID" : "PERMISSION_DENIED", { detail: rule });
}

function detailsOf(row: ListedRequest): RequestDetails {
  return { ...viewOf(row), part: row.part as JsonValue }; // written from a validated part
}

function viewOf(row: ListedRequest): RequestView {
  const part = askedPart(row);
  return {
    id: row.id,
    agent: row.handle,
    kind: row.kind,
    actionId: row.action_id,
    platform: row.platform,
    conversationId: row.conversation_id,
    channel: row.channel,
    turnId: row.turn_id,
    live: row.live,
    state: row.state,
    ...(row.state_reason === null ? {} : { stateReason: row.state_reason }),
    ...(part === undefined ? {} : { prompt: part.prompt }),
    ...(part?.type === "approval_request" ? { options: part.options } : {}),
    ...(part?.type === "input_request"
      ? { fields: part.fields.map(({ id, label, required }) => ({ id, label, required })) }
      : {}),
    binding: row.binding,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    ...(row.state !== "decided" || row.decided_by === null || row.decided_at === null
      ? {}
      : {
          decision: {
            ...(row.option_id === null ? {} : { optionId: row.option_id }),
            ...(row.effect === null ? {} : { effect: row.effect }),
            by: row.decided_by,
            byName: row.decided_by_name ?? row.decided_by,
            at: row.decided_at.toISOString(),
          },
        }),
  };
}
