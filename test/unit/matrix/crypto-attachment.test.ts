import { randomBytes } from "node:crypto";
import { Attachment, EncryptedAttachment } from "@matrix-org/matrix-sdk-crypto-wasm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAttachment, readEncryptedFile, sealAttachment } from "../../../adapters/matrix/crypto/attachment.ts";

const URL = "mxc://parley.test/abc";

describe("encrypted files", () => {
  test("come back as they were, and lie encrypted", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_000 }), (plain) => {
        const { bytes, file } = sealAttachment(plain);
        const read = readEncryptedFile(file(URL));
        expect(read !== undefined && openAttachment(bytes, read)).toEqual(plain);
      }),
    );
    const plain = randomBytes(4_096);
    expect(Buffer.from(sealAttachment(plain).bytes).equals(plain)).toBe(false);
  });

  test("are read by other clients, and theirs are read here", () => {
    const plain = randomBytes(10_000);
    const { bytes, file } = sealAttachment(plain);
    const { url: _url, ...info } = file(URL);
    expect(Buffer.from(Attachment.decrypt(new EncryptedAttachment(bytes, JSON.stringify(info)))).equals(plain)).toBe(
      true,
    );

    const theirs = Attachment.encrypt(plain);
    const read = readEncryptedFile({ url: URL, ...JSON.parse(theirs.mediaEncryptionInfo ?? "") });
    expect(read !== undefined && Buffer.from(openAttachment(theirs.encryptedData, read)).equals(plain)).toBe(true);
  });

  test("have a key and a counter of their own each", () => {
    const files = Array.from({ length: 20 }, () => sealAttachment(new Uint8Array(1)).file(URL));
    expect(new Set(files.map(({ key }) => key.k)).size).toBe(20);
    expect(new Set(files.map(({ iv }) => iv)).size).toBe(20);
    for (const { iv } of files) expect(Buffer.from(iv, "base64").subarray(8)).toEqual(Buffer.alloc(8));
  });

  test("that were changed on the way are refused", () => {
    const { bytes, file } = sealAttachment(randomBytes(100));
    const read = readEncryptedFile(file(URL));
    const changed = Uint8Array.from(bytes);
    changed[0] = (changed[0] ?? 0) ^ 1;
    expect(() => read && openAttachment(changed, read)).toThrow("CONTENT_REJECTED");
  });

  test.each([
    ["no object", "file"],
    ["no key", { url: URL, iv: "AAAA", hashes: { sha256: "AAAA" }, v: "v2" }],
    ["another version", { ...sealAttachment(new Uint8Array()).file(URL), v: "v1" }],
    ["a short key", { ...sealAttachment(new Uint8Array()).file(URL), key: { kty: "oct", alg: "A256CTR", k: "AAAA" } }],
    ["a short counter", { ...sealAttachment(new Uint8Array()).file(URL), iv: "AAAA" }],
    ["a hash that is none", { ...sealAttachment(new Uint8Array()).file(URL), hashes: { sha256: "%" } }],
  ])("with %s are none", (_what, value) => {
    expect(readEncryptedFile(value)).toBeUndefined();
  });
});
