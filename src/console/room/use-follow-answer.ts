import { useEffect, useRef } from "react";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { useNarrow } from "../ui/use-narrow.ts";

const RECENT_MS = 120_000;

/**
 * Opens the thread in which an agent begins to answer what this person just asked.
 *
 * Once per question, so that closing it is respected; never on a narrow window, where it would cover the room; focus stays.
 */
export function useFollowAnswer(): void {
  const { rooms, store } = useController();
  const me = useMe();
  const narrow = useNarrow();
  const turns = useConsole((state) => state.turns);
  const roomId = useConsole((state) => state.activeRoomId);
  const followed = useRef(new Set<string>());
  useEffect(() => {
    for (const { threadRootId, roomId: turnRoomId } of turns) {
      if (threadRootId === null || turnRoomId !== roomId || followed.current.has(threadRootId)) continue;
      const question = store.getState().posts[threadRootId];
      if (question?.author.id !== me.person.id || Date.now() - Date.parse(question.createdAt) > RECENT_MS) continue;
      followed.current.add(threadRootId);
      const typingElsewhere = document.activeElement?.id === "thread-box";
      if (!narrow && !typingElsewhere) void rooms.openThread(turnRoomId, threadRootId);
    }
  }, [turns, roomId, narrow, me.person.id, rooms, store]);
}
