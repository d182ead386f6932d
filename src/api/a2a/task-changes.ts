import type { StreamResponse } from "@a2a-js/sdk";
import { artifactOf, type PostView, type TaskView, taskOf, textPart } from "./task-view.ts";

/** What a stream says about a task from one view of it to the next: first all of it, then each change once. Pure apart from what it remembers. */
export class TaskChanges {
  #last: TaskView | undefined;

  *next(view: TaskView): Generator<StreamResponse> {
    const last = this.#last;
    this.#last = view;
    if (last === undefined) {
      yield { payload: { $case: "task", value: taskOf(view) } };
      return;
    }
    const before = new Map(last.posts.map((post) => [post.artifactId, post]));
    for (const post of view.posts) yield* changeOf(view, before.get(post.artifactId), post);
    if (JSON.stringify({ ...view.status, timestamp: "" }) === JSON.stringify({ ...last.status, timestamp: "" })) return;
    const { id, contextId } = view.task;
    const value = { taskId: id, contextId, status: view.status, metadata: undefined };
    yield { payload: { $case: "statusUpdate", value } };
  }
}

function* changeOf(view: TaskView, before: PostView | undefined, now: PostView): Generator<StreamResponse> {
  if (before !== undefined && before.isFinal === now.isFinal && before.text === now.text) return;
  const grows = before !== undefined && now.text.startsWith(before.text) && before.others.length === 0;
  const rest = grows ? now.text.slice(before.text.length) : now.text;
  const whole = artifactOf(now);
  const parts = grows ? [...(rest === "" ? [] : [textPart(rest)]), ...now.others] : whole.parts;
  yield {
    payload: {
      $case: "artifactUpdate",
      value: {
        taskId: view.task.id,
        contextId: view.task.contextId,
        artifact: { ...whole, parts },
        append: grows,
        lastChunk: now.isFinal,
        metadata: undefined,
      },
    },
  };
}
