import type { WebPart } from "../api/parts.ts";
import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import type { MentionNames } from "../markdown/mention-plugin.ts";
import { FileCard } from "../ui/file-card.tsx";
import { Icon } from "../ui/icon.tsx";
import { ApprovalCard } from "./approval-card.tsx";
import { ErrorPartView } from "./error-part.tsx";
import { groupParts, type PartGroup } from "./group-parts.ts";
import { InputForm } from "./input-form.tsx";
import { TaskList } from "./task-list.tsx";
import { ToolFold } from "./tool-fold.tsx";

/** An agent's reply, part by part; a kind that this page does not know is shown by its plain-text fallback. */
export function PartList({ post, parts, names }: { post: WebPost; parts: readonly WebPart[]; names: MentionNames }) {
  return (
    <div className="parts">
      {groupParts(parts).map((group) => (
        <PartView key={group.key} group={group} post={post} names={names} />
      ))}
    </div>
  );
}

function PartView({ group, post, names }: { group: PartGroup; post: WebPost; names: MentionNames }) {
  switch (group.kind) {
    case "tasks":
      return <TaskList tasks={group.tasks} />;
    case "tool":
      return <ToolFold call={group.call} result={group.result} ended={post.state === "final"} />;
    case "part":
      return <SinglePart part={group.part} post={post} names={names} />;
  }
}

function SinglePart({ part, post, names }: { part: WebPart; post: WebPost; names: MentionNames }) {
  switch (part.type) {
    case "text":
      return <Markdown text={part.markdown} names={names} />;
    case "status":
      return <p className="status-line">{part.text}</p>;
    case "approval_request":
      return <ApprovalCard post={post} part={part} />;
    case "input_request":
      return <InputForm post={post} part={part} />;
    case "artifact":
      return <FileCard upload={part.upload} />;
    case "error":
      return <ErrorPartView part={part} />;
    case "handoff":
      return (
        <p className="status-line">
          <Icon name="handoff" />
          <span>
            Handed over to <span className="mention">@{part.agent}</span>
            {part.note && `: ${part.note}`}
          </span>
        </p>
      );
    case "task_update":
    case "tool_call":
    case "tool_result":
      return null; // grouped before
  }
  return <UnknownPart part={part} />;
}

/** A newer server may send kinds that the types of this page exclude. */
function UnknownPart({ part }: { part: { readonly fallbackText?: string | undefined } }) {
  return <p>{part.fallbackText ?? "This part of the answer cannot be shown by this version of the page."}</p>;
}
