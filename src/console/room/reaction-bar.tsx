import type { WebPost, WebReaction } from "../api/protocol.ts";
import { useConsole, useController, useMe } from "../state/context.tsx";
import { useMayPost } from "../state/use-may-post.ts";

/** The reactions of a message; pressing one adds or takes back one's own. */
export function ReactionBar({ post, active }: { post: WebPost; active: boolean }) {
  const { posts } = useController();
  const me = useMe();
  const mayPost = useMayPost(post.roomId);
  const people = useConsole((state) => state.people);
  if (post.reactions.length === 0) return null;

  const whoOf = (reaction: WebReaction) => [
    ...reaction.personIds.map((personId) =>
      personId === me.person.id ? "you" : (people[personId]?.name ?? "someone"),
    ),
    ...reaction.agentHandles.map((handle) => `@${handle}`),
  ];
  return (
    <div className="reactions">
      {post.reactions.map((reaction) => {
        const who = whoOf(reaction);
        const own = reaction.personIds.includes(me.person.id);
        const shown = /^[\w+-]+$/.test(reaction.reaction) ? `:${reaction.reaction}:` : reaction.reaction;
        return (
          <button
            key={reaction.reaction}
            type="button"
            className="reaction"
            aria-pressed={own}
            aria-label={`${shown} ${who.length}, by ${who.join(", ")}`}
            title={who.join(", ")}
            tabIndex={active ? 0 : -1}
            disabled={!mayPost}
            onClick={() => void posts.react(post, reaction.reaction, !own)}
          >
            <span className="emoji">{shown}</span> {who.length}
          </button>
        );
      })}
    </div>
  );
}
