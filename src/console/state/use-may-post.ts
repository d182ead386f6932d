import { useConsole } from "./context.tsx";

/** Whether this person may write, react and answer in a room now. */
export function useMayPost(roomId: string): boolean {
  return useConsole((state) => {
    const room = state.rooms[roomId];
    return room !== undefined && room.joined && !room.archived && room.may.post;
  });
}
