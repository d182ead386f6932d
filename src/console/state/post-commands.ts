import { ApiError } from "../api/http.ts";
import type { WebPost, WebUpload } from "../api/protocol.ts";
import type { WebApi } from "../api/web-api.ts";
import { type Attempt, failureText, isSessionOver } from "./failures.ts";
import { type PendingPost, windowKey } from "./model.ts";
import { newId } from "./new-id.ts";
import type { Store } from "./store.ts";

export interface Draft {
  readonly roomId: string;
  readonly threadRootId: string | null;
  readonly text: string;
  readonly uploads: readonly WebUpload[];
}

/** What a person does with posts: write, change, delete, react, answer an agent's question, stop an agent. */
export function createPostCommands(options: {
  store: Store;
  api: WebApi;
  attempt: Attempt;
  onSessionOver: () => void;
}) {
  const { store, api, attempt } = options;
  /** Per room or thread: the send that the next one waits for, so that posts arrive in the order of writing. */
  const lanes = new Map<string, Promise<void>>();

  const deliver = async (pending: PendingPost) => {
    try {
      const post = await api.createPost(pending.roomId, {
        clientMessageId: pending.clientMessageId,
        text: pending.text,
        uploadIds: pending.uploads.map((upload) => upload.id),
        ...(pending.threadRootId === null ? {} : { threadRootId: pending.threadRootId }),
      });
      store.dispatch({ type: "post", change: "created", post: { ...post, clientMessageId: pending.clientMessageId } });
      store.dispatch({ type: "pending_dropped", clientMessageId: pending.clientMessageId });
    } catch (error) {
      if (isSessionOver(error)) options.onSessionOver();
      else {
        const retryable = error instanceof ApiError && error.retryable;
        store.dispatch({
          type: "pending",
          post: { ...pending, state: "failed", error: failureText(error), retryable },
        });
      }
    }
  };

  const enqueue = (pending: PendingPost) => {
    store.dispatch({ type: "pending", post: pending });
    const lane = windowKey(pending.roomId, pending.threadRootId);
    const work = (lanes.get(lane) ?? Promise.resolve()).then(() => deliver(pending));
    lanes.set(lane, work);
    return work;
  };

  const retry = (pending: PendingPost) => {
    const { error: _error, retryable: _retryable, ...again } = pending;
    return enqueue({ ...again, state: "sending" });
  };

  const replace = (change: string, post: WebPost | undefined) => {
    if (post) store.dispatch({ type: "post", change, post });
  };

  return {
    send: (draft: Draft) =>
      enqueue({ ...draft, clientMessageId: newId(), createdAt: new Date().toISOString(), state: "sending" }),
    retry,
    discard: (pending: PendingPost) =>
      store.dispatch({ type: "pending_dropped", clientMessageId: pending.clientMessageId }),
    /** Sends again, under the same ids, what failed for want of a connection. */
    retryAll: () => {
      for (const pending of store.getState().pending)
        if (pending.state === "failed" && pending.retryable) void retry(pending);
    },
    edit: async (post: WebPost, text: string) => {
      const edited = await attempt("The change was not saved", () => api.editPost(post.id, text));
      replace("edited", edited);
      return edited !== undefined;
    },
    remove: async (post: WebPost) => {
      await attempt("The message was not deleted", async () => {
        await api.deletePost(post.id);
        replace("deleted", await api.post(post.id).catch(() => undefined));
      });
    },
    react: async (post: WebPost, reaction: string, on: boolean) =>
      replace("reaction", await attempt("The reaction was not saved", () => api.react(post.id, reaction, on))),
    /** Answers an approval (`value`) or an input request (`fields`); throws ApiError for the card to show. */
    answer: (post: WebPost, body: { actionId: string; value?: string; fields?: Record<string, string> }) =>
      api.act(post.id, { ...body, clientActionId: newId() }),
    stop: async (place: { roomId: string; threadRootId: string | null; messageId?: string }) => {
      await attempt("The agent could not be stopped", () =>
        api.stop(place.roomId, {
          ...(place.threadRootId === null ? {} : { threadRootId: place.threadRootId }),
          ...(place.messageId === undefined ? {} : { messageId: place.messageId }),
        }),
      );
    },
  };
}

export type PostCommands = ReturnType<typeof createPostCommands>;
