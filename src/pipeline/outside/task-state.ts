import type { OutsideState, OutsideTask } from "../../contracts/outside-tasks.ts";
import type { WebPostRecord } from "../../contracts/web-room-records.ts";
import type { OutsideProgress, OutsideTaskRow } from "../../ledger/outside-tasks.ts";

/** States in which nothing more comes by itself. */
export const RESTING: ReadonlySet<OutsideState> = new Set([
  "input_required",
  "completed",
  "failed",
  "canceled",
  "rejected",
]);
/** States after which a task takes no more messages. */
export const ENDED: ReadonlySet<OutsideState> = new Set(["completed", "failed", "canceled", "rejected"]);

const OPEN_EVENTS: ReadonlySet<string> = new Set(["pending", "routed", "steering"]);

/** A task as it is now, from what its messages caused. Pure. */
export function toOutsideTask(
  row: OutsideTaskRow,
  progress: OutsideProgress,
  posts: readonly WebPostRecord[],
  status: string | undefined,
): OutsideTask {
  const { state, reason } = stateOf(progress);
  const order = new Map(progress.posts.map((id, index) => [id, index]));
  return {
    id: row.id,
    contextId: row.context_id,
    roomId: row.room_id,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(status === undefined || state !== "working" ? {} : { status }),
    posts: posts.toSorted((a, b) => (order.get(a.postId) ?? 0) - (order.get(b.postId) ?? 0)),
    // A question that is not shown yet cannot be answered.
    questions: progress.questions.flatMap(({ actionId, part, postId }) =>
      postId === null || part === null ? [] : [{ actionId, postId, part }],
    ),
    said: progress.said.map(({ messageId, text }) => ({ messageId, text: text ?? "" })),
    updatedAt: (progress.updatedAt ?? row.created_at).toISOString(),
  };
}

function stateOf(progress: OutsideProgress): { readonly state: OutsideState; readonly reason?: string | undefined } {
  const { events, turns, questions } = progress;
  if (questions.some(({ postId }) => postId !== null)) return { state: "input_required" };
  const isOpen = events.length === 0 || events.some((event) => OPEN_EVENTS.has(event.state));
  if (isOpen && turns.length === 0) return { state: "submitted" };
  if (isOpen || turns.some((turn) => !turn.finished) || questions.length > 0) return { state: "working" };
  const last = turns.at(-1);
  if (last === undefined) return { state: "rejected", reason: events[0]?.reason ?? "no_agent_answers" };
  // Several agents may have been asked: one answer is an answer.
  if (last.state === "answered" || turns.some((turn) => turn.state === "answered" && turns.length > 1))
    return { state: "completed" };
  const reason = last.reason ?? last.state;
  if (last.state === "cancelled" || last.state === "superseded") return { state: "canceled", reason };
  return { state: "failed", reason };
}
