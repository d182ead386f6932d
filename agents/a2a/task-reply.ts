import {
  type Artifact,
  type Message,
  Role,
  type StreamResponse,
  type Task,
  TaskState,
  type TaskStatus,
} from "@a2a-js/sdk";
import type { ReplyEventInput } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { authText } from "./auth-text.ts";
import { PartRenderer } from "./part-events.ts";

/** Most artifacts of one task; a flood is refused as nonsense. */
const MAX_ARTIFACTS = 1_000;
const MAX_STATUS_CHARS = 200;
/** An artifact that is replaced by another text is shown again, which has an end. */
const MAX_REPLACEMENTS = 20;

/** How a turn at an agent ends; undefined while it goes on. */
export type Ending = "answered" | "failed" | "rejected" | "cancelled" | "input" | "auth";

const ENDINGS: ReadonlyMap<TaskState, Ending> = new Map([
  [TaskState.TASK_STATE_COMPLETED, "answered"],
  [TaskState.TASK_STATE_FAILED, "failed"],
  [TaskState.TASK_STATE_REJECTED, "rejected"],
  [TaskState.TASK_STATE_CANCELED, "cancelled"],
  [TaskState.TASK_STATE_INPUT_REQUIRED, "input"],
  [TaskState.TASK_STATE_AUTH_REQUIRED, "auth"],
]);

interface Shown {
  text: string;
  isGrowing: boolean;
  replacements: number;
}

/**
 * Makes one reply of what an agent says of a task, in whichever of the three places it puts its result: artifacts, a message, or the
 * message of its status. Each text is rendered once; a snapshot of the task adds what the events before it lacked.
 */
export class TaskReply {
  readonly #artifacts = new Map<string, Shown>();
  readonly #said = new Set<string>();
  readonly #parts = new PartRenderer();
  #allText = "";
  #needsBreak = false;
  /** The block that the open text belongs to. */
  #openBlock: string | undefined;
  #lastWords: string | undefined;
  #lastStatus: string | undefined;
  taskId: string | undefined;
  contextId: string | undefined;
  ending: Ending | undefined;
  /** The words an agent that failed or refused gave as the reason; undefined when it gave none. */
  reason: string | undefined;
  /** Grows with whatever an agent says, so that silence can be told. */
  heard = 0;

  *take({ payload }: StreamResponse): Generator<ReplyEventInput> {
    this.heard += 1;
    switch (payload?.$case) {
      case "task":
        yield* this.takeTask(payload.value);
        return;
      case "message":
        this.contextId = payload.value.contextId || this.contextId;
        this.ending = "answered";
        yield* this.#message(payload.value);
        return;
      case "statusUpdate":
        this.#identify(payload.value.taskId, payload.value.contextId);
        yield* this.#status(payload.value.status);
        return;
      case "artifactUpdate": {
        const { artifact, append, lastChunk } = payload.value;
        this.#identify(payload.value.taskId, payload.value.contextId);
        if (artifact !== undefined) yield* this.#artifact(artifact, append, !lastChunk);
        return;
      }
      default:
        throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the agent sent an event of no known kind" });
    }
  }

  /** A snapshot: what of it was rendered already is left out. */
  *takeTask(task: Task): Generator<ReplyEventInput> {
    if (task.id === "") throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the agent's task has no id" });
    this.#identify(task.id, task.contextId);
    for (const artifact of task.artifacts) yield* this.#artifact(artifact, false, false);
    yield* this.#status(task.status);
    if (this.ending === "answered" && this.#allText === "" && this.#lastWords === undefined) {
      const last = task.history.findLast((message) => message.role === Role.ROLE_AGENT);
      if (last !== undefined) this.#lastWords = textOf(last);
    }
  }

