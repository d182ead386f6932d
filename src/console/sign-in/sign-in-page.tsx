import { type FormEvent, type RefObject, useEffect, useId, useRef, useState } from "react";
import { ApiError } from "../api/http.ts";
import { useController } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { codeFromPaste } from "./take-code.ts";

const SHORTEST_CODE = 16;

/** Signs a person in with the code of a link, taken from the address or pasted by hand. */
export function SignInPage({ notice, code }: { notice: string | undefined; code: RefObject<string | undefined> }) {
  const controller = useController();
  const [pasted, setPasted] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const fieldId = useId();
  const errorId = useId();

  const submit = async (value: string) => {
    setBusy(true);
    setError(undefined);
    try {
      await controller.signIn(value);
    } catch (failure) {
      setError(explain(failure));
      setBusy(false);
      field.current?.focus();
    }
  };

  useEffect(() => {
    document.title = "Sign in · Parley";
    const fromAddress = code.current;
    code.current = undefined;
    if (fromAddress !== undefined) void submit(fromAddress);
    // The code is used once, on arrival; `submit` is another function at every rendering.
  }, []);

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const value = codeFromPaste(pasted);
    if (value.length < SHORTEST_CODE) {
      setError("That is not a sign-in link or code. Paste all of it.");
      field.current?.focus();
    } else void submit(value);
  };

  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <div className="sign-in-brand">
          <img src="/favicon.svg" alt="" />
          <div>
            <h1>Sign in to Parley</h1>
            <p>Your team's room, with agents as members.</p>
          </div>
        </div>
        {notice !== undefined && error === undefined && <p className="notice notice-warn">{notice}</p>}
        <p id={errorId} role="alert" className={error ? "notice notice-error" : "visually-hidden"}>
          {error}
        </p>
        <form onSubmit={onSubmit} noValidate>
          <div className="field">
            <label htmlFor={fieldId}>Sign-in link or code</label>
            <input
              ref={field}
              id={fieldId}
              className="text-input"
              value={pasted}
              onChange={(event) => setPasted(event.target.value)}
              autoComplete="one-time-code"
              spellCheck={false}
              autoCapitalize="none"
              aria-invalid={error !== undefined}
              aria-describedby={errorId}
              readOnly={busy}
            />
          </div>
          <button type="submit" className="button button-primary" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </form>
        <p className="sign-in-help">
          Parley prints a sign-in link when it starts. Everyone else gets one from an owner or admin, by “Invite a
          person” in the room. A link works once, for 15 minutes.
        </p>
      </div>
    </main>
  );
}

function explain(failure: unknown): string {
  if (failure instanceof ApiError && (failure.status === 401 || failure.status === 400)) {
    return "This code is wrong, was used already, or is older than 15 minutes. Ask for a new link.";
  }
  return failureText(failure);
}
