import { useMemo } from "react";
import type { WebPost } from "../api/protocol.ts";
import { useConsole } from "../state/context.tsx";
import { Avatar, agentFace, memberColors } from "../ui/avatar.tsx";
import { Working } from "./working.tsx";

/** Agents at work in this room or thread whose answer is not on the screen yet. */
export function TurnLines(props: { roomId: string; threadRootId: string | null; posts: readonly WebPost[] }) {
  const turns = useConsole((state) => state.turns);
  const here = useMemo(() => {
    const answering = new Set(
      props.posts.filter((post) => post.state === "streaming").map((post) => post.author.handle),
    );
    return turns.filter(
      (turn) =>
        turn.roomId === props.roomId && turn.threadRootId === props.threadRootId && !answering.has(turn.agent.handle),
    );
  }, [turns, props.roomId, props.threadRootId, props.posts]);
  return here.map((turn) => (
    <div
      key={turn.agent.handle}
      className="message message-headed message-agent"
      style={memberColors(agentFace(turn.agent))}
    >
      <Avatar of={agentFace(turn.agent)} />
      <div className="message-body">
        <div className="message-head">
          <span className="message-author">{turn.agent.name}</span>
          <span className="badge">agent</span>
        </div>
        <Working name={turn.agent.name} line={turn.line} place={turn} />
      </div>
    </div>
  ));
}
