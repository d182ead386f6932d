import { useEffect, useRef } from "react";
import { Avatar } from "../ui/avatar.tsx";
import type { Completion } from "./use-completion.ts";

export function optionId(listId: string, index: number): string {
  return `${listId}-${index}`;
}

/** The list of completions above the message box; the focus stays in the box, which points at the chosen option. */
export function CompletionList({ id, completion }: { id: string; completion: Completion }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [completion.selected]);
  return (
    // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a select cannot show avatars, nor leave the focus in the box
    <div ref={list} id={id} className="completion" role="listbox" aria-label="Completions">
      {completion.options.map((option, index) => (
        // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- the box keeps focus and keys
        <div
          key={option.key}
          id={optionId(id, index)}
          className="completion-option"
          // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- as above
          role="option"
          aria-selected={index === completion.selected}
          onPointerMove={() => index !== completion.selected && completion.select(index)}
          // Pressing must not take the focus out of the box.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => completion.accept(index)}
        >
          {option.face && <Avatar of={option.face} small />}
          <span className="completion-option-text">
            <span>
              {option.title} {option.isAgent && <span className="badge">agent</span>}
            </span>
            <span className="member-handle">{option.detail}</span>
          </span>
        </div>
      ))}
    </div>
  );
}
