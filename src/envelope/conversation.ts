import { z } from "zod";
import { SafeText, safeText } from "./content.ts";
import { PlatformId, wireKey } from "./ids.ts";

const Place = z.object({ id: PlatformId, name: SafeText.optional() });

/** Where something was said: the permission tree from the outside in. Absent levels do not exist on that platform. */
export const ConversationPath = z.object({
  space: Place,
  category: Place.optional(),
  channel: Place.extend({
    kind: z.enum(["public", "private", "direct", "group_direct"]),
    /** People of other organizations can read it (Slack Connect, federated rooms). */
    external: z.boolean().default(false),
    /** Handles of the agents that are in it, where the platform keeps them apart (a direct message with one of them); absent: all that inherit the installation's membership. */
    agents: z.array(wireKey(64)).max(50).optional(),
  }),
  /** The id of the thread's first message, or of the thread itself where it has its own. */
  thread: Place.optional(),
});
export type ConversationPath = z.infer<typeof ConversationPath>;

/** Who acted. `self` marks this installation's own identity: such events are dropped by identity before routing. */
export const Sender = z.object({
  id: PlatformId,
  kind: z.enum(["human", "agent", "bot", "external_guest"]),
  /** What a person is in the installation, as the platform itself told the adapter; absent where that is not known. Of a bot it says only that it is of other people. */
  memberClass: z.enum(["member", "admin", "guest", "external"]).optional(),
  name: SafeText.optional(),
  avatarUrl: safeText(2048).optional(),
  /** The agent's handle, when `kind` is agent. */
  agent: wireKey(64).optional(),
  self: z.boolean().default(false),
});
export type Sender = z.infer<typeof Sender>;

/** Guarantees equal keys for equal conversations and different keys for different ones, over all organizations. */
export function conversationKey(installationId: string, channelId: string, threadId?: string): string {
  return JSON.stringify(threadId === undefined ? [installationId, channelId] : [installationId, channelId, threadId]);
}