  /** A sign of life of work that says nothing. */
  stillWorking(): ReplyEventInput {
    this.#needsBreak = false;
    this.#openBlock = undefined;
    return { type: "part", part: { type: "status", text: this.#lastStatus ?? "Working" } };
  }

  /** What is left to say once the end is known: where nothing else came, the last words of the work. */
  *close(): Generator<ReplyEventInput> {
    if (this.#allText === "" && this.#lastWords !== undefined && this.ending === "answered")
      yield* this.#text(this.#lastWords);
  }

  #identify(taskId: string, contextId: string): void {
    if (taskId !== "") {
      if (this.taskId !== undefined && this.taskId !== taskId)
        throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the agent answered for another task" });
      this.taskId = taskId;
    }
    if (contextId !== "") this.contextId = contextId;
  }

  *#status(status: TaskStatus | undefined): Generator<ReplyEventInput> {
    if (status === undefined) return;
    const { message } = status;
    const ending = ENDINGS.get(status.state);
    if (ending === undefined) {
      if (message !== undefined) yield* this.#working(message);
      return;
    }
    this.ending = ending;
    if (ending === "failed" || ending === "rejected") {
      this.reason = message === undefined ? undefined : textOf(message).trim() || undefined;
      return;
    }
    if (ending === "auth") yield* this.#text(authText(message));
    else if (message !== undefined) yield* this.#message(message);
  }

  *#working(message: Message): Generator<ReplyEventInput> {
    const text = textOf(message).trim();
    if (text === "") return;
    this.#lastWords = text;
    const line = text.split("\n", 1)[0]?.trim().slice(0, MAX_STATUS_CHARS) ?? "";
    // A status closes the text that is open, so in the middle of one it waits.
    const isGrowing = [...this.#artifacts.values()].some((one) => one.isGrowing);
    if (line === "" || line === this.#lastStatus || isGrowing) return;
    this.#lastStatus = line;
    yield this.stillWorking();
  }

  *#message(message: Message): Generator<ReplyEventInput> {
    const text = textOf(message);
    if (text.trim() !== "" && !this.#isSaid(text)) yield* this.#text(text);
    yield* this.#others(message.parts, "");
  }

  *#artifact(artifact: Artifact, append: boolean, isGrowing: boolean): Generator<ReplyEventInput> {
    const { artifactId } = artifact;
    const known = this.#artifacts.get(artifactId);
    if (known === undefined && this.#artifacts.size >= MAX_ARTIFACTS)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `the task has more than ${MAX_ARTIFACTS} artifacts` });
    const shown = known ?? { text: "", isGrowing, replacements: 0 };
    this.#artifacts.set(artifactId, shown);
    shown.isGrowing = isGrowing;
    const text = artifact.parts.map((part) => (part.content?.$case === "text" ? part.content.value : "")).join("");
    if (append && known !== undefined) {
      shown.text += text;
      yield* this.#delta(text, artifactId);
    } else if (text.startsWith(shown.text)) {
      const rest = text.slice(shown.text.length);
      const isRepeat = shown.text === "" && !isGrowing && this.#isSaid(text);
      shown.text = text;
      if (!isRepeat) yield* this.#delta(rest, artifactId);
    } else if (!shown.text.startsWith(text)) {
      shown.replacements += 1;
      if (shown.replacements > MAX_REPLACEMENTS)
        throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the agent replaces an artifact over and over" });
      const isRepeat = this.#isSaid(text);
      shown.text = text;
      if (!isRepeat) yield* this.#delta(text, `${artifactId} ${shown.replacements}`);
    }
    yield* this.#others(artifact.parts, artifact.name);
  }

  *#others(parts: Message["parts"], name: string): Generator<ReplyEventInput> {
    for (const part of parts) {
      const rendered = this.#parts.render(part, name);
      if (rendered === undefined) continue;
      if ("text" in rendered) yield* this.#text(rendered.text);
      else {
        this.#needsBreak = false;
        this.#openBlock = undefined;
        yield rendered.event;
      }
    }
  }

  *#text(text: string): Generator<ReplyEventInput> {
    this.#said.add(normalized(text));
    yield* this.#delta(text, undefined);
  }

  /** Text of one block grows without a gap; another block begins after an empty line. */
  *#delta(text: string, block: string | undefined): Generator<ReplyEventInput> {
    if (text === "") return;
    const isNewBlock = block === undefined || block !== this.#openBlock;
    const markdown = isNewBlock && this.#needsBreak ? `\n\n${text}` : text;
    this.#openBlock = block;
    this.#needsBreak = true;
    this.#allText += markdown;
    yield { type: "text_delta", markdown };
  }

  #isSaid(text: string): boolean {
    const wanted = normalized(text);
    if (wanted === "") return true;
    if (this.#said.has(wanted) || normalized(this.#allText) === wanted) return true;
    return [...this.#artifacts.values()].some((shown) => normalized(shown.text) === wanted && shown.text !== "");
  }
}

function textOf(message: Message): string {
  return message.parts.map((part) => (part.content?.$case === "text" ? part.content.value : "")).join("");
}

function normalized(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
