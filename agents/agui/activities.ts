import { createHash } from "node:crypto";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import { patched } from "./patch.ts";

type TaskUpdate = Extract<ReplyPartInput, { type: "task_update" }>;

const MAX_ACTIVITIES = 20;
const MAX_ACTIVITY_CHARS = 65_536;
/** Most entries of plans that are shown; a reply has 50 parts, and the answer needs room. */
const MAX_SHOWN_ENTRIES = 15;
/** Where frameworks keep the entries of a plan, and what they call an entry's text. */
const ENTRY_LISTS = ["steps", "todos", "tasks", "entries", "items", "plan"] as const;
const ENTRY_TEXTS = ["title", "name", "description", "content", "text", "step", "task"] as const;
const SHORT_TEXTS = ["title", "message", "text", "status", "description"] as const;

interface Activity {
  readonly type: string;
  content: unknown;
}

/** What an agent shows of its work beside its answer: plans become tasks at the end of the turn, and everything a status line at once. */
export class Activities {
  readonly #byMessage = new Map<string, Activity>();

  snapshot(messageId: string, type: string, content: unknown, replace: boolean): string | undefined {
    const known = this.#byMessage.get(messageId);
    if (known !== undefined && !replace) return undefined;
    if (known === undefined && this.#byMessage.size >= MAX_ACTIVITIES) return undefined;
    const activity = { type, content: patched(content, [], MAX_ACTIVITY_CHARS) };
    this.#byMessage.set(messageId, activity);
    return lineOf(activity);
  }

  /** Throws AGENT_REPLY_INVALID for a patch that does not fit. */
  patch(messageId: string, operations: readonly unknown[]): string | undefined {
    const activity = this.#byMessage.get(messageId);
    if (activity?.content === undefined) return undefined;
    activity.content = patched(activity.content, operations, MAX_ACTIVITY_CHARS);
    return lineOf(activity);
  }

  tasks(): TaskUpdate[] {
    return [...this.#byMessage]
      .flatMap(([messageId, { content }]) =>
        entriesOf(content).map(({ title, state }, index) => ({
          type: "task_update" as const,
          taskId: createHash("sha256").update(`${messageId}\n${index}`).digest("hex").slice(0, 32),
          title,
          state,
        })),
      )
      .slice(0, MAX_SHOWN_ENTRIES);
  }
}

interface Entry {
  readonly title: string;
  readonly state: TaskUpdate["state"];
}

function lineOf({ type, content }: Activity): string | undefined {
  const entries = entriesOf(content);
  const current =
    entries.find((entry) => entry.state === "in_progress") ?? entries.find((entry) => entry.state === "pending");
  if (current !== undefined) {
    const done = entries.filter((entry) => entry.state === "completed").length;
    return `${current.title} (${done} of ${entries.length} done)`;
  }
  return entries.length > 0
    ? undefined
    : (textIn(content, SHORT_TEXTS) ?? type.toLowerCase().replaceAll(/[_-]+/g, " "));
}

function entriesOf(content: unknown): Entry[] {
  const list = ENTRY_LISTS.map((name) => fieldOf(content, name)).find((value) => Array.isArray(value));
  if (!Array.isArray(list)) return [];
  return list.slice(0, MAX_SHOWN_ENTRIES).flatMap((entry: unknown) => {
    const title = typeof entry === "string" ? entry : textIn(entry, ENTRY_TEXTS);
    if (title === undefined || title.trim() === "") return [];
    const state = fieldOf(entry, "status") ?? fieldOf(entry, "state");
    return [{ title: title.slice(0, 256), state: toState(typeof state === "string" ? state : "") }];
  });
}

function toState(word: string): TaskUpdate["state"] {
  if (/complete|done|success|finish/i.test(word)) return "completed";
  if (/progress|running|active|executing|working/i.test(word)) return "in_progress";
  if (/fail|error/i.test(word)) return "failed";
  return /cancel|skip|abort/i.test(word) ? "cancelled" : "pending";
}

function textIn(value: unknown, names: readonly string[]): string | undefined {
  for (const name of names) {
    const text = fieldOf(value, name);
    if (typeof text === "string" && text.trim() !== "") return text;
  }
  return undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
