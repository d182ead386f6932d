import type { AgentInvitation } from "../contracts/access.ts";
import { notifyPolicies } from "./access-policies.ts";
import { type AuditEntry, appendAudit } from "./audit-log.ts";
import { endAccess } from "./barred.ts";
import type { SqlRunner } from "./connection/database.ts";

/** A standing invitation as it is shown. */
export interface InvitationRow extends AgentInvitation {
  readonly organizationId: string;
  readonly createdAt: Date;
  readonly inviterName: string | null;
}

/** An invitation that ended just now. */
export interface EndedInvitation {
  readonly id: string;
  readonly organizationId: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly agentId: string;
  readonly inviterId: string;
}

/** What of the ledger decides about an invitation, locked until the transaction ends. */
export interface InvitationFacts {
  readonly archived: boolean;
  readonly self_member: boolean | null;
  readonly kind: "public" | "private" | "direct" | "group_direct" | null;
  readonly name: string | null;
  readonly member_state: "joined" | "left" | null;
  readonly member_class: string | null;
  readonly member_version: string | null;
}

const COLUMNS = `i.id, i.organization_id as "organizationId", i.installation_id as "installationId", i.channel_id as "channelId", i.agent_id as "agentId",
  i.inviter_kind as "inviterKind", i.inviter_id as "inviterId", i.created_at as "createdAt", p.name as "inviterName"`;
const NAMED = `from agent_invitations i left join people p on i.inviter_kind = 'person' and p.installation_id = i.installation_id and p.person_id = i.inviter_id`;

/** The standing invitations of an organization, or of one of its channels, oldest first. */
export function listInvitations(
  sql: SqlRunner,
  organizationId: string,
  channelId: string | null,
): Promise<InvitationRow[]> {
  return sql.query<InvitationRow>(
    {
      text: `select ${COLUMNS} ${NAMED} where i.organization_id = $1 and i.ended_at is null and ($2::text is null or i.channel_id = $2)
        order by i.created_at, i.id limit 10000`,
    },
    [organizationId, channelId],
  );
}

/**
 * Reads what decides about an invitation and keeps the member's row as it is until the transaction ends.
 *
 * A leave waits for that, and then finds the invitation and ends it: no order of the two leaves one behind.
 */
export async function lockInvitationFacts(
  tx: SqlRunner,
  place: { readonly installationId: string; readonly channelId: string; readonly memberId: string | null },
): Promise<InvitationFacts> {
  const [member] = await tx.query<Pick<InvitationFacts, "member_state" | "member_class" | "member_version">>(
    {
      text: `select state as member_state, member_class, version as member_version from memberships
        where installation_id = $1 and channel_id = $2 and member_id = $3 for share`,
    },
    [place.installationId, place.channelId, place.memberId],
  );
  const [channel] = await tx.query<Pick<InvitationFacts, "archived" | "self_member" | "kind" | "name">>(
    { text: "select archived, self_member, kind, name from channels where installation_id = $1 and channel_id = $2" },
    [place.installationId, place.channelId],
  );
  return {
    archived: channel?.archived ?? false,
    self_member: channel?.self_member ?? null,
    kind: channel?.kind ?? null,
    name: channel?.name ?? null,
    member_state: member?.member_state ?? null,
    member_class: member?.member_class ?? null,
    member_version: member?.member_version ?? null,
  };
}

/** The standing invitation of an agent into a channel, locked. */
export async function lockInvitation(
  tx: SqlRunner,
  place: { readonly installationId: string; readonly channelId: string; readonly agentId: string },
): Promise<InvitationRow | undefined> {
  const [row] = await tx.query<InvitationRow>(
    {
      text: `select ${COLUMNS} ${NAMED} where i.installation_id = $1 and i.channel_id = $2 and i.agent_id = $3 and i.ended_at is null for update of i`,
    },
    [place.installationId, place.channelId, place.agentId],
  );
  return row;
}

/** Stores an invitation; false when one stands already, or when this very one was stored before, even if it has ended since. */
export async function insertInvitation(
  tx: SqlRunner,
  invitation: Omit<AgentInvitation, "id"> & { readonly id: string; readonly organizationId: string },
): Promise<boolean> {
  const rows = await tx.query(
    {
      text: `insert into agent_invitations (id, organization_id, installation_id, channel_id, agent_id, inviter_kind, inviter_id)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning 1`,
    },
    [
      invitation.id,
      invitation.organizationId,
      invitation.installationId,
      invitation.channelId,
      invitation.agentId,
      invitation.inviterKind,
      invitation.inviterId,
    ],
  );
  return rows.length > 0;
}

