import type { AgentIdentity, Target } from "../../contracts/adapter.ts";
import type { AdapterFeatures } from "../../contracts/adapter-features.ts";

/** Turns shorter than this show no sign of work, in ms. */
const SIGN_AFTER_MS = 400;

/** Shows that an agent is at work, with its newest status line; never fails and never delays a turn. */
export interface WorkSign {
  say(line: string | undefined): void;
  clear(): void;
  /** Shows nothing more, and leaves what is shown: the agent has no business there any more. */
  abandon(): void;
}

/** Creates the sign of one turn; without the feature there is none to show. */
export function createWorkSign(feature: AdapterFeatures["status"], target: Target, identity: AgentIdentity): WorkSign {
  if (feature === undefined) return { say: () => undefined, clear: () => undefined, abandon: () => undefined };
  let shown: string | undefined;
  let abandoned = false;
  let wanted = "is working…";
  const show = (): void => {
    if (abandoned || shown === wanted) return;
    shown = wanted;
    void feature.show(target, identity, wanted).catch(() => undefined);
  };
  const timer = setTimeout(show, SIGN_AFTER_MS);
  return {
    say(line) {
      if (line === undefined || line === wanted) return;
      wanted = line;
      if (shown !== undefined) show();
    },
    abandon() {
      abandoned = true;
      clearTimeout(timer);
    },
    clear() {
      clearTimeout(timer);
      if (shown !== undefined) void feature.show(target, identity, "").catch(() => undefined);
    },
  };
}
