import type { ReconcileOutcome, ReconcileQuery } from "../../src/contracts/adapter.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { asString, type Raw } from "./raw.ts";
import { isOwn, markOf, readSince } from "./read-back.ts";
import { asTs, tsToIso, tsToOrder } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

export interface ReconcileOptions {
  /** The mark that a message of this delivery carries. */
  readonly mark: string;
  /** Age an attempt must have before its absence is believed, in ms: a call given up may still be carried out. */
  readonly settleMs: number;
  readonly nowMs: number;
}

/**
 * Looks for a delivery in the platform's own record.
 *
 * A message of ours with the delivery's mark is it. The opening of a stream can carry no mark: there, the one message of ours
 * in that time that is accounted for nowhere is it, and several are undetermined. Absence is believed only of a complete
 * reading, some time after the attempt.
 */
export async function reconcileDelivery(
  workspace: Workspace,
  query: ReconcileQuery,
  options: ReconcileOptions,
): Promise<ReconcileOutcome> {
  const since = Date.parse(query.attemptedSince);
  if (Number.isNaN(since)) return { undetermined: "the time of the attempt is unreadable" };
  let messages: readonly Raw[] | undefined;
  try {
    messages = await readSince(workspace, query.target.conversation, since, query.signal);
  } catch (error) {
    const fault = toParleyError(error);
    return { undetermined: `the conversation could not be read: ${fault.detail ?? fault.code}` };
  }
  if (messages === undefined) return { undetermined: "too many messages since the attempt" };
  const own = messages.filter((message) => isOwn(workspace, message));
  const marked = own.find((message) => markOf(message) === options.mark);
  if (marked !== undefined) return found(marked);
  const candidates = query.preview ? unaccounted(own, query) : [];
  const [candidate] = candidates;
  if (candidate !== undefined && candidates.length === 1) return found(candidate);
  if (candidates.length > 1) return { undetermined: `${candidates.length} messages may be it` };
  if (options.nowMs - since < options.settleMs)
    return { undetermined: "the attempt is too recent to be missing for certain" };
  return { absent: true };
}

function unaccounted(own: readonly Raw[], query: ReconcileQuery): readonly Raw[] {
  const known = new Set<unknown>(query.knownMessageIds);
  return own.filter((message) => {
    const name = asString(message["username"]);
    return (
      !known.has(message["ts"]) && markOf(message) === undefined && (name === undefined || name === query.identity.name)
    );
  });
}

function found(message: Raw): ReconcileOutcome {
  const ts = asTs(message["ts"]) ?? "";
  return { found: { messageId: ts, occurredAt: tsToIso(ts), platformOrder: tsToOrder(ts) } };
}
