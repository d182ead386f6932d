import type { WebPost } from "../api/protocol.ts";
import { Markdown } from "../markdown/markdown.tsx";
import type { MentionNames } from "../markdown/mention-plugin.ts";
import { useConsole } from "../state/context.tsx";
import { Working } from "./working.tsx";

/** An agent's text while it grows, with what the agent is doing and a button to stop it. */
export function StreamingBody({ post, names }: { post: WebPost; names: MentionNames }) {
  const preview = useConsole((state) => state.previews[post.id]);
  const line = useConsole(
    (state) =>
      state.turns.find(
        (turn) =>
          turn.roomId === post.roomId &&
          turn.threadRootId === post.threadRootId &&
          turn.agent.handle === post.author.handle,
      )?.line,
  );
  return (
    <>
      <Markdown text={preview ?? post.text} names={names} />
      <Working
        name={post.author.name}
        line={line}
        place={{ roomId: post.roomId, threadRootId: post.threadRootId, messageId: post.id }}
      />
    </>
  );
}
