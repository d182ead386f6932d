import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { Directory } from "../directory.ts";
import { answerOf } from "../route/invitation-commands.ts";
import type { InvitationOutcome, Invitations } from "./invitation-operations.ts";

/** A room of the page, and who acts in it; that they are in it has been looked up. */
interface RoomActor {
  readonly organizationId: string;
  readonly installationId: string;
  readonly personId: string;
  readonly room: { readonly roomId: string; readonly name: string; readonly kind: "public" | "private" | "direct" };
}

const DONE: ReadonlySet<InvitationOutcome["result"]> = new Set(["invited", "uninvited", "taken_over", "already_own"]);

/** Invitations as the page's rooms ask for them: by the same decisions and in the same words as commands. */
export function createRoomInvitations(options: {
  readonly invitations: Invitations;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly facts: Pick<MemberFacts, "of">;
}) {
  const { invitations, directory, policies, facts } = options;

  async function requestOf({ organizationId, installationId, personId, room }: RoomActor) {
    const path: ConversationPath = {
      space: { id: "web" },
      channel: { id: room.roomId, name: room.name, kind: room.kind, external: false },
    };
    const { membership, memberClass } = await facts.of({ organizationId, installationId, path, personId });
    return {
      organizationId,
      installationId,
      path,
      by: { kind: "person", id: personId, memberClass: membership === "in" ? memberClass : "unknown", seenAt: "" },
    } as const;
  }

  const change =
    (work: "invite" | "uninvite" | "takeOver") => async (actor: RoomActor & { readonly agentHandle: string }) => {
      const outcome = await invitations[work]({ ...(await requestOf(actor)), agentHandle: actor.agentHandle });
      return {
        done: DONE.has(outcome.result),
        denied: outcome.result === "denied",
        text: answerOf(outcome, actor.agentHandle).replaceAll("`", ""),
      };
    };

  return {
    async list(organizationId: string, roomId: string) {
      const rows = await invitations.list(organizationId, roomId);
      return rows.flatMap(({ agentId, inviterKind, inviterId }) => {
        const agent = directory.get(agentId);
        return agent === undefined ? [] : [{ agentHandle: agent.handle, inviterKind, inviterId }];
      });
    },
    mayInvite: async (actor: RoomActor) => (await invitations.mayInvite(await requestOf(actor))).allowed,
    invite: change("invite"),
    uninvite: change("uninvite"),
    takeOver: change("takeOver"),
    // Made anew by each look at what was decided.
    revision: (organizationId: string): object => policies.of(organizationId),
  };
}
