import { describe, expect, it } from "vitest";
import type { PendingPost } from "../../../src/console/state/model.ts";
import { createPreviewBuffer } from "../../../src/console/state/preview-buffer.ts";
import { createStore, reduce } from "../../../src/console/state/store.ts";
import { timelinePosts, timelineRows } from "../../../src/console/state/timeline.ts";
import { ada, makePost, openState } from "./state-fixtures.ts";

const pending: PendingPost = {
  clientMessageId: "client-1",
  roomId: "r1",
  threadRootId: null,
  text: "hello",
  uploads: [],
  createdAt: "2026-11-02T09:00:00.000Z",
  state: "sending",
};
const own = { author: { kind: "person" as const, id: ada.id, name: ada.name, color: ada.color } };

function rowsOf(state: ReturnType<typeof openState>, unreadAfterSeq?: number) {
  const posts = timelinePosts(state, "r1", null);
  return timelineRows({ posts, pending: state.pending, ownId: ada.id, unreadAfterSeq, days: true });
}

describe("an optimistic post", () => {
  it("is replaced by the confirmed one under the same key, in whatever order answer and frame come", () => {
    const waiting = reduce(openState(), { type: "pending", post: pending });
    expect(rowsOf(waiting).at(-1)).toMatchObject({ kind: "pending", key: "client-1" });
    const post = makePost(1, { ...own, clientMessageId: "client-1" });
    const once = reduce(waiting, { type: "post", change: "created", post });
    const twice = reduce(once, { type: "post", change: "created", post });
    for (const state of [once, twice]) {
      expect(state.pending).toEqual([]);
      expect(rowsOf(state).filter((row) => row.kind !== "day")).toMatchObject([{ kind: "post", key: "client-1" }]);
    }
  });

  it("keeps its key when a later change leaves out the client's id", () => {
    const confirmed = reduce(openState(), {
      type: "post",
      change: "created",
      post: makePost(1, { ...own, clientMessageId: "client-1" }),
    });
    const edited = reduce(confirmed, {
      type: "post",
      change: "edited",
      post: makePost(1, { ...own, changeSeq: 2, text: "hi" }),
    });
    expect(rowsOf(edited).at(-1)).toMatchObject({ key: "client-1", post: { text: "hi" } });
  });

  it("stays, failed, until it is sent again", () => {
    const failed = reduce(openState(), { type: "pending", post: { ...pending, state: "failed", error: "no line" } });
    const again = reduce(failed, { type: "pending", post: pending });
    expect(failed.pending).toMatchObject([{ state: "failed" }]);
    expect(again.pending).toMatchObject([{ state: "sending", clientMessageId: "client-1" }]);
  });
});

describe("live text", () => {
  const streaming = makePost(1, { state: "streaming", text: "Hel" });

  it("grows from the offset, repeats included, and asks once for what it missed", async () => {
    const store = createStore();
    store.dispatch({ type: "post", change: "created", post: streaming });
    const gaps: string[] = [];
    const buffer = createPreviewBuffer(store, (postId) => gaps.push(postId));
    const flushed = new Promise<void>((resolve) => store.subscribe(resolve));
    // Nothing is held of m1, because its room is not open here: text from the beginning fits, text from further on does not.
    buffer.add({ postId: "m1", offset: 0, text: "Hello" });
    buffer.add({ postId: "m1", offset: 5, text: " wor" });
    buffer.add({ postId: "m1", offset: 5, text: " world" });
    buffer.add({ postId: "m2", offset: 9, text: "lost" });
    buffer.add({ postId: "m2", offset: 13, text: "lost" });
    await flushed;
    expect(store.getState().previews).toEqual({ m1: "Hello world" });
    expect(gaps).toEqual(["m2"]);
  });

  it("ends with the final post, and does not come back afterwards", () => {
    const live = reduce(openState([streaming]), { type: "previews", texts: { m1: "Hello" } });
    expect(live.previews).toEqual({ m1: "Hello" });
    const final = reduce(live, {
      type: "post",
      change: "edited",
      post: { ...streaming, changeSeq: 2, state: "final", text: "Done" },
    });
    expect(final.previews).toEqual({});
    expect(reduce(final, { type: "previews", texts: { m1: "Hello ag" } }).previews).toEqual({});
  });
});

describe("unread posts", () => {
  it("count once each, others' alone, and end with the read mark", () => {
    const arrivals = [
      makePost(1),
      makePost(1),
      makePost(2, own),
      makePost(3, { threadRootId: "m1" }),
      makePost(4, { mentions: { personIds: [ada.id], agentHandles: [], everyone: false } }),
    ];
    const state = arrivals.reduce((held, post) => reduce(held, { type: "post", change: "created", post }), openState());
    expect(state.rooms["r1"]).toMatchObject({ unread: 2, unreadMentions: 1, lastSeq: 4 });
    const partly = reduce(state, { type: "room_read", roomId: "r1", seq: 1 });
    expect(partly.rooms["r1"]).toMatchObject({ unread: 1, unreadMentions: 1, readSeq: 1 });
    expect(reduce(partly, { type: "room_read", roomId: "r1", seq: 4 }).rooms["r1"]).toMatchObject({
      unread: 0,
      unreadMentions: 0,
    });
  });
});

describe("the rows of a room", () => {
  it("draw the line New once, above the first unread post of somebody else", () => {
    const state = openState([makePost(1), makePost(2, own), makePost(3), makePost(4)]);
    const kinds = rowsOf(state, 1).map((row) => (row.kind === "post" ? row.post.id : row.kind));
    expect(kinds).toEqual(["day", "m1", "m2", "unread", "m3", "m4"]);
  });

  it("keep one header for a quick run of one author, and hide a deleted post on which nothing hangs", () => {
    const at = (second: number) => ({ createdAt: `2026-11-02T09:00:${String(second).padStart(2, "0")}.000Z` });
    const deletedAt = "2026-11-02T10:00:00.000Z";
    const state = openState([
      makePost(1, at(1)),
      makePost(2, at(2)),
      makePost(3, { ...own, ...at(3) }),
      makePost(4, { ...at(4), deletedAt }),
      makePost(5, { ...at(5), deletedAt, thread: { replyCount: 1, lastReplyAt: deletedAt } }),
    ]);
    const headed = rowsOf(state).flatMap((row) => (row.kind === "post" ? [[row.post.id, row.headed]] : []));
    expect(headed).toEqual([
      ["m1", true],
      ["m2", false],
      ["m3", true],
      ["m5", true],
    ]);
  });
});

describe("signing out", () => {
  it("leaves nothing of the person's rooms", () => {
    const state = reduce(openState([makePost(1)]), { type: "signed_out" });
    expect(JSON.stringify(state)).not.toContain("text 1");
    expect(state.rooms).toEqual({});
  });
});
