import type { AccessAction } from "../contracts/access.ts";
import type { EventKind } from "../envelope/envelope.ts";

/**
 * What whoever sent an event must be allowed to do before anything is done about it.
 *
 * `fact`: it says what has happened on the platform, which judged it; the mirror takes it over, and no agent hears of it. Every kind is named here, so
 * that a new one does not compile before somebody has decided about it (security rule R8).
 */
export const EVENT_POLICIES: Readonly<Record<EventKind, AccessAction | "fact">> = {
  message_created: "start_agent",
  message_edited: "start_agent",
  message_deleted: "fact",
  reaction_added: "fact",
  reaction_removed: "fact",
  member_joined: "fact",
  member_left: "fact",
  channel_created: "fact",
  channel_renamed: "fact",
  channel_archived: "fact",
  thread_created: "fact",
  direct_message_opened: "fact",
  command_invoked: "start_agent",
  action_submitted: "start_agent",
  session_stopped: "post",
  schedule_fired: "start_agent",
};
