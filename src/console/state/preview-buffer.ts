import type { Store } from "./store.ts";

const FLUSH_MS = 50;

export interface Preview {
  readonly postId: string;
  readonly offset: number;
  readonly text: string;
}

/**
 * Joins live text until the next flush, so that a fast agent costs 20 renderings a second and not one per token.
 *
 * A piece that begins beyond what is held means that some were missed: `onGap` is called once per flush and the piece is dropped.
 */
export function createPreviewBuffer(store: Store, onGap: (postId: string) => void): { add(preview: Preview): void } {
  let waiting = new Map<string, string>();
  let gaps = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const flush = () => {
    timer = undefined;
    const texts = Object.fromEntries(waiting);
    const missing = gaps;
    waiting = new Map();
    gaps = new Set();
    store.dispatch({ type: "previews", texts });
    for (const postId of missing) onGap(postId);
  };

  return {
    add: ({ postId, offset, text }) => {
      const { previews, posts } = store.getState();
      const held = waiting.get(postId) ?? previews[postId] ?? posts[postId]?.text ?? "";
      if (held.length < offset) gaps.add(postId);
      else waiting.set(postId, held.slice(0, offset) + text);
      timer ??= setTimeout(flush, FLUSH_MS);
    },
  };
}
