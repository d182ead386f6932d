import { useMemo } from "react";
import { useConsole, useMe } from "../state/context.tsx";

/** Who is writing here now; not read aloud, since it would interrupt reading every few seconds. */
export function TypingLine({ roomId, threadRootId }: { roomId: string; threadRootId: string | null }) {
  const me = useMe();
  const typing = useConsole((state) => state.typing);
  const names = useMemo(
    () =>
      typing
        .filter((person) => person.roomId === roomId && person.threadRootId === threadRootId)
        .filter((person) => person.personId !== me.person.id)
        .map((person) => person.name),
    [typing, roomId, threadRootId, me.person.id],
  );
  return <div className="typing-line">{sentence(names)}</div>;
}

function sentence(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length > 3) return "Several people are writing…";
  const list = new Intl.ListFormat("en").format(names);
  return `${list} ${names.length === 1 ? "is" : "are"} writing…`;
}
