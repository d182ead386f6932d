import { useState } from "react";
import { useConsole, useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { Avatar, agentFace } from "../ui/avatar.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";

/** Agents of the organization that are not in the room, each with a button to invite it. */
export function InviteAgentDialog({ roomId, onClose }: { roomId: string; onClose: () => void }) {
  const { rooms } = useController();
  const agents = useConsole((state) => state.agents);
  const members = useConsole((state) => state.members[roomId]);
  const [error, setError] = useState<string>();
  const others = agents.filter((agent) => !members?.agentHandles.includes(agent.handle));

  const invite = async (handle: string) => {
    setError(undefined);
    try {
      await rooms.inviteAgent(roomId, handle);
    } catch (failure) {
      setError(failureText(failure));
    }
  };

  return (
    <Dialog title="Invite an agent" onClose={onClose}>
      <p className="field-hint">
        It reads what is said here from then on. The invitation is yours: it ends when you leave the room, unless
        another member takes it over.
      </p>
      <FormError text={error} />
      {others.length === 0 && <p>Every agent is in this room.</p>}
      <ul className="choice-list">
        {others.map((agent) => (
          <li key={agent.agentId} className="choice-row">
            <Avatar of={agentFace(agent)} small />
            <span className="member-names">
              <span>{agent.name}</span>
              <span className="member-handle">@{agent.handle}</span>
            </span>
            <button
              type="button"
              className="button button-small"
              aria-label={`Invite ${agent.name}`}
              onClick={() => void invite(agent.handle)}
            >
              Invite
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
