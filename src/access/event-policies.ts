import type { AccessAction } from "../contracts/access.ts";
import type { EventKind } from "../envelope/envelope.ts";

/** What is asked about an event, and who may come to hear of it. */
export interface EventPolicy {
  /**
   * What whoever sent it must be allowed to do before anything is done about it; each of these is asked of the one decision function.
   *
   * None where it says what has happened on the platform, which judged it: the mirror takes it over, and it is nobody's wish.
   */
  readonly asks: readonly AccessAction[];
  /**
   * `always`: routing looks at it. `heard`: only where an agent asked to hear of its kind, which is then decided for that agent. `never`: it
   * changes the mirror and is done with its commit, and no agent hears of it.
   */
  readonly routed: "always" | "heard" | "never";
}

const FACT = { asks: [], routed: "never" } as const;
const TO_AGENTS = { asks: ["start_agent"], routed: "always" } as const;

/**
 * The policy of each kind of event, and the only list of them: routing, intake and what waits for its sender's class read it here.
 *
 * Every kind is named, so that a new one does not compile before somebody has decided about it (security rule R8).
 */
export const EVENT_POLICIES: Readonly<Record<EventKind, EventPolicy>> = {
  message_created: TO_AGENTS,
  message_edited: TO_AGENTS,
  // Ends what it began; whoever may delete it is the platform's to say.
  message_deleted: { asks: [], routed: "always" },
  reaction_added: { asks: ["react", "start_agent"], routed: "heard" },
  reaction_removed: FACT,
  member_joined: { asks: [], routed: "heard" },
  member_left: FACT,
  channel_created: { asks: [], routed: "heard" },
  channel_renamed: FACT,
  channel_archived: FACT,
  thread_created: FACT,
  direct_message_opened: FACT,
  command_invoked: TO_AGENTS,
  action_submitted: TO_AGENTS,
  session_stopped: { asks: ["post"], routed: "always" },
  schedule_fired: TO_AGENTS,
};

/** What a command to Parley itself asks, of which no agent hears; what it changes is decided beside that. */
export const COMMAND_ASKS: AccessAction = "post";
