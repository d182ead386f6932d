import { createHmac, timingSafeEqual } from "node:crypto";

/** Where the agent says that a task has come on: below the single-use reply address of the turn. */
export function pushAddressOf(replyUrl: string, taskId: string): string {
  return `${replyUrl}/a2a/${encodeURIComponent(taskId)}`;
}

/** The token of one task's notifications, which proves itself by the reply address's own secret. */
export function pushTokenOf(replyToken: string, taskId: string): string {
  return createHmac("sha256", replyToken).update(`a2a push|${taskId}`).digest("base64url");
}

/** Says in constant time whether a notification carries its task's token. */
export function isPushToken(presented: string | undefined, replyToken: string, taskId: string): boolean {
  const wanted = Buffer.from(pushTokenOf(replyToken, taskId));
  const given = Buffer.from(presented ?? "");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The last piece of a reply address, which is its token. */
export function replyTokenIn(replyUrl: string): string {
  return new URL(replyUrl).pathname.split("/").at(-1) ?? "";
}
