import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { ParleyError } from "../../../src/errors/parley-error.ts";

const UNPADDED = /^[A-Za-z0-9+/_-]+={0,2}$/u;

/** `file` of a media event in an encrypted room. https://spec.matrix.org/v1.19/client-server-api/#extensions-to-mroommessage-msgtypes */
const EncryptedFile = z.object({
  url: z.string(),
  key: z.object({ kty: z.literal("oct"), alg: z.literal("A256CTR"), k: z.string().regex(UNPADDED) }),
  iv: z.string().regex(UNPADDED),
  hashes: z.object({ sha256: z.string().regex(UNPADDED) }),
  v: z.literal("v2"),
});
export type EncryptedFile = z.infer<typeof EncryptedFile> & {
  readonly key: { readonly key_ops: readonly string[]; readonly ext: true };
};

/** An attachment as it is uploaded, and what its event says about it once the address is known. */
export interface SealedAttachment {
  readonly bytes: Uint8Array;
  readonly file: (url: string) => EncryptedFile;
}

/** Encrypts a file under a key of its own, AES-256 in counter mode: the homeserver sees neither its content nor its kind. */
export function sealAttachment(plain: Uint8Array): SealedAttachment {
  const key = randomBytes(32);
  // The lower half counts blocks and begins at zero, so that it never runs over in any client.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const bytes = Buffer.concat([cipher.update(plain), cipher.final()]);
  const sha256 = unpadded(createHash("sha256").update(bytes).digest());
  return {
    bytes,
    file: (url) => ({
      url,
      key: { kty: "oct", alg: "A256CTR", k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"], ext: true },
      iv: unpadded(iv),
      hashes: { sha256 },
      v: "v2",
    }),
  };
}

/** Reads the `file` of a media event; undefined when it is none. */
export function readEncryptedFile(value: unknown): z.infer<typeof EncryptedFile> | undefined {
  const read = EncryptedFile.safeParse(value);
  if (!read.success) return undefined;
  const { key, iv, hashes } = read.data;
  const sizes = [bytesOf(key.k).length, bytesOf(iv).length, bytesOf(hashes.sha256).length];
  return sizes.join() === "32,16,32" ? read.data : undefined;
}

/** Decrypts what was downloaded. Errors: CONTENT_REJECTED when the bytes are not the ones that the sender uploaded. */
export function openAttachment(bytes: Uint8Array, file: z.infer<typeof EncryptedFile>): Uint8Array<ArrayBuffer> {
  const hash = createHash("sha256").update(bytes).digest();
  if (!timingSafeEqual(hash, bytesOf(file.hashes.sha256)))
    throw new ParleyError("CONTENT_REJECTED", { detail: "an encrypted file is not the one that its sender uploaded" });
  const decipher = createDecipheriv("aes-256-ctr", bytesOf(file.key.k), bytesOf(file.iv));
  return new Uint8Array(Buffer.concat([decipher.update(bytes), decipher.final()]));
}

/** Both alphabets of base64: keys come in the one, the rest in the other, and not every client keeps to it. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text, "base64");
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/u, "");
}
