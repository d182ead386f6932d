import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WebPost } from "../../../src/console/api/protocol.ts";
import type { Action } from "../../../src/console/state/action.ts";
import type { ConsoleState } from "../../../src/console/state/model.ts";
import { reduce } from "../../../src/console/state/store.ts";
import { timelinePosts } from "../../../src/console/state/timeline.ts";
import { makePost, openState } from "./state-fixtures.ts";

/** A room's history as the server counts it: change n makes post n or gives an older post a new text. */
const histories = fc
  .array(fc.oneof(fc.constant("new" as const), fc.nat({ max: 20 })), { minLength: 1, maxLength: 30 })
  .map((steps) => {
    const changes: WebPost[] = [];
    const current = new Map<string, WebPost>();
    steps.forEach((step, index) => {
      const changeSeq = index + 1;
      const old = step === "new" ? undefined : [...current.values()][step];
      const post = old ? { ...old, changeSeq, text: `edited by ${changeSeq}` } : makePost(changeSeq);
      current.set(post.id, post);
      changes.push(post);
    });
    return { changes, current };
  });

const received = (changes: readonly WebPost[], picks: readonly number[]): Action[] =>
  picks.flatMap((pick) => {
    const post = changes[pick % changes.length];
    return post ? [{ type: "post" as const, change: post.seq === post.changeSeq ? "created" : "edited", post }] : [];
  });

/** What the server answers to `/changes`: the posts changed after the cursor, as they are now, in the order of their change. */
function changesAfter(current: ReadonlyMap<string, WebPost>, after: number, lastSeq: number): Action {
  const posts = [...current.values()]
    .filter((post) => post.changeSeq > after)
    .sort((a, b) => a.changeSeq - b.changeSeq);
  return { type: "changes", roomId: "r1", answer: { posts, cursor: lastSeq, hasMore: false } };
}

const shown = (state: ConsoleState) => timelinePosts(state, "r1", null).map((post) => `${post.id}: ${post.text}`);

describe("resynchronising", () => {
  it("ends with exactly the server's posts, whichever frames were lost, repeated or overtaken", () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat(), { maxLength: 60 }), ({ changes, current }, picks) => {
        const before = received(changes, picks).reduce(reduce, openState());
        const after = reduce(before, changesAfter(current, before.cursors["r1"] ?? 0, changes.length));
        const expected = [...current.values()].sort((a, b) => a.seq - b.seq).map((post) => `${post.id}: ${post.text}`);
        expect(shown(after)).toEqual(expected);
        expect(after.cursors["r1"]).toBe(changes.length);
      }),
    );
  });

  it("never claims to hold a change that it has not seen", () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat(), { maxLength: 60 }), ({ changes }, picks) => {
        const seen = new Set<number>();
        let state = openState();
        for (const action of received(changes, picks)) {
          state = reduce(state, action);
          if (action.type === "post") seen.add(action.post.changeSeq);
          const cursor = state.cursors["r1"] ?? 0;
          for (let seq = 1; seq <= cursor; seq += 1) expect(seen.has(seq)).toBe(true);
        }
      }),
    );
  });

  it("does not show an edited post that is older than what is loaded", () => {
    const state = openState([makePost(10), makePost(11)]);
    const next = reduce(state, { type: "post", change: "edited", post: { ...makePost(3), changeSeq: 12 } });
    expect(shown(next)).toEqual(shown(state));
    expect(next.cursors["r1"]).toBe(12);
  });

  it("keeps what arrives while the first page is under way", () => {
    const place = { roomId: "r1", threadRootId: null };
    const loading = reduce(openState(), { type: "window_loading", older: false, ...place });
    const during = reduce(loading, { type: "post", change: "created", post: makePost(3) });
    const answer = { posts: [makePost(1), makePost(2)], hasMore: false, lastSeq: 2 };
    const loaded = reduce(during, { type: "window_loaded", older: false, answer, ...place });
    expect(shown(loaded)).toEqual(["m1: text 1", "m2: text 2", "m3: text 3"]);
    expect(loaded.cursors["r1"]).toBe(2);
  });
});
