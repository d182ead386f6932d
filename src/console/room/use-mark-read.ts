import { useEffect, useState } from "react";
import type { WebPost } from "../api/protocol.ts";
import { useController } from "../state/context.tsx";

/**
 * Moves the read mark while a person looks at the end of the room: window visible and in front.
 *
 * When the person comes back to the window, the line "New" is drawn where they left.
 */
export function useMarkRead(options: { roomId: string; enabled: boolean; posts: readonly WebPost[] }): void {
  const { rooms } = useController();
  const { roomId, enabled } = options;
  const [looking, setLooking] = useState(isLooking);
  useEffect(() => {
    const update = () => setLooking(isLooking());
    const comeBack = () => {
      rooms.drawUnreadLine(roomId);
      update();
    };
    document.addEventListener("visibilitychange", update);
    window.addEventListener("focus", comeBack);
    window.addEventListener("blur", update);
    return () => {
      document.removeEventListener("visibilitychange", update);
      window.removeEventListener("focus", comeBack);
      window.removeEventListener("blur", update);
    };
  }, [rooms, roomId]);

  const newestSeq = options.posts.at(-1)?.seq ?? 0;
  useEffect(() => {
    if (enabled && looking && newestSeq > 0) rooms.markRead(roomId, newestSeq);
  }, [rooms, roomId, enabled, looking, newestSeq]);
}

function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}
