import { useEffect, useState } from "react";
import { useConsole, useController } from "../state/context.tsx";

/** A connection that comes back sooner than this is not worth a word. */
const PATIENCE_MS = 1_500;

/** Says that the connection is lost and that messages will be caught up; silent during short interruptions. */
export function ConnectionBar() {
  const lost = useConsole((state) => state.connection !== "online");
  return <output>{lost && <LostConnection />}</output>;
}

function LostConnection() {
  const controller = useController();
  const connecting = useConsole((state) => state.connection === "connecting");
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    const timer = window.setTimeout(() => setPatient(false), PATIENCE_MS);
    return () => window.clearTimeout(timer);
  }, []);
  if (patient) return null;
  return (
    <span className="connection-bar">
      <span>
        {connecting
          ? "Connecting…"
          : "No connection. What you write is sent, and what you miss is fetched, when it is back."}
      </span>
      {!connecting && (
        <button type="button" className="button button-small" onClick={() => controller.reconnect()}>
          Try now
        </button>
      )}
    </span>
  );
}
