import { request } from "undici";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { httpError, transportError } from "./errors.ts";
import { requirePlatformUrl } from "./hosts.ts";
import { asRecord, asString } from "./raw.ts";
import type { Workspace } from "./workspace.ts";

const TIMEOUT_MS = 30_000;

export interface MediaQuery {
  readonly mediaId: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Fetches a file's bytes. The token goes to Slack's own hosts only, and redirects are not followed: Slack redirects to its
 * sign-in page when the file may not be read.
 *
 * Throws PAYLOAD_TOO_LARGE, PLATFORM_FORBIDDEN and the errors of reads.
 */
export async function fetchMedia(
  workspace: Workspace,
  query: MediaQuery,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const answer = await workspace.read("files.info", (web) => web.files.info({ file: query.mediaId }), query.signal);
  const file = asRecord(answer.file);
  const address = asString(file?.["url_private_download"]) ?? asString(file?.["url_private"]);
  if (address === undefined)
    throw new ParleyError("TARGET_NOT_FOUND", { detail: "Slack gives no address for the file" });
  const mediaType = asString(file?.["mimetype"]) ?? "application/octet-stream";
  const size = file?.["size"];
  if (typeof size === "number" && size > query.maxBytes) throw tooLarge(query.maxBytes);
  const url = requirePlatformUrl(address, workspace.apiUrl, "files");
  const bytes = await download(url, workspace.token, mediaType, query);
  return { bytes, mediaType };
}

async function download(url: URL, token: string, mediaType: string, query: MediaQuery): Promise<Uint8Array> {
  let response: Awaited<ReturnType<typeof request>>;
  try {
    response = await request(url, {
      headers: { authorization: `Bearer ${token}` },
      signal: query.signal,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  } catch (error) {
    throw transportError("file download", error, false);
  }
  const { statusCode, headers, body } = response;
  const html = String(headers["content-type"] ?? "").startsWith("text/html") && !mediaType.startsWith("text/html");
  if (statusCode !== 200 || html) {
    body.destroy();
    if (statusCode === 200 || (statusCode >= 300 && statusCode < 400))
      throw new ParleyError("PLATFORM_FORBIDDEN", {
        detail: "Slack does not let Parley read the file (scope files:read, membership)",
      });
    throw httpError("file download", statusCode, String(headers["retry-after"] ?? ""), Date.now());
  }
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      const part: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      length += part.length;
      if (length > query.maxBytes) throw tooLarge(query.maxBytes);
      chunks.push(part);
    }
  } catch (error) {
    body.destroy();
    throw error instanceof ParleyError ? error : transportError("file download", error, false);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): ParleyError {
  return new ParleyError("PAYLOAD_TOO_LARGE", { detail: "the file is larger than asked for", facts: { maxBytes } });
}
