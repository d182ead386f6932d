import type { SqlRunner } from "./connection/database.ts";
import type { TurnStanding } from "./turn-writes.ts";

/** A turn as a token of its tools is judged by. */
export interface TokenTurn extends TurnStanding {
  readonly id: string;
  readonly organization_id: string;
  readonly agent_id: string;
  readonly reply_conversation_id: string;
  readonly platform: string;
  readonly epoch: number;
  readonly state: string;
  readonly cancel_requested: string | null;
}

export async function readTokenTurn(sql: SqlRunner, turnId: string): Promise<TokenTurn | undefined> {
  const [row] = await sql.query<TokenTurn>(
    {
      name: "read_token_turn",
      text: `select t.id, t.organization_id, t.agent_id, t.reply_conversation_id, c.platform, t.epoch, t.state, t.cancel_requested,
          (select a.status from agents a where a.id = t.agent_id and a.removed_at is null) as agent_status, o.status as organization_status,
          h.archived, h.self_member, coalesce(h.membership_epoch, 0) <> t.access_epoch as membership_changed
        from turns t join organizations o on o.id = t.organization_id join conversations c on c.id = t.reply_conversation_id
          left join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
        where t.id = $1`,
    },
    [turnId],
  );
  return row;
}
