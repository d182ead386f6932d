import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { WebUploadRecord } from "../../src/contracts/web-room-records.ts";
import type { WebUploadsStore } from "../../src/contracts/web-room-store.ts";
import { toSafeText } from "../../src/envelope/content.ts";
import { newId, newStoredName } from "./ids.ts";
import { IMAGE_HEAD_BYTES, isShowable, readImageFormat } from "./image-format.ts";

const MAX_NAME_CHARS = 200;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9.+-]{0,100}\/[a-z0-9][a-z0-9.+-]{0,100}$/;

export interface NewUpload {
  readonly organizationId: string;
  readonly roomId: string;
  readonly personId?: string;
  readonly name: string;
  /** What the sender says it is; believed for nothing but showing. */
  readonly mediaType: string;
  readonly maxBytes: number;
}

/** Streams a file to disk under a generated name and tells what it is by its bytes; holds no more than its head in memory. */
export async function storeUpload(
  uploads: WebUploadsStore,
  upload: NewUpload,
  bytes: Readable,
): Promise<WebUploadRecord> {
  const storedName = newStoredName();
  const sizeBytes = await uploads.write(storedName, bytes, upload.maxBytes);
  const head = await buffer(await uploads.read(storedName, { start: 0, end: IMAGE_HEAD_BYTES - 1 }));
  const format = readImageFormat(head);
  const image = format !== undefined && isShowable(format) ? format : undefined;
  const { organizationId, roomId, personId } = upload;
  return {
    uploadId: newId("f"),
    organizationId,
    roomId,
    ...(personId === undefined ? {} : { personId }),
    name: cleanName(upload.name),
    mediaType: image?.mediaType ?? cleanMediaType(upload.mediaType),
    kind: image === undefined ? "file" : "image",
    sizeBytes,
    storedName,
  };
}

/** The last part of whatever path was given, without what could deceive in a list of files. */
function cleanName(name: string): string {
  const last = toSafeText(name).split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, "")
    .trim()
    .slice(-MAX_NAME_CHARS)
    .toWellFormed();
  return clean === "" || /^\.+$/.test(clean) ? "file" : clean;
}

function cleanMediaType(mediaType: string): string {
  const lower = mediaType.toLowerCase().split(";")[0]?.trim() ?? "";
  // Bytes that are no picture must not be called one.
  return MEDIA_TYPE.test(lower) && !lower.startsWith("image/") ? lower : "application/octet-stream";
}
