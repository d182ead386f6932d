import { useEffect, useState } from "react";
import { useConsole, useController } from "../state/context.tsx";

/** A connection that comes back sooner than this is not worth a word. */
const PATIENCE_MS = 1_500;

/** Says that the connection is lost and that messages will be caught up; silent during short interruptions. */
export function ConnectionBar() {
  const controller = useController();
  const connection = useConsole((state) => state.connection);
  const [shown, setShown] = useState(false);
  const lost = connection !== "online";
  useEffect(() => {
    if (!lost) {
      setShown(false);
      return;
    }
    const timer = window.setTimeout(() => setShown(true), PATIENCE_MS);
    return () => window.clearTimeout(timer);
  }, [lost]);
  return (
    <div role="status">
      {shown && (
        <div className="connection-bar">
          <span>
            {connection === "connecting"
              ? "Connecting…"
              : "No connection. What you write is sent, and what you miss is fetched, when it is back."}
          </span>
          {connection === "offline" && (
            <button type="button" className="button button-small" onClick={controller.reconnect}>
              Try now
            </button>
          )}
        </div>
      )}
    </div>
  );
}
