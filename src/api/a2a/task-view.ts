import { type Artifact, type Message, type Part, Role, type Task, TaskState, type TaskStatus } from "@a2a-js/sdk";
import { z } from "zod";
import type { OutsideState, OutsideTask } from "../../contracts/outside-tasks.ts";
import type { WebPostRecord } from "../../contracts/web-room-records.ts";
import { partToText, ReplyPart } from "../../envelope/reply.ts";

/** Largest file that goes along in an answer, in bytes. */
export const MAX_FILE_BYTES = 4_194_304;

const STATES: Readonly<Record<OutsideState, TaskState>> = {
  submitted: TaskState.TASK_STATE_SUBMITTED,
  working: TaskState.TASK_STATE_WORKING,
  input_required: TaskState.TASK_STATE_INPUT_REQUIRED,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  canceled: TaskState.TASK_STATE_CANCELED,
  rejected: TaskState.TASK_STATE_REJECTED,
};

/** An artifact of a post that is stored: its bytes are an upload. */
const StoredFile = z.object({ type: z.literal("artifact"), uploadId: z.string() });

/** One post of an agent: its text, which may still grow, and what is not text. */
export interface PostView {
  readonly artifactId: string;
  readonly name: string;
  readonly text: string;
  readonly others: readonly Part[];
  readonly isFinal: boolean;
}

/** A task in the protocol's terms, with what a stream needs to tell changes. */
export interface TaskView {
  readonly task: OutsideTask;
  readonly posts: readonly PostView[];
  readonly status: TaskStatus;
}

type ReadFile = (uploadId: string) => Promise<Uint8Array | undefined>;

/** Guarantees the protocol's view of a task: what agents posted as artifacts, an open question and the reason of a failure as its status. */
export async function viewTask(task: OutsideTask, readFile: ReadFile): Promise<TaskView> {
  const asking = new Set(task.questions.map(({ postId }) => postId));
  const failed = task.state === "failed" ? task.posts.at(-1) : undefined;
  const shown = task.posts.filter(
    (post) => !asking.has(post.postId) && post !== failed && post.deletedAt === undefined,
  );
  const posts = await Promise.all(shown.map((post) => viewPost(post, readFile)));
  return { task, posts, status: statusOf(task, failed) };
}

/** The whole task as an answer. */
export function taskOf({ task, posts, status }: TaskView, historyLength?: number): Task {
  const history = task.said.map(({ messageId, text }) => messageOf(task, messageId, Role.ROLE_USER, [textPart(text)]));
  return {
    id: task.id,
    contextId: task.contextId,
    status,
    artifacts: posts.map(artifactOf),
    history: historyLength === undefined ? history : historyLength === 0 ? [] : history.slice(-historyLength),
    metadata: undefined,
  };
}

export function artifactOf({ artifactId, name, text, others }: PostView): Artifact {
  const parts = [...(text === "" ? [] : [textPart(text)]), ...others];
  return { artifactId, name, description: "", parts, metadata: undefined, extensions: [] };
}

function statusOf(task: OutsideTask, failed: WebPostRecord | undefined): TaskStatus {
  const parts = statusParts(task, failed);
  return {
    state: STATES[task.state],
    message: parts.length === 0 ? undefined : messageOf(task, `${task.id}-${task.state}`, Role.ROLE_AGENT, parts),
    timestamp: task.updatedAt,
  };
}

function statusParts(task: OutsideTask, failed: WebPostRecord | undefined): readonly Part[] {
  switch (task.state) {
    case "working":
      return task.status === undefined ? [] : [textPart(task.status)];
    case "input_required":
      return task.questions.flatMap(({ part }) => {
        const read = ReplyPart.safeParse(part);
        return [...(read.success ? [textPart(partToText(read.data))] : []), dataPart(part)];
      });
    case "failed":
      return [textPart(failed?.text ?? `The task failed (${task.reason ?? "unknown"}).`)];
    case "rejected":
      return [textPart(`No agent took this up (${task.reason ?? "unknown"}). In a room, name an agent with @.`)];
    default:
      return [];
  }
}

async function viewPost(post: WebPostRecord, readFile: ReadFile): Promise<PostView> {
  const base = { artifactId: post.postId, name: post.author.handle ?? post.author.name };
  if (post.state === "streaming") return { ...base, text: post.text, others: [], isFinal: false };
  const texts: string[] = [];
  const others: Part[] = [];
  for (const stored of post.parts ?? []) {
    const file = StoredFile.safeParse(stored);
    if (file.success) others.push(await filePart(post, file.data.uploadId, readFile));
    const part = ReplyPart.safeParse(stored);
    if (!part.success) continue;
    if (part.data.type === "task_update") others.push(dataPart(part.data));
    else if (!SILENT.has(part.data.type)) texts.push(partToText(part.data));
  }
  return {
    ...base,
    text: texts.length === 0 && others.length === 0 ? post.text : texts.join("\n\n"),
    others,
    isFinal: true,
  };
}

/** What an agent did on its way is its own matter and that of the page. */
const SILENT: ReadonlySet<string> = new Set(["status", "tool_call", "tool_result"]);

async function filePart(post: WebPostRecord, uploadId: string, readFile: ReadFile): Promise<Part> {
  const upload = post.uploads.find((one) => one.uploadId === uploadId);
  const bytes = upload === undefined ? undefined : await readFile(uploadId);
  if (upload === undefined || bytes === undefined)
    return textPart(`_The file ${upload?.name ?? ""} is too large to be sent here; it is in the room._`);
  return {
    content: { $case: "raw", value: Buffer.from(bytes) },
    metadata: undefined,
    filename: upload.name,
    mediaType: upload.mediaType,
  };
}

export function messageOf(
  task: Pick<OutsideTask, "id" | "contextId">,
  messageId: string,
  role: Role,
  parts: readonly Part[],
): Message {
  return {
    messageId,
    contextId: task.contextId,
    taskId: task.id,
    role,
    parts: [...parts],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

export function textPart(value: string): Part {
  return { content: { $case: "text", value }, metadata: undefined, filename: "", mediaType: "text/markdown" };
}

function dataPart(value: unknown): Part {
  return { content: { $case: "data", value }, metadata: undefined, filename: "", mediaType: "application/json" };
}
