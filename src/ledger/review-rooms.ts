import type { SqlRunner } from "./connection/database.ts";

/** A channel that is named as somebody's review room, and in which the installation's identity is. */
export interface ReviewRoomRow {
  /** As it is named: `platform:channel`. */
  readonly wanted: string;
  readonly organization_id: string;
  readonly installation_id: string;
  readonly channel_id: string;
  readonly kind: "public" | "private" | "direct" | "group_direct";
  readonly name: string | null;
  readonly external: boolean;
  /** Named by its id and not by its name. */
  readonly by_id: boolean;
}

/** Finds the channels that `platform:id` or `platform:name` stands for, in every installation. */
export function findReviewRooms(sql: SqlRunner, wanted: readonly string[]): Promise<ReviewRoomRow[]> {
  return sql.query<ReviewRoomRow>(
    {
      name: "find_review_rooms",
      text: `select w.wanted, c.organization_id, c.installation_id, c.channel_id, c.kind, c.name, c.external, c.channel_id = w.channel as by_id
        from (select x as wanted, split_part(x, ':', 1) as platform, ltrim(substr(x, strpos(x, ':') + 1), '#') as channel from unnest($1::text[]) as x) w
        join installations i on i.platform = w.platform
        join channels c on c.installation_id = i.id and (c.channel_id = w.channel or ltrim(lower(c.name), '#') = lower(w.channel))
        where not c.archived and c.self_member is distinct from false`,
    },
    [wanted],
  );
}
