import { parseMxc } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";

/** Where a file is and, in encrypted rooms, how to read it. */
export interface MediaPlace {
  readonly server: string;
  readonly mediaId: string;
  readonly key: FileKey | undefined;
}

/** AES-CTR key, counter block and SHA-256 of an encrypted attachment, in base64. https://spec.matrix.org/v1.19/client-server-api/#sending-encrypted-attachments */
export interface FileKey {
  readonly key: string;
  readonly iv: string;
  readonly sha256: string;
}

const BASE64 = /^[A-Za-z0-9+/_-]{20,64}={0,2}$/u;

/** The media id of a message's file: its `mxc://` address, and behind a `#` what is needed to read it when it is encrypted. */
export function mediaIdOf(content: Raw): string | undefined {
  const url = asString(content["url"]);
  if (url !== undefined) return parseMxc(url) === undefined ? undefined : url;
  const file = asRecord(content["file"]);
  const address = asString(file?.["url"]);
  const key = asString(asRecord(file?.["key"])?.["k"]);
  const iv = asString(file?.["iv"]);
  const sha256 = asString(asRecord(file?.["hashes"])?.["sha256"]);
  if (address === undefined || parseMxc(address) === undefined) return undefined;
  if (![key, iv, sha256].every((part) => part !== undefined && BASE64.test(part))) return undefined;
  return `${address}#${key}.${iv}.${sha256}`;
}

/** Reads a media id back; undefined for anything that this adapter did not make. */
export function readMediaId(value: string): MediaPlace | undefined {
  const [address = "", secret] = value.split("#", 2);
  const place = parseMxc(address);
  if (place === undefined) return undefined;
  if (secret === undefined) return { ...place, key: undefined };
  const [key, iv, sha256] = secret.split(".");
  if (key === undefined || iv === undefined || sha256 === undefined) return undefined;
  return { ...place, key: { key, iv, sha256 } };
}
