import { createHash } from "node:crypto";
import { request } from "undici";
import type { Account } from "./account.ts";
import { asString } from "./raw.ts";

const MAX_BYTES = 1_048_576;
const TIMEOUT_MS = 5_000;
const TYPES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const ROW_PREFIX = "avatar/";

/**
 * The `mxc://` address of an agent's picture, uploaded once per address and remembered. Undefined when there is no picture there.
 *
 * The address is one that an operator gave; redirects are not followed and nothing but a picture of at most 1 MiB is taken.
 */
export async function avatarOf(account: Account, address: string): Promise<string | undefined> {
  const { sink, installationId } = account;
  const key = ROW_PREFIX + createHash("sha256").update(address).digest("hex");
  const known = (await sink.state.read(installationId, key)).get(key);
  if (known !== undefined) return Buffer.from(known).toString("utf8");
  const picture = await download(address);
  if (picture === undefined) return undefined;
  const call = { method: "POST", label: "upload", path: "/_matrix/media/v3/upload", query: {} } as const;
  const uploaded = await account.guarded(
    "upload",
    undefined,
    account.client.upload(call, picture.bytes, picture.mediaType),
  );
  const mxc = asString(uploaded["content_uri"]);
  if (mxc !== undefined) await sink.state.write(installationId, new Map([[key, Buffer.from(mxc, "utf8")]]));
  return mxc;
}

async function download(address: string): Promise<{ bytes: Uint8Array; mediaType: string } | undefined> {
  if (!URL.canParse(address) || !/^https?:$/u.test(new URL(address).protocol)) return undefined;
  const answer = await request(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const mediaType =
    String(answer.headers["content-type"] ?? "")
      .split(";")[0]
      ?.trim() ?? "";
  if (answer.statusCode !== 200 || !TYPES.has(mediaType)) {
    answer.body.destroy();
    return undefined;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    const part: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += part.length;
    if (length > MAX_BYTES) {
      answer.body.destroy();
      return undefined;
    }
    chunks.push(part);
  }
  return { bytes: Buffer.concat(chunks), mediaType };
}
