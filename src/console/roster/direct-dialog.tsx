import { useId, useState } from "react";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { Avatar, agentFace } from "../ui/avatar.tsx";
import { Dialog } from "../ui/dialog.tsx";

/** Everyone one can write to directly, agents and people, narrowed by typing. */
export function DirectDialog({ onClose }: { onClose: () => void }) {
  const { rooms } = useController();
  const me = useMe();
  const people = useConsole((state) => state.people);
  const agents = useConsole((state) => state.agents);
  const [query, setQuery] = useState("");
  const fieldId = useId();
  const wanted = query.trim().replace(/^@/, "").toLowerCase();
  const choices = [
    ...agents.map((agent) => ({
      key: agent.agentId,
      of: agentFace(agent),
      label: `@${agent.handle} · agent`,
      to: { agent: agent.handle },
      words: `${agent.name} ${agent.handle}`,
    })),
    ...Object.values(people)
      .filter((person) => person.active && person.id !== me.person.id)
      .map((person) => ({
        key: person.id,
        of: { ...person, kind: "person" as const },
        label: person.online ? "online" : "offline",
        to: { personId: person.id },
        words: person.name,
      })),
  ].filter((choice) => choice.words.toLowerCase().includes(wanted));

  return (
    <Dialog title="New direct message" onClose={onClose}>
      <div className="field">
        <label htmlFor={fieldId}>Agent or person</label>
        <input
          id={fieldId}
          className="text-input"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          autoComplete="off"
        />
      </div>
      {choices.length === 0 && <p>Nobody here has that name.</p>}
      <ul className="choice-list">
        {choices.map((choice) => (
          <li key={choice.key}>
            <button
              type="button"
              className="roster-item"
              onClick={() => {
                onClose();
                void rooms.openDirect(choice.to);
              }}
            >
              <Avatar of={choice.of} small />
              <span className="member-names">
                <span>{choice.of.name}</span>
                <span className="member-handle">{choice.label}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
