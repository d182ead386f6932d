import { DECISION_ORDINAL } from "./requests.ts";

/**
 * What bars a delivery from being sent, as SQL text that is null when nothing does: its agent was removed, it or its organization was stopped, the channel is archived or
 * was left, or the membership of the channel has changed since its turn was admitted.
 *
 * `d` is the delivery, `c` its conversation, `epoch` what its turn was admitted under (null for a write that belongs to no turn), `own` whether it is Parley's
 * own word that a question is over, which outlives the agent that asked. Looked up by key for every delivery in the very statement that marks it as being sent, so that nothing is
 * sent on rights that ended before.
 */
export const BARRED_BY = (
  d: string,
  c: string,
  epoch = `(select t.access_epoch from turns t where t.id = ${d}.turn_id)`,
  own = `(${d}.ordinal = ${DECISION_ORDINAL})`,
): string => `coalesce(
    (select 'organization_stopped' from organizations o where o.id = ${d}.organization_id and o.status = 'stopped'),
    (select case when a.removed_at is not null and not ${own} then 'agent_removed' when a.removed_at is null and a.status = 'stopped' then 'agent_stopped' end from agents a where a.id = ${d}.agent_id),
    (select case when h.archived then 'channel_archived' when h.self_member = false then 'identity_not_in_channel'
        when h.membership_epoch <> ${epoch} then 'membership_changed' end
      from channels h where h.installation_id = ${c}.installation_id and h.channel_id = ${c}.channel_id))`;

/** The membership epoch that a turn is admitted under: that of the channel its reply goes to. */
export const ACCESS_EPOCH = (installationId: string, channelId: string): string =>
  `coalesce((select h.membership_epoch from channels h where h.installation_id = ${installationId} and h.channel_id = ${channelId}), 0)`;

/** A check of the audience that is older than this is made anew before anything is sent on it. */
const CHECK_HOLDS = "interval '30 seconds'";

/** A sum over who is in the conversation `c` and in those that the turn has read, each with what they are there: equal for equal members. */
export const READERS_OF = (
  turnId: string,
  c: string,
): string => `(select coalesce(sum(hashtextextended(m.channel_id || ' ' || m.member_id || ' ' || m.member_class, 0)::numeric), 0)::text
    from (select ${c}.installation_id as inst, unnest(array[${c}.channel_id, ${c}.thread_id]) as place
      union select x.installation_id, unnest(array[x.channel_id, x.thread_id]) from turn_sources x where x.turn_id = ${turnId}) p
    join memberships m on m.installation_id = p.inst and m.channel_id = p.place and m.state = 'joined')`;

/**
 * Whether what a turn says could by now be read by somebody who may not read what it has read: its audience was not checked, too long ago, or people
 * came and went since. It is then not sent before it was checked again. False for turns that have read no other conversation.
 */
export const AUDIENCE_UNSURE = (
  turnId: string,
  c: string,
): string => `exists (select 1 from turn_sources s where s.turn_id = ${turnId}
    and (s.checked_at is null or (s.checked_at < 'infinity' and (s.checked_at < now() - ${CHECK_HOLDS} or s.checked_readers is distinct from ${READERS_OF(turnId, c)}))))`;
