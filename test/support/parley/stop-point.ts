/** A place where a process ends itself by SIGKILL, at the nth pass of it. */
export interface StopPoint {
  /** A statement of the ledger by its name (`sql:intake`), a platform write (`send`), a bell (`ring`), the agent's function (`agent`). */
  readonly at: `sql:${string}` | "send" | "ring" | "agent";
  /**
   * `before` it is done; `after` it is done and before anybody hears of it; `during` is for `send` alone: the request has left and
   * its answer has not come. Of a bell, `before` means that it is never rung although the acknowledgement has left.
   */
  readonly when: "before" | "after" | "during";
  /** Which pass of it, counted from 1 and from the first message. Default 1. */
  readonly nth?: number;
}

/** What is deliberately broken in a process, to prove that the checker sees what it must see. */
export type Sabotage =
  /** Events are acknowledged although they were never stored. */
  | "acknowledge_unstored"
  /** A write of unknown outcome is sent again at once. */
  | "resend_unknown"
  /** Waiting turns of a conversation start from the newest to the oldest. */
  | "ignore_order";

export interface StoppedProcessOptions {
  readonly stop?: StopPoint | undefined;
  /** Bells are swallowed, as if each were lost on its way. */
  readonly loseBells?: boolean;
  readonly sabotage?: Sabotage | undefined;
}
