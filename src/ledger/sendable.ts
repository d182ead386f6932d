/**
 * What bars a delivery from being sent, as SQL text that is null when nothing does: its agent was removed, it or its organization was stopped, the channel is archived or
 * was left, or the membership of the channel has changed since its turn was admitted.
 *
 * `d` is the delivery, `c` its conversation, `epoch` what its turn was admitted under (null for a write that belongs to no turn). Looked up by key for every delivery in the very statement that marks it as being sent, so that nothing is
 * sent on rights that ended before.
 */
export const BARRED_BY = (
  d: string,
  c: string,
  epoch = `(select t.access_epoch from turns t where t.id = ${d}.turn_id)`,
): string => `coalesce(
    (select 'organization_stopped' from organizations o where o.id = ${d}.organization_id and o.status = 'stopped'),
    (select case when a.removed_at is not null then 'agent_removed' when a.status = 'stopped' then 'agent_stopped' end from agents a where a.id = ${d}.agent_id),
    (select case when h.archived then 'channel_archived' when h.self_member = false then 'identity_not_in_channel'
        when h.membership_epoch <> ${epoch} then 'membership_changed' end
      from channels h where h.installation_id = ${c}.installation_id and h.channel_id = ${c}.channel_id))`;

/** The membership epoch that a turn is admitted under: that of the channel its reply goes to. */
export const ACCESS_EPOCH = (installationId: string, channelId: string): string =>
  `coalesce((select h.membership_epoch from channels h where h.installation_id = ${installationId} and h.channel_id = ${channelId}), 0)`;
