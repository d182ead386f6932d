import { createHash } from "node:crypto";
import { matchesChannel } from "../../access/channel-grant.ts";
import { type AccessDecision, decideAccess } from "../../access/decide-access.ts";
import { decideInvitation, type InvitationDecision } from "../../access/decide-invitation.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import { type KnownClass, MEMBER_CLASSES } from "../../contracts/access.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { notifyPolicies } from "../../ledger/access-policies.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import { upsertMemberships } from "../../ledger/channel-mirror.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import {
  endInvitation,
  giveInvitation,
  type InvitationFacts,
  type InvitationRow,
  insertInvitation,
  knowsInvitation,
  listInvitations,
  lockInvitation,
  lockInvitationFacts,
  type StoppedTurn,
} from "../../ledger/invitations.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import { placesOf } from "../agent-grant.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";

/** Who invites, uninvites or takes over. */
export interface Inviter {
  readonly kind: "person" | "operator";
  /** A person's platform id, or the name of an operator's token. */
  readonly id: string;
  /** What the event itself says they are; where that is unknown, what the mirror says. */
  readonly memberClass?: KnownClass | undefined;
  /**
   * The platform order of the event by which they showed to be in the channel, "" where their membership was looked up by itself. Only a leave that is
   * newer says otherwise. Undefined: what the mirror says, and whoever it does not know is not in the channel.
   */
  readonly seenAt?: string | undefined;
}

export interface InvitationRequest {
  readonly organizationId: string;
  readonly installationId: string;
  readonly path: ConversationPath;
  readonly agentHandle: string;
  readonly by: Inviter;
  /** The event that asks for it: asked twice, it is done once. */
  readonly eventId?: string | undefined;
}

export interface InvitationOutcome {
  readonly result: InvitationDecision["result"] | "unknown_agent";
  readonly rule: string;
  /** The invitation that stands now, or that ended. */
  readonly invitation?: InvitationRow | undefined;
}

/** Invitations of agents into channels: who may give, end and take them over, done and audited in one transaction each. */
export interface Invitations {
  invite(request: InvitationRequest): Promise<InvitationOutcome>;
  uninvite(request: InvitationRequest): Promise<InvitationOutcome>;
  takeOver(request: InvitationRequest): Promise<InvitationOutcome>;
  /** Whether somebody may invite agents into a channel now; changes nothing. */
  mayInvite(request: Omit<InvitationRequest, "agentHandle" | "eventId">): Promise<AccessDecision>;
  /** Those that stand, in one channel or everywhere. */
  list(organizationId: string, channelId?: string): Promise<readonly InvitationRow[]>;
}

