import { useMemo } from "react";
import type { StateAnswer } from "../api/protocol.ts";
import { TaskList } from "../parts/task-list.tsx";
import { Working } from "../room/working.tsx";
import { useConsole, useController } from "../state/context.tsx";
import { Avatar, agentFace, memberColors } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";
import { ShowPost } from "./show-post.tsx";

/** What agents do in the room now, their tasks, and the questions that wait for a person. */
export function WorkTab({ roomId }: { roomId: string }) {
  const { posts } = useController();
  const allTurns = useConsole((state) => state.turns);
  const work = useConsole((state) => state.work[roomId]);
  const turns = useMemo(() => allTurns.filter((turn) => turn.roomId === roomId), [allTurns, roomId]);
  const empty = turns.length === 0 && !work?.tasks.length && !work?.approvals.length;
  return (
    <div className="workspace-scroll">
      <h2 className="visually-hidden">Work</h2>
      {empty && (
        <div className="workspace-empty">
          <Icon name="work" />
          <p>No agent works here now. Running turns, tasks and open questions appear here.</p>
        </div>
      )}
      {turns.length > 0 && (
        <section>
          <h3>Running</h3>
          <div className="stack">
            {turns.map((turn) => (
              <div
                key={`${turn.threadRootId} ${turn.agent.handle}`}
                className="work-card"
                style={memberColors(agentFace(turn.agent))}
              >
                <div className="work-head">
                  <Avatar of={agentFace(turn.agent)} small />
                  <span className="member-names">
                    <span>{turn.agent.name}</span>
                  </span>
                  {turn.threadRootId !== null && <ShowPost roomId={roomId} postId={turn.threadRootId} thread />}
                </div>
                <Working name={turn.agent.name} line={turn.line} place={turn} />
              </div>
            ))}
            {turns.length > 1 && (
              <button
                type="button"
                className="button button-danger"
                onClick={() => void posts.stop({ roomId, threadRootId: null })}
              >
                Stop everything in this room
              </button>
            )}
          </div>
        </section>
      )}
      {work && <OpenQuestions roomId={roomId} approvals={work.approvals} />}
      {work && <Tasks tasks={work.tasks} />}
    </div>
  );
}

function OpenQuestions({ roomId, approvals }: { roomId: string; approvals: StateAnswer["approvals"] }) {
  if (approvals.length === 0) return null;
  return (
    <section>
      <h3>Waiting for a person</h3>
      <div className="stack">
        {approvals.map(({ postId, agentHandle, approval }) => (
          <div key={`${postId} ${approval.approvalId}`} className="work-card">
            <p>{approval.prompt}</p>
            <div className="row">
              <span className="message-note">@{agentHandle}</span>
              <ShowPost roomId={roomId} postId={postId} />
            </div>
          </div>
        ))}
      </div>
    </section>
  );
}

function Tasks({ tasks }: { tasks: StateAnswer["tasks"] }) {
  const byAgent = Map.groupBy(tasks, (entry) => entry.agentHandle);
  return [...byAgent].map(([handle, entries]) => (
    <section key={handle}>
      <h3>Tasks of @{handle}</h3>
      <TaskList tasks={entries.map((entry) => entry.task)} />
    </section>
  ));
}
