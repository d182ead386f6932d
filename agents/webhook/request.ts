import { createHash } from "node:crypto";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { mediaOf } from "../shared/turn-media.ts";
import { signContent } from "./signature.ts";

/** Version of the body's shape. */
export const WEBHOOK_VERSION = 1;

export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Guarantees the signed POST of one attempt at a turn: `webhook-id` is the same for every attempt, timestamp and signature are the attempt's own.
 *
 * The body is `{ type: "turn.requested", version, timestamp, reply_url, files, data }`, with the turn request as `data`. `files` tells
 * where the bytes of each media block are, each address good for one fetch during the turn; absent when there are none.
 */
export function toSignedRequest(
  request: TurnRequest,
  io: TurnIo,
  secrets: readonly string[],
  nowMs: number,
): SignedRequest {
  const body = JSON.stringify({
    type: "turn.requested",
    version: WEBHOOK_VERSION,
    timestamp: new Date(nowMs).toISOString(),
    reply_url: io.replyUrl(),
    ...filesOf(request, io),
    data: request,
  });
  const id = webhookIdOf(request.turnId);
  const timestampSeconds = Math.floor(nowMs / 1000);
  return {
    body,
    headers: {
      "content-type": "application/json",
      accept: "application/json, application/x-ndjson, text/event-stream",
      "user-agent": "Parley/1",
      "webhook-id": id,
      "webhook-timestamp": String(timestampSeconds),
      "webhook-signature": signContent({ id, timestampSeconds, body }, secrets),
    },
  };
}

function filesOf(request: TurnRequest, io: TurnIo): { files?: readonly { media_id: string; url: string }[] } {
  const files = mediaOf(request).flatMap(({ mediaId }) => {
    const url = io.files?.url(mediaId);
    return url === undefined ? [] : [{ media_id: mediaId, url }];
  });
  return files.length === 0 ? {} : { files };
}

/** Guarantees one id per turn that is safe in a header and holds no full stop, which separates what is signed. */
export function webhookIdOf(turnId: string): string {
  return /^[\w-]{1,128}$/.test(turnId) ? turnId : `turn_${createHash("sha256").update(turnId).digest("hex")}`;
}
