import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { Content } from "./content.ts";
import { sealAttachment } from "./crypto/attachment.ts";
import { parseMxc } from "./matrix-ids.ts";
import type { PostBody } from "./post-body.ts";
import { isEncrypted, type Place } from "./write-event.ts";

const UPLOAD_TIMEOUT_MS = 60_000;
const MSGTYPES = [
  ["image/", "m.image"],
  ["audio/", "m.audio"],
  ["video/", "m.video"],
] as const;
/** Types that clients show by themselves; an SVG may hold scripts, and is a file. */
const SHOWN = /^(?:image\/(?:png|jpeg|gif|webp|avif)|audio\/|video\/)/u;

/** Uploads a file, encrypted for encrypted rooms, and gives the content of its message. Uploading shows nothing to anybody: it may be repeated. */
export async function uploadFile(
  place: Place,
  file: Extract<PostBody, { kind: "upload" }>,
  signal: AbortSignal,
): Promise<Content> {
  const { account, roomId, asUser } = place;
  const bytes = Buffer.from(file.base64, "base64");
  // Asked before the upload: the homeserver itself must not see a file that is meant for an encrypted room.
  const sealed = (await isEncrypted(account, roomId)) ? sealAttachment(bytes) : undefined;
  const mxc = await upload(place, sealed?.bytes ?? bytes, sealed === undefined ? file : undefined, asUser, signal);
  const msgtype = SHOWN.test(file.mediaType)
    ? MSGTYPES.find(([prefix]) => file.mediaType.startsWith(prefix))?.[1]
    : undefined;
  return {
    msgtype: msgtype ?? "m.file",
    body: file.name,
    filename: file.name,
    info: { mimetype: file.mediaType, size: bytes.length },
    "m.mentions": {},
    // Plain data, as the specification has it.
    ...(sealed === undefined ? { url: mxc } : { file: JSON.parse(JSON.stringify(sealed.file(mxc))) as JsonValue }),
  };
}

async function upload(
  { account }: Place,
  bytes: Uint8Array,
  named: { readonly name: string; readonly mediaType: string } | undefined,
  asUser: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const call = {
    method: "POST",
    label: "upload",
    path: "/_matrix/media/v3/upload",
    query: { filename: named?.name },
    asUser,
    signal,
    timeoutMs: UPLOAD_TIMEOUT_MS,
  } as const;
  let answer: Awaited<ReturnType<typeof account.client.upload>>;
  try {
    answer = await account.guarded(
      "upload",
      undefined,
      account.client.upload(call, bytes, named?.mediaType ?? "application/octet-stream"),
    );
  } catch (error) {
    if (!(error instanceof ParleyError) || error.delivery !== "unknown") throw error;
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: error.detail ?? error.code,
      cause: error,
      facts: error.facts,
    });
  }
  const mxc = answer["content_uri"];
  if (typeof mxc !== "string" || parseMxc(mxc) === undefined)
    throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the homeserver's answer names no upload" });
  return mxc;
}
