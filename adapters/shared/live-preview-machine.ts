/** How a live preview behaves, apart from what it writes. */
export interface PreviewPolicy {
  /** A preview that fails this often in a row stays as it is; the final text does not depend on it. */
  readonly maxFailures: number;
  /** Most edits of one message; each may be an event of its own that every client has to load. Default: no limit. */
  readonly maxEdits?: number;
  /** How long the first new words wait for more, in ms: a text that ends just then needs no edit at all. Default 80. */
  readonly gatherMs?: number;
}

/** What a failed edit means for the ones to come. */
export type PreviewVerdict =
  /** Tried again later with the newest text; too many in a row end the preview. */
  | { readonly kind: "failed" }
  /** The platform asked for a pause; no failure of this preview. */
  | { readonly kind: "paused"; readonly pauseMs: number }
  /** The writer goes on in another way (a stream that ended becomes edits): the same text again, in its turn. */
  | { readonly kind: "changed_over" }
  /** Nothing more is written. */
  | { readonly kind: "given_up" };

export type PreviewEvent =
  | { readonly type: "offered"; readonly markdown: string }
  /** The time that was waited for has come. */
  | { readonly type: "due" }
  /** The text to write would change nothing. */
  | { readonly type: "unchanged" }
  /** The budget shared with other previews has no turn now. */
  | { readonly type: "held"; readonly waitMs: number }
  | { readonly type: "started"; readonly minIntervalMs: number }
  | { readonly type: "written" }
  | { readonly type: "failed"; readonly verdict: PreviewVerdict; readonly markdown: string }
  | { readonly type: "ended" };

export type PreviewAction =
  /** Write this text now; the next event is `unchanged`, `held` or `started`. */
  | { readonly do: "edit"; readonly markdown: string }
  | { readonly do: "wait"; readonly untilMs: number }
  /** Nothing to do until the next event. */
  | { readonly do: "rest" }
  /** Nothing to do any more. */
  | { readonly do: "stop" };

export interface PreviewState {
  readonly phase: "open" | "writing" | "ended";
  /** The newest text that was offered and not written; older ones are forgotten. */
  readonly pending: string | undefined;
  readonly notBeforeMs: number;
  readonly minIntervalMs: number;
  readonly failuresInRow: number;
  readonly edits: number;
}

const DEFAULT_GATHER_MS = 80;
/** Least wait when the budget has no turn, in ms: asking it more often would be of no use. */
const MIN_HELD_MS = 20;
/** Failed edits are repeated after 2, 4, 8 … intervals, at most this often doubled. */
const MAX_DOUBLINGS = 6;

/** The state of a preview whose message was just posted. */
export function openedPreview(nowMs: number, minIntervalMs: number): PreviewState {
  return {
    phase: "open",
    pending: undefined,
    notBeforeMs: nowMs + minIntervalMs,
    minIntervalMs,
    failuresInRow: 0,
    edits: 0,
  };
}

/**
 * Decides what a live preview does next; pure, and total: an event that does not fit the state changes nothing.
 *
 * Guarantees that edits of one message never run side by side, start at least the interval apart, never start inside a pause
 * or after the end, and that the newest text is the one written.
 */
export function stepPreview(
  state: PreviewState,
  event: PreviewEvent,
  nowMs: number,
  policy: PreviewPolicy,
): { readonly state: PreviewState; readonly action: PreviewAction } {
  const next = state.phase === "ended" ? state : transition(state, event, nowMs, policy);
  return { state: next, action: actionOf(next, nowMs) };
}

function transition(state: PreviewState, event: PreviewEvent, nowMs: number, policy: PreviewPolicy): PreviewState {
  switch (event.type) {
    case "offered":
      return { ...state, pending: event.markdown, notBeforeMs: gatheredAtMs(state, nowMs, policy) };
    case "due":
      return state;
    case "unchanged":
      return { ...state, pending: undefined };
    case "held":
      return { ...state, notBeforeMs: Math.max(state.notBeforeMs, nowMs + Math.max(MIN_HELD_MS, event.waitMs)) };
    case "started":
      if (state.phase === "writing") return state;
      return {
        ...state,
        phase: "writing",
        pending: undefined,
        minIntervalMs: event.minIntervalMs,
        notBeforeMs: Math.max(state.notBeforeMs, nowMs + event.minIntervalMs),
      };
    case "written": {
      if (state.phase !== "writing") return state;
      const edits = state.edits + 1;
      const phase = edits >= (policy.maxEdits ?? Number.POSITIVE_INFINITY) ? "ended" : "open";
      return { ...state, phase, failuresInRow: 0, edits };
    }
    case "failed":
      return state.phase === "writing" ? afterFailure(state, event.verdict, event.markdown, nowMs, policy) : state;
    case "ended":
      return { ...state, phase: "ended", pending: undefined };
  }
}

function gatheredAtMs(state: PreviewState, nowMs: number, { gatherMs = DEFAULT_GATHER_MS }: PreviewPolicy): number {
  return state.pending === undefined ? Math.max(state.notBeforeMs, nowMs + gatherMs) : state.notBeforeMs;
}

function afterFailure(
  state: PreviewState,
  verdict: PreviewVerdict,
  markdown: string,
  nowMs: number,
  policy: PreviewPolicy,
): PreviewState {
  // What was offered meanwhile is newer than what failed.
  const again: PreviewState = { ...state, phase: "open", pending: state.pending ?? markdown };
  switch (verdict.kind) {
    case "paused":
      return { ...again, notBeforeMs: Math.max(state.notBeforeMs, nowMs + verdict.pauseMs) };
    case "changed_over":
    case "failed": {
      const failuresInRow = state.failuresInRow + 1;
      if (failuresInRow >= policy.maxFailures) return { ...again, phase: "ended", pending: undefined, failuresInRow };
      const backoffMs =
        verdict.kind === "failed" ? state.minIntervalMs * 2 ** Math.min(MAX_DOUBLINGS, failuresInRow) : 0;
      return { ...again, failuresInRow, notBeforeMs: Math.max(state.notBeforeMs, nowMs + backoffMs) };
    }
    case "given_up":
      return { ...again, phase: "ended", pending: undefined };
  }
}

function actionOf(state: PreviewState, nowMs: number): PreviewAction {
  if (state.phase === "ended") return { do: "stop" };
  if (state.phase === "writing" || state.pending === undefined) return { do: "rest" };
  if (nowMs < state.notBeforeMs) return { do: "wait", untilMs: state.notBeforeMs };
  return { do: "edit", markdown: state.pending };
}
