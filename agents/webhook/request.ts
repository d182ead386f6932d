import { createHash } from "node:crypto";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { mediaOf } from "../shared/turn-media.ts";
import { secretsOf, type WebhookConfig } from "./config.ts";
import { toChatBody } from "./n8n-request.ts";
import { signContent } from "./signature.ts";

/** Version of the body's shape. */
export const WEBHOOK_VERSION = 1;

export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What is sent, before it is signed. */
export interface DialectBody {
  readonly contentType: string;
  readonly accept: string;
  readonly body: string | Uint8Array;
}

/**
 * Guarantees the POST of one attempt at a turn: `webhook-id` is the same for every attempt, timestamp and signature are the attempt's own.
 * Without a secret, which the dialects of others do not ask for, it is not signed.
 */
export async function toSignedRequest(
  request: TurnRequest,
  io: TurnIo,
  config: WebhookConfig,
  nowMs: number,
): Promise<SignedRequest> {
  const { contentType, accept, body } = await toBody(request, io, config, nowMs);
  const id = webhookIdOf(request.turnId);
  const timestampSeconds = Math.floor(nowMs / 1000);
  const secrets = secretsOf(config);
  return {
    body,
    headers: {
      "content-type": contentType,
      accept,
      "user-agent": "Parley/1",
      "webhook-id": id,
      "webhook-timestamp": String(timestampSeconds),
      ...(secrets.length === 0 ? {} : { "webhook-signature": signContent({ id, timestampSeconds, body }, secrets) }),
      ...(config.authorization === undefined ? {} : { authorization: config.authorization }),
    },
  };
}

async function toBody(request: TurnRequest, io: TurnIo, config: WebhookConfig, nowMs: number): Promise<DialectBody> {
  switch (config.dialect) {
    case "n8n":
      return await toChatBody(request, io);
    case "callback":
      // Tools that take the fields of a hook apart want the words at hand, not four levels deep.
      return toTurnBody(request, io, nowMs, { text: request.trigger.text, sender: request.trigger.sender.name });
    case "standard":
      return toTurnBody(request, io, nowMs, {});
  }
}

/**
 * The body is `{ type: "turn.requested", version, timestamp, reply_url, files, data }`, with the turn request as `data`. `files` tells
 * where the bytes of each media block are, each address good for one fetch during the turn; absent when there are none.
 */
function toTurnBody(request: TurnRequest, io: TurnIo, nowMs: number, more: Record<string, string>): DialectBody {
  const body = JSON.stringify({
    type: "turn.requested",
    version: WEBHOOK_VERSION,
    timestamp: new Date(nowMs).toISOString(),
    reply_url: io.replyUrl(),
    ...more,
    ...filesOf(request, io),
    data: request,
  });
  return {
    contentType: "application/json",
    accept: "application/json, application/x-ndjson, text/event-stream",
    body,
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
