import { useMemo } from "react";
import type { WebAgent, WebPerson } from "../api/protocol.ts";
import { useConsole } from "./context.tsx";

/** The agents and people of a room as they are now; people who are online come first. Empty until they were read. */
export function useRoomMembers(roomId: string | null): { people: readonly WebPerson[]; agents: readonly WebAgent[] } {
  const members = useConsole((state) => (roomId === null ? undefined : state.members[roomId]));
  const people = useConsole((state) => state.people);
  const agents = useConsole((state) => state.agents);
  return useMemo(() => {
    const byHandle = new Map(agents.map((agent) => [agent.handle, agent]));
    const present = (members?.personIds ?? []).flatMap((personId) => people[personId] ?? []);
    present.sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name));
    return { people: present, agents: (members?.agentHandles ?? []).flatMap((handle) => byHandle.get(handle) ?? []) };
  }, [members, people, agents]);
}
