import { randomBytes } from "node:crypto";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { FileBody } from "./post-body.ts";

/** A body with files, as Discord wants it: `payload_json` and `files[n]`. https://docs.discord.com/developers/reference#uploading-files */
export function multipart(
  payload: JsonValue,
  files: readonly FileBody[],
): { readonly contentType: string; readonly bytes: Buffer } {
  const boundary = `parley-${randomBytes(18).toString("hex")}`;
  const parts: Buffer[] = [];
  const add = (head: string, bytes: Buffer): void => {
    parts.push(Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`, "utf8"), bytes, Buffer.from("\r\n", "utf8"));
  };
  add(
    'Content-Disposition: form-data; name="payload_json"\r\nContent-Type: application/json',
    Buffer.from(JSON.stringify(payload), "utf8"),
  );
  for (const [index, file] of files.entries()) {
    const type = /^[\w.+-]+\/[\w.+-]+(?:; ?charset=[\w-]+)?$/u.test(file.mediaType)
      ? file.mediaType
      : "application/octet-stream";
    add(
      `Content-Disposition: form-data; name="files[${index}]"; filename="${file.name.replace(/["\r\n\\]/gu, "_")}"\r\nContent-Type: ${type}`,
      Buffer.from(file.base64, "base64"),
    );
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`, "utf8"));
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes: Buffer.concat(parts) };
}
