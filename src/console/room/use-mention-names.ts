import { useMemo } from "react";
import type { MentionNames } from "../markdown/mention-plugin.ts";
import { useConsole, useMe } from "../state/context.tsx";

/** The names that stand out after an at sign in a room: its agents, its people, everyone. */
export function useMentionNames(roomId: string): MentionNames {
  const me = useMe();
  const members = useConsole((state) => state.members[roomId]);
  const people = useConsole((state) => state.people);
  return useMemo(() => {
    const names = (members?.personIds ?? []).flatMap((personId) => people[personId]?.name ?? []);
    return {
      known: [...(members?.agentHandles ?? []), ...names],
      self: [me.person.name, "everyone", "here", "channel"],
    };
  }, [members, people, me.person.name]);
}
