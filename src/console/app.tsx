import { Shell } from "./shell.tsx";
import { SignInPage } from "./sign-in/sign-in-page.tsx";
import { useConsole } from "./state/context.tsx";
import { Announcer } from "./ui/announcer.tsx";

/** Sign-in page or the room, whichever the session calls for. */
export function App() {
  const session = useConsole((state) => state.session);
  if (session.phase === "checking") {
    return (
      <main className="center-fill">
        <h1 className="visually-hidden">Parley</h1>
        <output>{session.notice === undefined ? "Opening Parley…" : `${session.notice} Trying again…`}</output>
      </main>
    );
  }
  if (session.phase === "signed_out") return <SignInPage notice={session.notice} />;
  return (
    <Announcer>
      <Shell />
    </Announcer>
  );
}
