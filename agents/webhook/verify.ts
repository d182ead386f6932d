import { ParleyError } from "../../src/errors/parley-error.ts";
import { hasMatchingSignature, isWebhookSecret } from "./signature.ts";

/** Furthest a request's timestamp may lie from now, to either side, in ms. */
export const TIMESTAMP_TOLERANCE_MS = 300_000;

/** Headers of a request by name in any case, as Node, Fastify and Express give them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifiedWebhook {
  /** The same for every attempt at one turn: an agent that knows it already should not work again. */
  readonly id: string;
  readonly timestampMs: number;
}

/**
 * Guarantees that a request came from Parley, for authors of webhook agents: call it with the body exactly as it was received, before parsing it.
 *
 * Throws SIGNATURE_MISSING, SIGNATURE_STALE (more than 300 s from `nowMs`, either way) or SIGNATURE_INVALID.
 * With no usable secret nothing is valid. Rules: Standard Webhooks 1.0.
 *
 * @example
 * const { id } = verifyWebhook(request.headers, rawBody, ["whsec_…"], Date.now());
 */
export function verifyWebhook(
  headers: RequestHeaders,
  body: string | Uint8Array,
  secrets: readonly string[],
  nowMs: number,
): VerifiedWebhook {
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const signature = headerOf(headers, "webhook-signature");
  if (id === undefined || timestamp === undefined || signature === undefined)
    throw new ParleyError("SIGNATURE_MISSING");
  if (!/^\d{1,12}$/.test(timestamp))
    throw new ParleyError("SIGNATURE_INVALID", { detail: "webhook-timestamp is not a unix time in seconds" });
  const timestampSeconds = Number(timestamp);
  if (Math.abs(nowMs - timestampSeconds * 1000) > TIMESTAMP_TOLERANCE_MS) throw new ParleyError("SIGNATURE_STALE");
  const usable = secrets.filter(isWebhookSecret);
  if (!hasMatchingSignature(signature, { id, timestampSeconds, body }, usable))
    throw new ParleyError("SIGNATURE_INVALID");
  return { id, timestampMs: timestampSeconds * 1000 };
}

function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  const text = typeof value === "string" ? value : value?.[0];
  return text === "" ? undefined : text;
}
