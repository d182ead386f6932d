import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import type { MeAnswer } from "../api/protocol.ts";
import type { Controller } from "./controller.ts";
import type { ConsoleState } from "./model.ts";

const ControllerContext = createContext<Controller | null>(null);

export function ControllerProvider({ controller, children }: { controller: Controller; children: ReactNode }) {
  return <ControllerContext value={controller}>{children}</ControllerContext>;
}

export function useController(): Controller {
  const controller = useContext(ControllerContext);
  if (!controller) throw new Error("useController needs a ControllerProvider above it");
  return controller;
}

/** Renders again when what `select` returns is another value; it must return state as it is, and derive in the component. */
export function useConsole<Selected>(select: (state: ConsoleState) => Selected): Selected {
  const { store } = useController();
  return useSyncExternalStore(store.subscribe, () => select(store.getState()));
}

/** The signed-in person; only below the shell, which is shown to nobody else. */
export function useMe(): MeAnswer {
  const session = useConsole((state) => state.session);
  if (session.phase !== "signed_in") throw new Error("useMe needs a signed-in session");
  return session.me;
}
