import { useEffect, useId, useState } from "react";
import { type SwitchesAnswer, switchesApi } from "../api/switches-api.ts";
import { failureText } from "../state/failures.ts";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";

/** The kill switches for owners: stops one agent or all of them at once, with a reason that is kept, and lets them work again. */
export function SwitchesDialog({ onClose }: { onClose: () => void }) {
  const [answer, setAnswer] = useState<SwitchesAnswer>();
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const reasonId = useId();

  useEffect(() => {
    let shown = true;
    void switchesApi.read().then(
      (read) => shown && setAnswer(read),
      (failure: unknown) => shown && setError(failureText(failure)),
    );
    return () => {
      shown = false;
    };
  }, []);

  const act = async (change: () => Promise<void>) => {
    setError(undefined);
    setBusy(true);
    try {
      await change();
      setAnswer(await switchesApi.read());
    } catch (failure) {
      setError(failureText(failure));
    } finally {
      setBusy(false);
    }
  };

  const why = reason.trim();
  const row = (name: string, status: string, handle: string | undefined) => {
    const resumes = status !== "active";
    return (
      <li key={handle ?? ""} className="switch-row">
        <span className="member-names">
          <span>{name}</span>
          <span className="member-handle">{status}</span>
        </span>
        <button
          type="button"
          className={resumes ? "button" : "button button-danger"}
          disabled={busy || (!resumes && why === "")}
          aria-label={`${resumes ? "Resume" : "Stop"} ${name}`}
          onClick={() => void act(() => (resumes ? switchesApi.resume(handle) : switchesApi.stop(handle, why)))}
        >
          {resumes ? "Resume" : "Stop"}
        </button>
      </li>
    );
  };

  return (
    <Dialog title="Stop and resume agents" onClose={onClose}>
      <div className="form-grid">
        <FormError text={error} />
        <p>What is stopped runs nothing and sends nothing from now on; what it has not sent is never sent.</p>
        <div className="field">
          <label htmlFor={reasonId}>Reason</label>
          <input
            id={reasonId}
            className="text-input"
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            maxLength={500}
            autoComplete="off"
          />
          <p className="field-hint">It is kept in the audit log; without one nothing can be stopped.</p>
        </div>
        {answer !== undefined && (
          <ul className="roster-list">
            {row("All agents", answer.organization.status, undefined)}
            {answer.agents.map((agent) => row(`@${agent.handle}`, agent.status, agent.handle))}
          </ul>
        )}
        <div className="dialog-actions">
          <button type="button" className="button button-primary" onClick={onClose}>
            Done
          </button>
        </div>
      </div>
    </Dialog>
  );
}
