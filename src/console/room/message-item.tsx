import { memo } from "react";
import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import type { MentionNames } from "../markdown/mention-plugin.ts";
import { PartList } from "../parts/part-list.tsx";
import { Avatar, memberColors } from "../ui/avatar.tsx";
import { FileCard } from "../ui/file-card.tsx";
import { clockTime, fullTime, narrowTime } from "../ui/time.ts";
import { EditForm } from "./edit-form.tsx";
import { MessageActions } from "./message-actions.tsx";
import { ReactionBar } from "./reaction-bar.tsx";
import { StreamingBody } from "./streaming-body.tsx";
import { ThreadLink } from "./thread-link.tsx";

export interface MessageItemProps {
  readonly post: WebPost;
  /** Shows avatar, name and time; false for a message that continues one by the same author. */
  readonly headed: boolean;
  readonly inThread: boolean;
  readonly names: MentionNames;
  /** The one message of the log that is a tab stop. */
  readonly active: boolean;
  readonly onActive: () => void;
  readonly editing: boolean;
  readonly onEdit: (postId: string | null) => void;
}

/** One message with everything that hangs on it. */
export const MessageItem = memo(function MessageItem(props: MessageItemProps) {
  const { post, headed, inThread, names, active, editing } = props;
  const classes = [
    "message",
    headed && "message-headed",
    post.author.kind === "agent" && "message-agent",
    post.author.kind === "system" && "message-system",
    post.ephemeral && "message-ephemeral",
  ];
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a log is walked message by message, so each takes the focus
    <article
      className={classes.filter(Boolean).join(" ")}
      style={memberColors(post.author)}
      aria-label={`${post.author.name}, ${fullTime(post.createdAt)}`}
      aria-live={post.state === "streaming" ? "off" : undefined}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- one tab stop for the whole log; arrows go on from it
      tabIndex={active ? 0 : -1}
      onFocus={props.onActive}
      data-post-id={post.id}
    >
      {headed ? <Avatar of={post.author} /> : <GutterTime post={post} />}
      <div className="message-body">
        {headed && <MessageHead post={post} />}
        {post.deletedAt !== null ? (
          <p className="message-deleted">This message was deleted.</p>
        ) : editing ? (
          <EditForm post={post} onDone={() => props.onEdit(null)} />
        ) : (
          <MessageContent post={post} names={names} />
        )}
        {post.deletedAt === null && <ReactionBar post={post} active={active} />}
        {!inThread && <ThreadLink post={post} />}
      </div>
      {post.deletedAt === null && !editing && (
        <MessageActions post={post} inThread={inThread} active={active} onEdit={() => props.onEdit(post.id)} />
      )}
    </article>
  );
});

function MessageContent({ post, names }: { post: WebPost; names: MentionNames }) {
  return (
    <>
      {post.state === "streaming" ? (
        <StreamingBody post={post} names={names} />
      ) : post.parts && post.parts.length > 0 ? (
        <PartList post={post} parts={post.parts} names={names} />
      ) : (
        post.text && <Markdown text={post.text} names={names} />
      )}
      {post.uploads.map((upload) => (
        <FileCard key={upload.id} upload={upload} />
      ))}
      {!!post.editedAt && <span className="message-note">(edited)</span>}
    </>
  );
}

function MessageHead({ post }: { post: WebPost }) {
  return (
    <div className="message-head">
      <span className="message-author">{post.author.name}</span>
      {post.author.kind === "agent" && <span className="badge">agent</span>}
      {post.author.handle && <span className="message-note">@{post.author.handle}</span>}
      <time className="message-time" dateTime={post.createdAt} title={fullTime(post.createdAt)}>
        {clockTime(post.createdAt)}
      </time>
      {post.ephemeral && <span className="message-note">Only you can see this</span>}
    </div>
  );
}

function GutterTime({ post }: { post: WebPost }) {
  return (
    <span className="message-time-gutter">
      <time dateTime={post.createdAt} title={fullTime(post.createdAt)}>
        {narrowTime(post.createdAt)}
      </time>
    </span>
  );
}
