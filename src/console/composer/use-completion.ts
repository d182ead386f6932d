import { type KeyboardEvent, useMemo, useState } from "react";
import { useConsole, useMe } from "../state/context.tsx";
import { useRoomMembers } from "../state/use-room-members.ts";
import { type CompletionOption, commandOptions, findTrigger, mentionOptions } from "./completion.ts";

export interface Completion {
  readonly options: readonly CompletionOption[];
  readonly selected: number;
  readonly select: (index: number) => void;
  /** Handles the keys of an open list; true when the key was used. */
  readonly onKey: (event: KeyboardEvent<HTMLTextAreaElement>) => boolean;
  readonly accept: (index: number) => void;
}

/** What can be completed at the caret, and the keys for it: arrows choose, Enter and Tab take, Escape closes until the next word. */
export function useCompletion(props: {
  roomId: string;
  text: string;
  caret: number;
  onAccept: (text: string, caret: number) => void;
}): Completion {
  const { roomId, text, caret, onAccept } = props;
  const me = useMe();
  const { people, agents } = useRoomMembers(roomId);
  const allAgents = useConsole((state) => state.agents);
  const [dismissedAt, setDismissedAt] = useState<number>();
  const [chosen, setChosen] = useState<{ query: string; index: number }>({ query: "", index: 0 });

  const trigger = useMemo(() => findTrigger(text, caret), [text, caret]);
  const options = useMemo(() => {
    if (!trigger || trigger.start === dismissedAt) return [];
    if (trigger.kind === "command") return commandOptions(trigger.query, me.commands);
    const others = people.filter((person) => person.id !== me.person.id);
    // Until the members were read, every agent is offered: a mention of one that is no member is answered with a reason.
    return mentionOptions(trigger.query, agents.length > 0 ? agents : allAgents, others);
  }, [trigger, dismissedAt, people, agents, allAgents, me]);

  const key = trigger ? `${trigger.start} ${trigger.query}` : "";
  const selected = chosen.query === key ? Math.min(chosen.index, Math.max(0, options.length - 1)) : 0;
  const select = (index: number) => setChosen({ query: key, index });

  const accept = (index: number) => {
    const option = options[index];
    if (!option || !trigger) return;
    const after = text.slice(caret).replace(/^ /, "");
    onAccept(text.slice(0, trigger.start) + option.insert + after, trigger.start + option.insert.length);
  };

  const onKey = (event: KeyboardEvent<HTMLTextAreaElement>): boolean => {
    if (trigger === undefined && dismissedAt !== undefined) setDismissedAt(undefined);
    if (options.length === 0 || event.nativeEvent.isComposing) return false;
    // Who has written the name to its end means to send.
    if (event.key === "Enter" && isComplete(options[selected], text.slice(trigger?.start, caret))) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) select((selected + step + options.length) % options.length);
    else if ((event.key === "Enter" && !event.shiftKey) || (event.key === "Tab" && !event.shiftKey)) accept(selected);
    else if (event.key === "Escape") setDismissedAt(trigger?.start);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };

  return { options, selected, select, onKey, accept };
}

function isComplete(option: CompletionOption | undefined, typed: string): boolean {
  return option?.insert.trim().toLowerCase() === typed.trim().toLowerCase();
}