/** Whether the invitation with this id was stored before, standing or ended. */
export async function knowsInvitation(tx: SqlRunner, id: string): Promise<boolean> {
  return (await tx.query({ text: "select 1 from agent_invitations where id = $1" }, [id])).length > 0;
}

export async function giveInvitation(
  tx: SqlRunner,
  id: string,
  to: { readonly kind: AgentInvitation["inviterKind"]; readonly id: string },
): Promise<void> {
  await tx.query(
    { text: "update agent_invitations set inviter_kind = $2, inviter_id = $3 where id = $1 and ended_at is null" },
    [id, to.kind, to.id],
  );
}

/** Ends one invitation with the agent's work in that channel; returns the turns that must hear of it. */
export async function endInvitation(tx: SqlRunner, id: string, reason: string, by: string): Promise<StoppedTurn[]> {
  const ended = await tx.query<EndedInvitation>(
    {
      text: `update agent_invitations i set ended_at = now(), ended_reason = $2 where id = $1 and ended_at is null ${RETURNING}`,
    },
    [id, reason],
  );
  return await settleEnded(tx, ended, reason, by);
}

/** A turn that was asked to stop, for its abort signal. */
export interface StoppedTurn {
  readonly id: string;
  readonly reason: string;
}

/**
 * Ends the invitations of people who have left a channel, with the agents' work there, in the transaction that mirrors the leave; those that another
 * member took over stand. Who is back by now keeps theirs.
 */
export async function endInvitationsOf(
  tx: SqlRunner,
  leavers: readonly { readonly inst: string; readonly channel: string; readonly member: string }[],
): Promise<StoppedTurn[]> {
  const ended = await tx.query<EndedInvitation>(
    {
      name: "end_invitations_of",
      text: `update agent_invitations i set ended_at = now(), ended_reason = 'inviter_left'
        from jsonb_to_recordset($1::jsonb) as x(inst text, channel text, member text)
        join memberships m on m.installation_id = x.inst and m.channel_id = x.channel and m.member_id = x.member and m.state = 'left'
        where i.installation_id = x.inst and i.channel_id = x.channel and i.inviter_kind = 'person' and i.inviter_id = x.member and i.ended_at is null ${RETURNING}`,
    },
    [JSON.stringify(leavers)],
  );
  return await settleEnded(tx, ended, "inviter_left", "ingest");
}

/** Ends every invitation of an agent, wherever it is: an agent that is removed does not come back with them. */
export async function endInvitationsOfAgent(tx: SqlRunner, agentId: string, by: string): Promise<StoppedTurn[]> {
  const ended = await tx.query<EndedInvitation>(
    {
      text: `update agent_invitations i set ended_at = now(), ended_reason = 'agent_removed' where agent_id = $1 and ended_at is null ${RETURNING}`,
    },
    [agentId],
  );
  return await settleEnded(tx, ended, "agent_removed", by);
}

const RETURNING = `returning i.id, i.organization_id as "organizationId", i.installation_id as "installationId", i.channel_id as "channelId",
  i.agent_id as "agentId", i.inviter_id as "inviterId"`;

async function settleEnded(
  tx: SqlRunner,
  ended: readonly EndedInvitation[],
  reason: string,
  by: string,
): Promise<StoppedTurn[]> {
  if (ended.length === 0) return [];
  const places = ended.map((row) => ({
    inst: row.installationId,
    channel: row.channelId,
    reason: "agent_uninvited",
    asker: null,
    agent: row.agentId,
  }));
  const stopped = await endAccess(tx, places);
  await cancelLooseWrites(tx, places);
  await notifyPolicies(tx);
  for (const [organizationId, rows] of Map.groupBy(ended, (row) => row.organizationId)) {
    const entries = rows.map(
      (row): AuditEntry => ({
        what: "grant_changed",
        change: "uninvited",
        by,
        rule: reason,
        invitation: row.id,
        agent: row.agentId,
        installation: row.installationId,
        channel: row.channelId,
        inviter: row.inviterId,
      }),
    );
    await appendAudit(tx, organizationId, entries);
  }
  return stopped;
}

/** Writes that belong to no turn, such as those of `parley send`. */
async function cancelLooseWrites(
  tx: SqlRunner,
  places: readonly { inst: string; channel: string; agent: string; reason: string }[],
): Promise<void> {
  await tx.query(
    {
      name: "cancel_loose_writes",
      text: `update deliveries d set state = 'cancelled', reason = x.reason, owner = null
        from jsonb_to_recordset($1::jsonb) as x(inst text, channel text, agent text, reason text)
        join conversations c on c.installation_id = x.inst and c.channel_id = x.channel
        where d.conversation_id = c.id and d.agent_id = x.agent and d.turn_id is null and d.state = 'pending'`,
    },
    [JSON.stringify(places)],
  );
}
