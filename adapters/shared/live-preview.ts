import type { Receipt } from "../../src/contracts/adapter.ts";
import type { LivePreview } from "../../src/contracts/adapter-features.ts";
import { ERROR_CODES } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import {
  openedPreview,
  type PreviewAction,
  type PreviewEvent,
  type PreviewPolicy,
  type PreviewState,
  type PreviewVerdict,
  stepPreview,
} from "./live-preview-machine.ts";

/** How one platform edits one growing message; `Edit` is whatever its `write` takes. */
export interface PreviewWriter<Edit> {
  /** Least time between the starts of two edits, in ms; read at each edit, so that it may change. */
  readonly minIntervalMs: number;
  /** The edit that makes the message show this text so far; undefined when it would change nothing. No I/O. */
  prepare(markdown: string): Edit | undefined;
  /**
   * Takes a turn of the budget that all previews of the server or account share (`SendLimiter.takePreviewTurn`).
   *
   * Gives 0 when it was taken, else the time after which it may be asked again, in ms.
   */
  takeTurn(): number;
  /** Performs the edit; a rejection is judged by `judge`. */
  write(edit: Edit): Promise<void>;
  /** What a failed write means. Default `judgePreviewFailure`. */
  judge?(error: unknown): PreviewVerdict;
}

export interface LivePreviewOptions<Edit> {
  readonly receipt: Receipt;
  readonly writer: PreviewWriter<Edit>;
  /** Ends the preview; an edit under way ends by the writer's own means. Default: only `settle` ends it. */
  readonly signal?: AbortSignal;
  /** Default: three failures in a row, any number of edits. */
  readonly policy?: PreviewPolicy;
  readonly now?: () => number;
}

const DEFAULT_POLICY: PreviewPolicy = { maxFailures: 3 };

/**
 * Runs the live preview of a message that was just posted.
 *
 * Texts are coalesced to what the interval and the shared budget allow, edits never run side by side, and no failure leaves it.
 * After `settle` resolved nothing more is written, so that the final text cannot be overtaken.
 */
export function runLivePreview<Edit>(options: LivePreviewOptions<Edit>): LivePreview {
  return new PreviewRun(options);
}

/** The usual reading of a failure: pauses are kept, refusals for good end the preview, anything else is tried again. */
export function judgePreviewFailure(error: unknown): PreviewVerdict {
  if (!(error instanceof ParleyError)) return { kind: "failed" };
  if (error.code === "PLATFORM_RATE_LIMITED") return { kind: "paused", pauseMs: error.retryAfterMs ?? 0 };
  // The text so far was refused; a later one may be taken.
  if (error.code === "CONTENT_REJECTED") return { kind: "failed" };
  return ERROR_CODES[error.code].retry === "never" ? { kind: "given_up" } : { kind: "failed" };
}

class PreviewRun<Edit> implements LivePreview {
  readonly receipt: Receipt;
  readonly #writer: PreviewWriter<Edit>;
  readonly #policy: PreviewPolicy;
  readonly #now: () => number;
  #state: PreviewState;
  #timer: NodeJS.Timeout | undefined;
  #wakeAtMs: number | undefined;
  #writing: Promise<void> | undefined;
  #refusedWith: ParleyError | undefined;

  constructor(options: LivePreviewOptions<Edit>) {
    this.receipt = options.receipt;
    this.#writer = options.writer;
    this.#policy = options.policy ?? DEFAULT_POLICY;
    this.#now = options.now ?? Date.now;
    this.#state = openedPreview(this.#now(), options.writer.minIntervalMs);
    const { signal } = options;
    if (signal?.aborted) this.#on({ type: "ended" });
    signal?.addEventListener("abort", () => this.#on({ type: "ended" }), { once: true });
  }

  get refusedWith(): ParleyError | undefined {
    return this.#refusedWith;
  }

  offer(markdown: string): void {
    this.#on({ type: "offered", markdown });
  }

  async settle(): Promise<void> {
    this.#on({ type: "ended" });
    await this.#writing;
  }

  #on(event: PreviewEvent): void {
    for (let next: PreviewEvent | undefined = event; next !== undefined; ) {
      const step: { state: PreviewState; action: PreviewAction } = stepPreview(
        this.#state,
        next,
        this.#now(),
        this.#policy,
      );
      this.#state = step.state;
      next = this.#perform(step.action);
    }
  }

  /** Gives the event that follows at once; undefined when the next one comes from outside. */
  #perform(action: PreviewAction): PreviewEvent | undefined {
    const wakeAtMs = action.do === "wait" ? action.untilMs : undefined;
    // Texts are offered far more often than anything is due: a timer that is right already stays.
    if (wakeAtMs !== this.#wakeAtMs) this.#wakeAt(wakeAtMs);
    return action.do === "edit" ? this.#edit(action.markdown) : undefined;
  }

  #wakeAt(atMs: number | undefined): void {
    clearTimeout(this.#timer);
    this.#wakeAtMs = atMs;
    if (atMs === undefined) return;
    const wake = (): void => {
      this.#wakeAtMs = undefined;
      this.#on({ type: "due" });
    };
    this.#timer = setTimeout(wake, Math.max(0, atMs - this.#now()));
  }

  #edit(markdown: string): PreviewEvent | undefined {
    const { minIntervalMs } = this.#writer;
    let edit: Edit | undefined;
    try {
      edit = this.#writer.prepare(markdown);
      if (edit === undefined) return { type: "unchanged" };
      const waitMs = this.#writer.takeTurn();
      if (waitMs > 0) return { type: "held", waitMs };
    } catch {
      // A text that cannot even be prepared is not worth its preview; its final form reports what is wrong with it.
      return { type: "ended" };
    }
    const prepared = edit;
    this.#on({ type: "started", minIntervalMs });
    this.#writing = this.#write(prepared, markdown);
    return undefined;
  }

  async #write(edit: Edit, markdown: string): Promise<void> {
    try {
      await this.#writer.write(edit);
      this.#on({ type: "written" });
    } catch (error) {
      const verdict = this.#judge(error);
      if (verdict.kind === "given_up" && error instanceof ParleyError) this.#refusedWith = error;
      this.#on({ type: "failed", verdict, markdown });
    }
  }

  #judge(error: unknown): PreviewVerdict {
    return this.#writer.judge === undefined ? judgePreviewFailure(error) : this.#writer.judge(error);
  }
}
