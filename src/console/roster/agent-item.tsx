import type { WebAgent } from "../api/protocol.ts";
import { useConsole, useController } from "../state/context.tsx";
import { Avatar, agentFace, agentStateNote } from "../ui/avatar.tsx";

/** An agent of the roster: choosing it opens a direct conversation with it. */
export function AgentItem({ agent, roomId }: { agent: WebAgent; roomId: string }) {
  const { rooms } = useController();
  const working = useConsole((state) =>
    state.turns.some((turn) => turn.roomId === roomId && turn.agent.handle === agent.handle),
  );
  return (
    <button
      type="button"
      className="roster-item"
      title={
        agent.status === "not_set_up"
          ? `${agent.name} is not set up yet: it needs a model, which whoever runs Parley names in its settings`
          : [
              agent.description || `Write to ${agent.name} directly`,
              agent.owner === undefined ? "" : `Owner: ${agent.owner}`,
            ]
              .filter(Boolean)
              .join("\n")
      }
      onClick={() => void rooms.openDirect({ agent: agent.handle })}
    >
      <Avatar
        of={agentFace(agent)}
        small
        presence={agent.status === "active" && agent.connection !== "away" ? "online" : "away"}
      />
      <span className="member-names">
        <span>
          {agent.name} <span className="badge">agent</span>
        </span>
        <span className="member-handle">
          @{agent.handle}
          {agentStateNote(agent)}
        </span>
      </span>
      {working && <span className="member-working">working</span>}
    </button>
  );
}
