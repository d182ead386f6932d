import { useEffect, useRef } from "react";
import { Shell } from "./shell.tsx";
import { SignInPage } from "./sign-in/sign-in-page.tsx";
import { takeCode } from "./sign-in/take-code.ts";
import { useConsole, useController } from "./state/context.tsx";
import { Announcer } from "./ui/announcer.tsx";

/** Sign-in page or the room, whichever the session calls for; a code in the address is used before anything else. */
export function App() {
  const controller = useController();
  const session = useConsole((state) => state.session);
  const code = useRef<string | undefined>(undefined);
  const begun = useRef(false);

  useEffect(() => {
    // A code works once, so it must not be used twice, whatever React does with effects.
    if (begun.current) return;
    begun.current = true;
    code.current = takeCode(window.location, window.history);
    if (code.current === undefined) void controller.start();
    else controller.store.dispatch({ type: "signed_out" });
  }, [controller]);

  if (session.phase === "checking") {
    return (
      <main className="center-fill">
        <h1 className="visually-hidden">Parley</h1>
        <p role="status">Opening Parley…</p>
      </main>
    );
  }
  if (session.phase === "signed_out") return <SignInPage notice={session.notice} code={code} />;
  return (
    <Announcer>
      <Shell />
    </Announcer>
  );
}
