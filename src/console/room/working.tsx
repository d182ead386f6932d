import { useState } from "react";
import { useController } from "../state/context.tsx";
import { Icon } from "../ui/icon.tsx";

/** Says that an agent is at work, with its own words for it, and offers to stop it. */
export function Working(props: {
  name: string;
  line: string | undefined;
  place: { roomId: string; threadRootId: string | null; messageId?: string };
}) {
  const { posts } = useController();
  const [stopping, setStopping] = useState(false);
  return (
    <div className="working">
      <span className="working-dots" aria-hidden="true">
        <span />
        <span />
        <span />
      </span>
      <span>{props.line || "is working"}</span>
      <button
        type="button"
        className="button button-small"
        aria-label={`Stop ${props.name}`}
        disabled={stopping}
        onClick={() => {
          setStopping(true);
          void posts.stop(props.place).finally(() => setStopping(false));
        }}
      >
        <Icon name="stop" />
        Stop
      </button>
    </div>
  );
}
