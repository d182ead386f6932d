import type { WebUpload } from "./protocol.ts";

/** The parts of an agent's reply as the HTTP API gives them; `test/unit/console` compares these shapes with the server's schemas. */
interface PartBase {
  readonly fallbackText?: string | undefined;
}

export interface TextPart extends PartBase {
  readonly type: "text";
  readonly markdown: string;
}

export interface ToolCallPart extends PartBase {
  readonly type: "tool_call";
  readonly toolCallId: string;
  readonly name: string;
  readonly title?: string | undefined;
  readonly input?: string | undefined;
}

export interface ToolResultPart extends PartBase {
  readonly type: "tool_result";
  readonly toolCallId: string;
  readonly name: string;
  readonly outcome: "ok" | "error" | "denied";
  readonly output?: string | undefined;
}

export interface StatusPart extends PartBase {
  readonly type: "status";
  readonly text: string;
}

export type TaskState = "pending" | "in_progress" | "completed" | "failed" | "cancelled";

export interface TaskUpdatePart extends PartBase {
  readonly type: "task_update";
  readonly taskId: string;
  readonly title: string;
  readonly state: TaskState;
  readonly detail?: string | undefined;
}

export interface Choice {
  readonly id: string;
  readonly label: string;
  readonly effect: "allow" | "deny" | "neutral";
}

export interface ApprovalRequestPart extends PartBase {
  readonly type: "approval_request";
  readonly approvalId: string;
  readonly prompt: string;
  readonly subject?: string | undefined;
  readonly options: readonly Choice[];
  readonly expiresInMs?: number | undefined;
}

export interface InputField {
  readonly id: string;
  readonly label: string;
  readonly kind: "text" | "paragraph" | "number" | "boolean" | "choice";
  readonly options?: readonly Choice[] | undefined;
  readonly required: boolean;
}

export interface InputRequestPart extends PartBase {
  readonly type: "input_request";
  readonly inputId: string;
  readonly prompt: string;
  readonly fields: readonly InputField[];
}

export interface ArtifactPart extends PartBase {
  readonly type: "artifact";
  readonly artifactId: string;
  readonly upload: WebUpload;
}

export interface ErrorPart extends PartBase {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export interface HandoffPart extends PartBase {
  readonly type: "handoff";
  readonly agent: string;
  readonly note?: string | undefined;
}

export type WebPart =
  | TextPart
  | ToolCallPart
  | ToolResultPart
  | StatusPart
  | TaskUpdatePart
  | ApprovalRequestPart
  | InputRequestPart
  | ArtifactPart
  | ErrorPart
  | HandoffPart;
