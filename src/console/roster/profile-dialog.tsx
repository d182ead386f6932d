import { type FormEvent, useEffect, useId, useState } from "react";
import type { WebSession } from "../api/protocol.ts";
import { useController, useMe } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";
import { fullTime } from "../ui/time.ts";

/** One's own name, and the browsers in which one is signed in, each of which can be signed out. */
export function ProfileDialog({ onClose }: { onClose: () => void }) {
  const controller = useController();
  const me = useMe();
  const [name, setName] = useState(me.person.name);
  const [sessions, setSessions] = useState<readonly WebSession[]>([]);
  const [error, setError] = useState<string>();
  const nameId = useId();

  const attempt = async (work: () => Promise<void>) => {
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      setError(failureText(failure));
    }
  };
  const { api } = controller;
  useEffect(() => {
    api.sessions().then(setSessions, (failure: unknown) => setError(failureText(failure)));
  }, [api]);

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      await controller.rename(name.trim());
      onClose();
    });
  };
  const endSession = (sessionId: string) =>
    attempt(async () => {
      await api.endSession(sessionId);
      setSessions(await api.sessions());
    });

  return (
    <Dialog title="Name and sessions" onClose={onClose}>
      <FormError text={error} />
      <form className="form-grid" onSubmit={onSubmit}>
        <div className="field">
          <label htmlFor={nameId}>Your name</label>
          <input
            id={nameId}
            className="text-input"
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={64}
            required
            autoComplete="off"
          />
        </div>
        <div className="dialog-actions">
          <button
            type="submit"
            className="button button-primary"
            disabled={name.trim() === "" || name.trim() === me.person.name}
          >
            Save the name
          </button>
        </div>
      </form>
      <h3 className="field-label">Signed in</h3>
      <ul className="choice-list">
        {sessions.map((session) => (
          <li key={session.id} className="choice-row">
            <span className="member-names">
              <span title={session.userAgent}>{browserName(session.userAgent)}</span>
              <span className="member-handle">
                {session.current ? "this browser" : `last seen ${fullTime(session.lastSeenAt)}`}
              </span>
            </span>
            {!session.current && (
              <button
                type="button"
                className="button button-small button-danger"
                aria-label={`Sign out ${browserName(session.userAgent)}, last seen ${fullTime(session.lastSeenAt)}`}
                onClick={() => void endSession(session.id)}
              >
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function browserName(userAgent: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(userAgent)?.[1] ?? "Browser";
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(userAgent)?.[1];
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system ? `${name} on ${system.replace("Mac OS X", "macOS")}` : name;
}
