import { Agent } from "undici";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { CallFailure, performOnce } from "../shared/single-call.ts";
import type { DiscordClient } from "./client.ts";
import { readMediaId } from "./media-id.ts";
import { asId, asList, asNumber, asRecord, asString, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";

const TIMEOUT_MS = 30_000;

export interface MediaQuery {
  readonly mediaId: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Fetches a file's bytes from the hosts that are configured as Discord's CDN, without the token and without redirects.
 *
 * Addresses expire after about a day, so the message is asked for a fresh one. Throws PAYLOAD_TOO_LARGE, TARGET_NOT_FOUND,
 * PLATFORM_FORBIDDEN and the errors of reads.
 */
export async function fetchMedia(
  client: DiscordClient,
  cdnHosts: readonly string[],
  query: MediaQuery,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const place = readMediaId(query.mediaId);
  if (place === undefined) throw new ParleyError("TARGET_NOT_FOUND", { detail: "no file of Discord has such an id" });
  const route = ROUTES.message(place.channelId, place.messageId);
  const message = asRecord(await client.call({ route, signal: query.signal }));
  const file = filesOf(message).find((one) => asId(one["id"]) === place.attachmentId);
  const address = asString(file?.["url"]);
  if (file === undefined || address === undefined)
    throw new ParleyError("TARGET_NOT_FOUND", { detail: "Discord's message holds no such file any more" });
  if ((asNumber(file["size"]) ?? 0) > query.maxBytes) throw tooLarge(query.maxBytes);
  const bytes = await download(requireCdn(address, cdnHosts), query);
  return { bytes, mediaType: asString(file["content_type"]) ?? "application/octet-stream" };
}

/** Files of the message itself and of what it forwards. */
function filesOf(message: Raw | undefined): Raw[] {
  const snapshots = asList(message?.["message_snapshots"]).map((item) => asRecord(asRecord(item)?.["message"]));
  return [message, ...snapshots].flatMap((one) =>
    asList(one?.["attachments"])
      .map(asRecord)
      .filter((file) => file !== undefined),
  );
}

/** Addresses come in answers; a fetch must never follow one elsewhere. */
function requireCdn(address: string, cdnHosts: readonly string[]): URL {
  if (URL.canParse(address)) {
    const url = new URL(address);
    const web = url.protocol === "https:" || url.protocol === "http:";
    if (web && url.username === "" && url.password === "" && cdnHosts.includes(url.host)) return url;
  }
  throw new ParleyError("PLATFORM_FORBIDDEN", { detail: "the file lies on none of the configured hosts (cdnHosts)" });
}

async function download(url: URL, { maxBytes, signal }: MediaQuery): Promise<Uint8Array> {
  const agent = new Agent({ connections: 1 });
  try {
    const answer = await performOnce(
      agent,
      { origin: url.origin, path: url.pathname + url.search, method: "GET", headers: [], body: null },
      { signal, timeoutMs: TIMEOUT_MS, maxAnswerBytes: maxBytes },
    );
    if (answer.status === 200) return answer.bytes;
    throw new ParleyError(answer.status === 404 ? "TARGET_NOT_FOUND" : "PLATFORM_UNAVAILABLE", {
      detail: `the file was answered with HTTP ${answer.status}`,
    });
  } catch (error) {
    if (!(error instanceof CallFailure)) throw error;
    if (error.reason === "AnswerTooLarge") throw tooLarge(maxBytes);
    throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: `the file could not be fetched (${error.reason})` });
  } finally {
    await agent.destroy();
  }
}

function tooLarge(maxBytes: number): ParleyError {
  return new ParleyError("PAYLOAD_TOO_LARGE", { detail: "the file is larger than asked for", facts: { maxBytes } });
}
