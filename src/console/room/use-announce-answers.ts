import { useEffect, useRef } from "react";
import type { WebPost } from "../api/protocol.ts";
import { useAnnounce } from "../ui/announcer.tsx";

const MOST_SPOKEN_CHARS = 300;

/** Has an agent's answer read aloud once, when it is finished; while it grows, nothing is said. */
export function useAnnounceAnswers(posts: readonly WebPost[]): void {
  const announce = useAnnounce();
  const streaming = useRef(new Set<string>());
  useEffect(() => {
    for (const post of posts) {
      if (post.state === "streaming") streaming.current.add(post.id);
      else if (streaming.current.delete(post.id)) {
        announce(`${post.author.name} answered: ${post.text.slice(0, MOST_SPOKEN_CHARS)}`);
      }
    }
  }, [posts, announce]);
}
