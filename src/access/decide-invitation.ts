import type { AccessDecision } from "./decide-access.ts";

/** Everything that an answer to "may this agent be invited, uninvited or taken over here" rests on. */
export interface InvitationQuestion {
  readonly action: "invite" | "uninvite" | "take_over";
  /** What the one decision function says of the person and `invite_agent`. */
  readonly right: AccessDecision;
  readonly channelKind: "public" | "private" | "direct" | "group_direct";
  readonly agentStopped: boolean;
  /** The agent's definition names the channel. */
  readonly byDefinition: boolean;
  /** Who owns the invitation that stands; undefined where none does. */
  readonly standing: { readonly inviterKind: "person" | "operator"; readonly inviterId: string } | undefined;
  readonly by: { readonly kind: "person" | "operator"; readonly id: string };
}

export interface InvitationDecision {
  readonly result:
    | "invited"
    | "uninvited"
    | "taken_over"
    | "already_invited"
    | "already_member"
    | "not_invited"
    | "already_own"
    | "denied";
  readonly rule: string;
}

/** Decides what an invitation, its end or its taking over comes to; pure and total. Only the first three results change anything. */
export function decideInvitation(question: InvitationQuestion): InvitationDecision {
  const { action, right, standing, by } = question;
  const is = (result: InvitationDecision["result"], rule: string): InvitationDecision => ({ result, rule });
  if (question.channelKind === "direct" || question.channelKind === "group_direct")
    return is("denied", "direct_messages_have_their_members");
  const own = standing !== undefined && standing.inviterKind === by.kind && standing.inviterId === by.id;
  if (action === "uninvite") {
    // Whoever gave something may take it back, whatever became of their right to give it.
    if (!right.allowed && !own) return is("denied", right.rule);
    if (standing === undefined)
      return question.byDefinition ? is("already_member", "agent_in_channel") : is("not_invited", "no_invitation");
    return is("uninvited", own ? "own_invitation" : right.rule);
  }
  if (!right.allowed) return is("denied", right.rule);
  if (question.agentStopped) return is("denied", "agent_stopped");
  if (action === "invite") {
    if (standing !== undefined) return is(own ? "already_own" : "already_invited", "invitation_stands");
    if (question.byDefinition) return is("already_member", "agent_in_channel");
    return is("invited", right.rule);
  }
  if (standing === undefined)
    return question.byDefinition ? is("already_member", "agent_in_channel") : is("not_invited", "no_invitation");
  if (own) return is("already_own", "invitation_stands");
  // An operator's invitation ends with nobody's leave; a person who took it over would make it end with theirs.
  if (standing.inviterKind === "operator" && by.kind === "person") return is("already_invited", "invited_by_operator");
  return is("taken_over", right.rule);
}
