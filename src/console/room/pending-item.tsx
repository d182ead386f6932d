import { Markdown } from "../markdown/markdown.tsx";
import type { MentionNames } from "../markdown/mention-plugin.ts";
import { useController, useMe } from "../state/context.tsx";
import type { PendingPost } from "../state/model.ts";
import { Avatar } from "../ui/avatar.tsx";
import { FileCard } from "../ui/file-card.tsx";

/** One's own message before the server has it; when that failed, it can be sent again or dropped. */
export function PendingItem({ pending, names }: { pending: PendingPost; names: MentionNames }) {
  const { posts } = useController();
  const me = useMe();
  return (
    <div className="message message-headed" aria-busy={pending.state === "sending"}>
      <Avatar of={{ kind: "person", ...me.person }} />
      <div className="message-body">
        <div className="message-head">
          <span className="message-author">{me.person.name}</span>
          <span className="message-note">{pending.state === "sending" ? "sending…" : "not sent"}</span>
        </div>
        {pending.text && <Markdown text={pending.text} names={names} />}
        {pending.uploads.map((upload) => (
          <FileCard key={upload.id} upload={upload} compact />
        ))}
        {pending.state === "failed" && (
          <div className="message-failed" role="alert">
            <span>{pending.error}</span>
            <button type="button" className="button button-small" onClick={() => void posts.retry(pending)}>
              Send again
            </button>
            <button type="button" className="button button-small" onClick={() => posts.discard(pending)}>
              Discard
            </button>
          </div>
        )}
      </div>
    </div>
  );
}
