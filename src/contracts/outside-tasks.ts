import type { WebPostRecord } from "./web-room-records.ts";
import type { VisitorFile } from "./web-visitor.ts";

/** Who calls from outside: a token that talks, and the person of the web rooms whom it stands for. */
export interface OutsideCaller {
  readonly organizationId: string;
  readonly tokenId: string;
  readonly personId: string;
  /** When the call came; a token that was renewed since ends what the call began. */
  readonly since: Date;
}

/** What a caller may speak to: an agent, in its direct message, or a room that the person is in. */
export type OutsideTarget =
  | {
      readonly agent: { readonly handle: string; readonly name: string; readonly description: string };
      /** The direct message; none before the first word in it. */
      readonly roomId?: string;
    }
  | { readonly room: { readonly roomId: string; readonly name: string; readonly topic: string } };

/** Where a task is: the target as it was called by name. */
export type OutsideAddress = { readonly agent: string } | { readonly room: string };

export const OUTSIDE_STATES = [
  "submitted",
  "working",
  "input_required",
  "completed",
  "failed",
  "canceled",
  "rejected",
] as const;
export type OutsideState = (typeof OUTSIDE_STATES)[number];

/** A question that waits for an answer, as the part that shows it. */
export interface OutsideQuestion {
  readonly actionId: string;
  readonly postId: string;
  readonly part: unknown;
}

/** A task as it is now; all of it is read from the posts and turns that its messages caused. */
export interface OutsideTask {
  readonly id: string;
  readonly contextId: string;
  readonly roomId: string;
  readonly state: OutsideState;
  /** Why it came to that, as a rule's name. */
  readonly reason?: string;
  /** What the agent says that it does now. */
  readonly status?: string;
  /** What agents answered, oldest first; one that is still streaming among them. */
  readonly posts: readonly WebPostRecord[];
  readonly questions: readonly OutsideQuestion[];
  /** What the caller said, oldest first. */
  readonly said: readonly { readonly messageId: string; readonly text: string }[];
  readonly updatedAt: string;
}

export interface OutsideMessage {
  /** The caller's own id of it: a repeat is not said twice. */
  readonly messageId: string;
  readonly contextId?: string;
  readonly taskId?: string;
  readonly text: string;
  readonly files: readonly VisitorFile[];
  /** Answers a question of the task. */
  readonly answer?: {
    readonly actionId?: string;
    readonly value?: string;
    readonly fields: Readonly<Record<string, string>>;
  };
}

/** Where the notifications of a task go. */
export interface OutsidePush {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  readonly scheme?: string;
  readonly credentials?: string;
  /** Version of the protocol that it was asked for in. */
  readonly version: string;
}

/**
 * Agents and rooms for programs outside, in tasks. Each call asks the one decision function whether the person may, and tells the audit log of
 * each denial; what they may not see is NOT_FOUND like what is not there.
 *
 * Errors besides: CONFLICT for a task that takes no more messages, REQUEST_INVALID, RATE_EXCEEDED, UNAUTHENTICATED once the token has ended.
 */
export interface OutsideTasks {
  targets(caller: OutsideCaller): Promise<readonly OutsideTarget[]>;
  target(caller: OutsideCaller, address: OutsideAddress): Promise<OutsideTarget>;
  /** Says something, once per messageId (REQUEST_INVALID for one that was used at another address); the task may have come far already when it resolves. */
  send(caller: OutsideCaller, address: OutsideAddress, message: OutsideMessage): Promise<OutsideTask>;
  read(caller: OutsideCaller, taskId: string): Promise<OutsideTask>;
  /** The token's own tasks in one room, newest first. */
  list(
    caller: OutsideCaller,
    query: { readonly roomId: string; readonly contextId?: string; readonly before?: string; readonly limit: number },
  ): Promise<{ readonly tasks: readonly OutsideTask[]; readonly next?: string }>;
  /** Stops what the task's messages caused. */
  cancel(caller: OutsideCaller, taskId: string): Promise<OutsideTask>;
  /** The task now and after each change, until it has ended or asks; throws UNAUTHENTICATED within a second of the token's end. */
  watch(caller: OutsideCaller, taskId: string, signal: AbortSignal): AsyncIterable<OutsideTask>;
  pushes(caller: OutsideCaller, taskId: string): Promise<readonly OutsidePush[]>;
  setPushes(caller: OutsideCaller, taskId: string, pushes: readonly OutsidePush[]): Promise<void>;
  /** The bytes of a file of a post; undefined when it is gone or too large. */
  file(caller: OutsideCaller, uploadId: string, maxBytes: number): Promise<Uint8Array | undefined>;
}
