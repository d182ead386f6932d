import { type AccessDecision, decideAccess } from "../../access/decide-access.ts";
import type { OrganizationPolicies } from "../../access/policy-book.ts";
import type { AccessAction, MemberClass } from "../../contracts/access.ts";
import type { WebPersonRecord, WebRoomView } from "../../contracts/web-room-records.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { agentMay, placesOf } from "../agent-grant.ts";
import type { DirectoryAgent } from "../directory.ts";

const WEB_SPACE = "web";
/** Stands for the direct message that is not made yet, of which no rule can speak. */
const NO_ROOM = "none";

/** The rule by which nobody speaks with an agent for now, whatever their rights. */
export const AGENT_PAUSED = "agent_paused";

export interface TalkPlace {
  readonly installationId: string;
  readonly room: Pick<WebRoomView, "roomId" | "name" | "kind" | "archived" | "agentHandle"> | undefined;
  /** The agent of a direct message. */
  readonly agent: DirectoryAgent | undefined;
}

/** Whether a person may speak in a room, and with the agent of a direct message: both by the one decision function, with the rule that decided. */
export function mayTalk(person: WebPersonRecord, place: TalkPlace, policies: OrganizationPolicies): AccessDecision {
  const { installationId, room, agent } = place;
  const path = pathOf(place);
  const archived = room?.archived ?? false;
  if (agent !== undefined) {
    const answers = agentMay(agent, "post", { installationId, path }, policies, { archived });
    if (!answers.allowed) return answers;
  }
  const where = placesOf(installationId, path);
  // In a room, whether it starts an agent is decided when it is routed, for each agent by itself.
  const actions: readonly AccessAction[] = agent === undefined ? ["post"] : ["post", "start_agent"];
  const decisions = actions.map((action) =>
    decideAccess({
      who: {
        kind: "person",
        id: person.personId,
        memberClass: classOf(person),
        roles: policies.rolesOf(person.personId, where),
      },
      action,
      where,
      facts: {
        organizationStopped: policies.stopped,
        archived,
        identityInChannel: undefined,
        // That they are in it was looked up a moment ago; who is not, has no such room.
        membership: "in",
        ageMs: 0,
        maxAgeMs: undefined,
        agent: undefined,
        rules: policies.rules,
      },
    }),
  );
  const denied = decisions.find(({ allowed }) => !allowed);
  if (denied !== undefined) return denied;
  // Last, since only who could speak with it otherwise is told that it is paused.
  if (agent?.status === "paused") return { allowed: false, rule: AGENT_PAUSED };
  return { allowed: true, rule: decisions[0]?.rule ?? "none" };
}

function classOf({ external, role }: WebPersonRecord): MemberClass {
  if (external) return "external";
  return role === "member" ? "member" : "admin";
}

function pathOf({ room, agent }: TalkPlace): ConversationPath {
  const agents = agent === undefined ? {} : { agents: [agent.handle] };
  const channel =
    room === undefined
      ? { id: NO_ROOM, kind: "direct" as const, ...agents }
      : { id: room.roomId, name: room.name, kind: room.kind, ...agents };
  return { space: { id: WEB_SPACE }, channel: { ...channel, external: false } };
}
