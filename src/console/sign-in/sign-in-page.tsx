import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { useController } from "../state/context.tsx";
import { signInFailure } from "../state/failures.ts";
import { ProviderSignIn, wasRefused } from "./provider-sign-in.tsx";
import { codeFromPaste } from "./take-code.ts";

const SHORTEST_CODE = 16;

/** Signs a person in with a link or code pasted by hand; `notice` says why the page is shown, such as a link that was used already. */
export function SignInPage({ notice }: { notice: string | undefined }) {
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
      setError(signInFailure(failure));
      setBusy(false);
      field.current?.focus();
    }
  };

  useEffect(() => {
    document.title = "Sign in · Parley";
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
        {wasRefused(window.location) && error === undefined && (
          <p className="notice notice-warn">Your organization did not let this account in. Ask an owner of the room.</p>
        )}
        {notice !== undefined && error === undefined && <p className="notice notice-warn">{notice}</p>}
        <p id={errorId} role="alert" className={error ? "notice notice-error" : "visually-hidden"}>
          {error}
        </p>
        <ProviderSignIn />
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
          Parley prints a sign-in link when it starts, and <code>parley sign-in</code> makes a new one on its machine.
          Everyone else gets a link from an owner or admin, by “Invite a person” in the room. A link works once.
        </p>
      </div>
    </main>
  );
}
