import type { WebNotice } from "../../contracts/web-room-records.ts";
import type { SqlRunner } from "../connection/database.ts";

/** The NOTIFY channel that carries the web room's notices to every process. */
export const WEB_NOTICE_CHANNEL = "parley_web";

/** Publishes notices with the transaction that `tx` is in: nobody hears of what was rolled back. */
export async function publish(tx: SqlRunner, ...notices: readonly WebNotice[]): Promise<void> {
  if (notices.length === 0) return;
  await tx.query(
    {
      name: "web_publish",
      text: `select count(pg_notify('${WEB_NOTICE_CHANNEL}', notice)) from unnest($1::text[]) notice`,
    },
    [notices.map(noticeToPayload)],
  );
}

/** SQL that publishes the payloads of parameter `$n` when the row it stands in is returned; never more often than that row. */
export function publishSql(parameter: number): string {
  return `(select count(pg_notify('${WEB_NOTICE_CHANNEL}', notice)) from unnest($${parameter}::text[]) notice)`;
}

export function noticeToPayload(notice: WebNotice): string {
  return JSON.stringify(notice);
}

/** Undefined for a payload that is no notice, such as one of another version. */
export function payloadToNotice(payload: string): WebNotice | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    const isNotice = typeof value === "object" && value !== null && "type" in value && "organizationId" in value;
    // Only this module writes to the channel, so a notice's shape follows from its being one.
    return isNotice ? (value as WebNotice) : undefined;
  } catch {
    return undefined;
  }
}
