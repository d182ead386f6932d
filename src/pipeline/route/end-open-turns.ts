import type { OpenTurn } from "../../ledger/claims.ts";
import type { CancelRow } from "../../ledger/routing.ts";
import type { ConversationPlan } from "./conversation-plan.ts";

/**
 * Marks matching turns as ended: queued ones at once, running ones by asking their owner. Turns planned in this round have the newest words
 * already and are spared by an edit; what ends them too, takes them back as if they had never been planned.
 */
export function endOpenTurns(
  plan: ConversationPlan,
  open: Map<string, OpenTurn>,
  matches: (turn: OpenTurn) => boolean,
  state: CancelRow["state"],
  reason: string,
  reach: "committed" | "planned_too" = "committed",
): OpenTurn[] {
  const ended = openTurnsThat(open, matches, reach);
  for (const turn of ended) {
    open.delete(turn.id);
    if (turn.planned === true) {
      takeBack(plan, turn, state, reason);
      continue;
    }
    plan.cancel.push({ id: turn.id, conv: plan.claimed.id, state, reason });
    if (turn.state === "running")
      open.set(`ending ${turn.id}`, { ...turn, id: `ending ${turn.id}`, state: "delivering" });
  }
  return ended;
}

/** The turns that an edit or a stop can end: none that is being delivered already, and those of this round only where `reach` says so. */
export function openTurnsThat(
  open: ReadonlyMap<string, OpenTurn>,
  matches: (turn: OpenTurn) => boolean,
  reach: "committed" | "planned_too" = "committed",
): OpenTurn[] {
  return [...open.values()].filter(
    (turn) => (reach === "planned_too" || turn.planned !== true) && turn.state !== "delivering" && matches(turn),
  );
}

/** Undoes a turn that this round planned: its event ends with it when it has no other. */
function takeBack(plan: ConversationPlan, turn: OpenTurn, state: CancelRow["state"], reason: string): void {
  plan.turns.splice(0, plan.turns.length, ...plan.turns.filter((planned) => planned.row.id !== turn.id));
  replace(plan.decisions, (row) => (row.turn === turn.id ? { ...row, verdict: "no", rule: reason, turn: null } : row));
  replace(plan.events, (row) => {
    if (row.id !== turn.event_id || row.state !== "routed") return row;
    const left = row.open_turns - 1;
    return left > 0 ? { ...row, open_turns: left } : { ...row, state, reason, open_turns: 0 };
  });
}

function replace<Row>(rows: Row[], change: (row: Row) => Row): void {
  for (const [index, row] of rows.entries()) rows[index] = change(row);
}
