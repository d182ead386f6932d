import { z } from "zod";
import { wireKey } from "../../src/envelope/ids.ts";

/**
 * Agents of a room: `POST /rooms/:roomId/agents` invites one for the member who asks, whose leaving ends that; `DELETE /rooms/:roomId/agents/:handle`
 * ends an invitation with the agent's work in the room; `POST /rooms/:roomId/agents/:handle/take-over` makes another member's invitation one's own.
 * Each answers with who is in the room then; 403 for who may not, 409 where nothing would change.
 */
export const InviteAgentBody = z.strictObject({ agent: wireKey(64) });

/** What is said of invitations beside who is in a room. */
export const RoomInvitations = {
  /** Of agents that are here because somebody invited them; the others are by their own definition. */
  invitations: z.array(
    z.object({
      agentHandle: z.string(),
      inviterKind: z.enum(["person", "operator"]),
      inviterName: z.string(),
      /** It is this person's own and ends when they leave. */
      own: z.boolean(),
    }),
  ),
  /** Whether this person may invite agents here. */
  mayInvite: z.boolean(),
};
