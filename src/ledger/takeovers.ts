/**
 * SQL: whether a person has a conversation to themselves, so that no agent takes part: it was taken over itself, or its channel was.
 *
 * The arguments are SQL expressions: the installation, the channel's id and the conversation's.
 */
export const TAKEN_OVER = (installation: string, channel: string, conversation: string): string =>
  `exists (select 1 from conversations p where p.installation_id = ${installation} and p.channel_id = ${channel} and p.taken_over_at is not null and (p.thread_id is null or p.id = ${conversation}))`;