export interface InvitationPorts {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly newId: NewId;
  /** Asks a turn that runs somewhere to stop. */
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

interface Done {
  readonly outcome: InvitationOutcome;
  readonly stopped: readonly StoppedTurn[];
}

export function createInvitations(ports: InvitationPorts): Invitations {
  const { database, directory, policies } = ports;

  async function change(action: "invite" | "uninvite" | "take_over", request: InvitationRequest) {
    const agent = directory.byHandle(request.organizationId, request.agentHandle);
    if (agent === undefined) return { result: "unknown_agent", rule: "no_such_agent" } as const;
    const { outcome, stopped } = await retryDeadlocks(() =>
      database.transaction((tx) => changeInvitation(tx, ports, { action, request, agent })),
    );
    if (outcome.result === "invited" || outcome.result === "uninvited" || outcome.result === "taken_over") {
      // Others learn of it by notification; this process has to know before it answers.
      await policies.refresh();
      for (const { id, reason } of stopped) ports.cancelRunning([id], `cancelled:${reason}`);
    }
    return outcome;
  }

  return {
    invite: (request) => change("invite", request),
    uninvite: (request) => change("uninvite", request),
    takeOver: (request) => change("take_over", request),
    async mayInvite(request) {
      const { by, installationId, path } = request;
      const memberId = by.kind === "person" ? by.id : null;
      const facts = await lockInvitationFacts(database, { installationId, channelId: path.channel.id, memberId });
      return rightOf(policies, request, facts);
    },
    list: (organizationId, channelId) => listInvitations(database, organizationId, channelId ?? null),
  };
}

async function changeInvitation(
  tx: SqlRunner,
  ports: InvitationPorts,
  {
    action,
    request,
    agent,
  }: { action: "invite" | "uninvite" | "take_over"; request: InvitationRequest; agent: DirectoryAgent },
): Promise<Done> {
  const { organizationId, installationId, path, by } = request;
  const place = { installationId, channelId: path.channel.id, agentId: agent.agentId };
  if (by.kind === "person" && by.seenAt !== undefined)
    await upsertMemberships(tx, [
      {
        org: organizationId,
        inst: installationId,
        channel: path.channel.id,
        member: by.id,
        state: "joined",
        source: "event",
        version: by.seenAt,
        implied: true,
      },
    ]);
  const facts = await lockInvitationFacts(tx, { ...place, memberId: by.kind === "person" ? by.id : null });
  const standing = await lockInvitation(tx, place);
  const id = request.eventId === undefined ? ports.newId("v") : onceId(request.eventId, agent.agentId);
  const done = (
    decision: InvitationDecision,
    invitation?: InvitationRow,
    stopped: readonly StoppedTurn[] = [],
  ): Done => ({
    outcome: { ...decision, ...(invitation === undefined ? {} : { invitation }) },
    stopped,
  });
  if (action === "invite" && request.eventId !== undefined && (await knowsInvitation(tx, id)))
    return done({ result: "invited", rule: "done_before" }, standing);
  const decision = decideInvitation({
    action,
    right: rightOf(ports.policies, request, facts),
    channelKind: facts.kind ?? path.channel.kind,
    agentStopped: agent.status === "stopped",
    byDefinition: agent.definition.channels.some((pattern) =>
      matchesChannel(pattern, {
        channelId: path.channel.id,
        channelName: path.channel.name ?? facts.name ?? undefined,
      }),
    ),
    standing,
    by,
  });
  const who = {
    by: by.id,
    rule: decision.rule,
    agent: agent.agentId,
    installation: installationId,
    channel: path.channel.id,
  };
  switch (decision.result) {
    case "denied":
      await appendAudit(tx, organizationId, [{ what: "denied", action, ...who }]);
      return done(decision, standing);
    case "invited": {
      await insertInvitation(tx, { ...place, id, organizationId, inviterKind: by.kind, inviterId: by.id });
      const stored = await lockInvitation(tx, place);
      // Somebody else was faster by a moment: theirs stands.
      if (stored?.id !== id) return done({ result: "already_invited", rule: "invitation_stands" }, stored);
      await notifyPolicies(tx);
      await appendAudit(tx, organizationId, [{ what: "grant_changed", change: "invited", invitation: id, ...who }]);
      return done(decision, stored);
    }
    case "taken_over": {
      if (standing === undefined) return done(decision);
      await giveInvitation(tx, standing.id, by);
      await notifyPolicies(tx);
      await appendAudit(tx, organizationId, [
        { what: "grant_changed", change: "taken_over", invitation: standing.id, from: standing.inviterId, ...who },
      ]);
      return done(decision, await lockInvitation(tx, place));
    }
    case "uninvited": {
      if (standing === undefined) return done(decision);
      return done(decision, standing, await endInvitation(tx, standing.id, decision.rule, by.id));
    }
    default:
      return done(decision, standing);
  }
}

/** What the one decision function says of this person, in this channel, about inviting agents. */
function rightOf(
  policies: PolicyBook,
  request: Pick<InvitationRequest, "organizationId" | "installationId" | "path" | "by">,
  facts: InvitationFacts,
): AccessDecision {
  const { by, organizationId, installationId, path } = request;
  const known = policies.of(organizationId);
  const where = placesOf(installationId, { ...path, thread: undefined });
  const left = facts.member_state === "left" && (by.seenAt === undefined || (facts.member_version ?? "") >= by.seenAt);
  const present = facts.member_state === "joined" || (facts.member_state === null && by.seenAt !== undefined);
  return decideAccess({
    who: {
      kind: by.kind,
      id: by.id,
      memberClass: by.kind === "operator" ? "admin" : classOf(by, facts),
      roles: by.kind === "operator" ? [] : known.rolesOf(by.id, where),
    },
    action: "invite_agent",
    where,
    facts: {
      organizationStopped: known.stopped,
      archived: facts.archived,
      identityInChannel: facts.self_member ?? undefined,
      membership: left ? "out" : present ? "in" : "unknown",
      ageMs: 0,
      maxAgeMs: undefined,
      agent: undefined,
      rules: known.rules,
    },
  });
}

function classOf({ memberClass = "unknown" }: Inviter, facts: InvitationFacts): KnownClass {
  if (memberClass !== "unknown") return memberClass;
  return MEMBER_CLASSES.find((known) => known === facts.member_class) ?? "unknown";
}

/** The same id for the same event and agent, so that an event that is handled again finds what it did. */
function onceId(eventId: string, agentId: string): string {
  return `v_${createHash("sha256")
    .update(JSON.stringify([eventId, agentId]))
    .digest("hex")
    .slice(0, 24)}`;
}
