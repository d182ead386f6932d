import type { PolicyBook } from "../../access/policy-book.ts";
import type { Target } from "../../contracts/adapter.ts";
import type { AdapterFeatures } from "../../contracts/adapter-features.ts";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { agentMay } from "../agent-grant.ts";
import type { RunnableTurn } from "./runnable-turn.ts";
import { isShadowed } from "./shadow.ts";

/** How work on a question shows on it. */
const SIGNS = { atWork: "👀", done: "✅", failed: "⚠️" } as const;
/** Work that takes longer than this is long, in ms. */
const LONG_AFTER_MS = 5_000;
const WRITE_TIMEOUT_MS = 10_000;

/** The sign of one turn on the message that asked; a failure to show it changes nothing. */
export interface WorkReaction {
  /** The turn ended so; `none` takes the sign back. */
  end(how: "done" | "failed" | "none"): void;
  /** Shows nothing more, and leaves what is shown: the turn goes on elsewhere, or the agent has no business there any more. */
  abandon(): void;
}

export interface WorkReactions {
  of(turn: RunnableTurn, feature: AdapterFeatures["react"]): WorkReaction;
}

interface Shown {
  /** Turns at work on the message: all of one installation share its one reaction. */
  working: number;
  shown: boolean;
  failed: boolean;
  /** Writes about one message are made one after another, or a removal could overtake what it removes. */
  writes: Promise<void>;
}

const NO_SIGN: WorkReaction = { end: () => undefined, abandon: () => undefined };

/** Creates the signs of one process, of agents that may react there: 👀 while they are at work on a message, then ✅, or ⚠️ where one of them failed. */
export function createWorkReactions(
  policies: Pick<PolicyBook, "of">,
  longAfterMs: number = LONG_AFTER_MS,
): WorkReactions {
  const messages = new Map<string, Shown>();

  return {
    of(turn, feature) {
      const messageId = questionOf(turn);
      const when = turn.agent.definition.workReactions;
      if (feature === undefined || messageId === undefined || when === "never" || isShadowed(turn)) return NO_SIGN;
      const { installationId, envelope, organizationId } = turn;
      const where = { installationId, path: envelope.conversation };
      if (!agentMay(turn.agent, "react", where, policies.of(organizationId)).allowed) return NO_SIGN;
      const target = targetOf(turn);
      const key = JSON.stringify([turn.installationId, turn.envelope.conversation.channel.id, messageId]);
      const entry = messages.get(key) ?? { working: 0, shown: false, failed: false, writes: Promise.resolve() };
      messages.set(key, entry);
      entry.working += 1;
      let over = false;
      const write = (change: "add" | "remove", reaction: string): void => {
        entry.writes = entry.writes.then(() =>
          feature[change](target, messageId, reaction, AbortSignal.timeout(WRITE_TIMEOUT_MS)).catch(() => undefined),
        );
      };
      const timer = setTimeout(() => show(), delayOf(when, longAfterMs));
      function show(): void {
        if (entry.shown) return;
        entry.shown = true;
        write("add", SIGNS.atWork);
      }
      function leave(): boolean {
        if (over) return false;
        over = true;
        clearTimeout(timer);
        entry.working -= 1;
        if (entry.working === 0) messages.delete(key);
        return true;
      }
      return {
        end(how) {
          if (!leave()) return;
          entry.failed ||= how === "failed";
          if (entry.working > 0 || !entry.shown) return;
          write("remove", SIGNS.atWork);
          if (how !== "none") write("add", entry.failed ? SIGNS.failed : SIGNS.done);
        },
        abandon: () => void leave(),
      };
    },
  };
}

function delayOf(when: Exclude<AgentDefinition["workReactions"], "never">, longAfterMs: number): number {
  return when === "always" ? 0 : longAfterMs;
}

/** The message of a person that the turn answers. */
function questionOf({ envelope }: RunnableTurn): string | undefined {
  if (envelope.sender.kind === "agent" || (envelope.kind !== "message_created" && envelope.kind !== "message_edited"))
    return undefined;
  return envelope.body.messageId;
}

/** Where the question stands, which may be another place than where the reply goes. */
function targetOf({ organizationId, installationId, envelope }: RunnableTurn): Target {
  return { organizationId, installationId, conversation: envelope.conversation };
}
