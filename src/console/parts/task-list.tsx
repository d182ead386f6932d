import type { TaskState, TaskUpdatePart } from "../api/parts.ts";
import { Icon, type IconName } from "../ui/icon.tsx";

const ICONS: Record<TaskState, IconName> = {
  pending: "circle",
  in_progress: "half",
  completed: "done",
  failed: "cross",
  cancelled: "dash",
};

/** Tasks as a checklist; the state is in words for readers that see no icons. */
export function TaskList({ tasks }: { tasks: readonly TaskUpdatePart[] }) {
  return (
    <ul className="checklist">
      {tasks.map((task) => (
        <li key={task.taskId} className={`task-${task.state}`}>
          <Icon name={ICONS[task.state]} />
          <span>
            <span className="visually-hidden">{task.state.replace("_", " ")}: </span>
            <span className="task-title">{task.title}</span>
            {task.detail && <span className="task-detail"> {task.detail}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
