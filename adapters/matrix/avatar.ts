import { createHash } from "node:crypto";
import type { Account } from "./account.ts";
import { asString } from "./raw.ts";

const MAX_BYTES = 1_048_576;
const TIMEOUT_MS = 5_000;
const TYPES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const ROW_PREFIX = "avatar/";

/** HTTP that decides itself which addresses may be called, and follows no redirect. */
export interface PictureHttp {
  call(
    url: string,
    call: { readonly method: "GET"; readonly signal: AbortSignal },
  ): Promise<{
    readonly status: number;
    header(name: string): string | undefined;
    readonly body: AsyncIterable<Uint8Array>;
    discard(): void;
  }>;
}

interface AvatarAccount extends Pick<Account, "installationId" | "guarded"> {
  readonly sink: Pick<Account["sink"], "state">;
  readonly client: Pick<Account["client"], "upload">;
}

/**
 * The `mxc://` address of an agent's picture, uploaded once per address and remembered. Undefined when there is no picture there.
 *
 * Only what `http` may call is called, redirects are not followed and nothing but a picture of at most 1 MiB is taken.
 */
export async function avatarOf(
  account: AvatarAccount,
  http: PictureHttp,
  address: string,
): Promise<string | undefined> {
  const { sink, installationId } = account;
  const key = ROW_PREFIX + createHash("sha256").update(address).digest("hex");
  const known = (await sink.state.read(installationId, key)).get(key);
  if (known !== undefined) return Buffer.from(known).toString("utf8");
  const picture = await download(http, address);
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

async function download(
  http: PictureHttp,
  address: string,
): Promise<{ bytes: Uint8Array; mediaType: string } | undefined> {
  if (!URL.canParse(address) || !/^https?:$/u.test(new URL(address).protocol)) return undefined;
  const answer = await http.call(address, { method: "GET", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const mediaType = (answer.header("content-type") ?? "").split(";")[0]?.trim() ?? "";
  if (answer.status !== 200 || !TYPES.has(mediaType)) {
    answer.discard();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body) {
    length += part.length;
    if (length > MAX_BYTES) {
      answer.discard();
      return undefined;
    }
    chunks.push(part);
  }
  return { bytes: Buffer.concat(chunks), mediaType };
}
