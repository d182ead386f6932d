import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import type { Account } from "./account.ts";
import { openAttachment, readEncryptedFile } from "./crypto/attachment.ts";
import { errcodeOf } from "./errors.ts";
import { type MediaPlace, readMediaId } from "./media-id.ts";

const TIMEOUT_MS = 60_000;

export interface MediaQuery {
  readonly mediaId: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Fetches a file's bytes from the own homeserver, with its token, and decrypts them where they are encrypted.
 *
 * Throws PAYLOAD_TOO_LARGE, CONTENT_REJECTED for bytes that are not what was sent, and the errors of reads.
 */
export async function fetchMedia(
  account: Account,
  query: MediaQuery,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const place = readMediaId(query.mediaId);
  if (place === undefined) throw new ParleyError("TARGET_NOT_FOUND", { detail: "that is no file of Matrix" });
  const { bytes, mediaType } = await download(account, place, query);
  if (place.key === undefined) return { bytes, mediaType };
  const { key, iv, sha256 } = place.key;
  const file = readEncryptedFile({
    url: query.mediaId,
    key: { kty: "oct", alg: "A256CTR", k: key },
    iv,
    hashes: { sha256 },
    v: "v2",
  });
  if (file === undefined) throw new ParleyError("CONTENT_REJECTED", { detail: "the file's key is not readable" });
  return { bytes: openAttachment(bytes, file), mediaType };
}

/** Since Matrix 1.11 with the token; servers from before then have the old address alone. */
async function download(
  account: Account,
  { server, mediaId }: MediaPlace,
  query: MediaQuery,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const place = `${encodeURIComponent(server)}/${encodeURIComponent(mediaId)}`;
  const fetchFrom = (base: string) =>
    account.guarded(
      "download",
      undefined,
      account.client.download({
        label: "download",
        path: `${base}/${place}`,
        signal: query.signal,
        timeoutMs: TIMEOUT_MS,
        maxBytes: query.maxBytes,
      }),
    );
  try {
    return await fetchFrom("/_matrix/client/v1/media/download");
  } catch (error) {
    const old = errcodeOf(error) === "M_UNRECOGNIZED" || toParleyError(error).facts["status"] === 404;
    if (!old) throw error;
    return fetchFrom("/_matrix/media/v3/download");
  }
}
