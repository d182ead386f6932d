import { describe, expect, it } from "vitest";
import { isShowable, readImageFormat } from "../../../adapters/web/image-format.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

/** A JPEG's start: a comment segment, then the frame header. */
function jpeg(width: number, height: number, marker = 0xc2): Buffer {
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0x00, 0x08]), latin1("hello!")]);
  const frame = Buffer.from([0xff, marker, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3, 0, 0, 0]);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), comment, Buffer.from([0xff]), frame]);
}

function webp(kind: string, ...body: number[]): Buffer {
  return Buffer.concat([latin1(`RIFF\0\0\0\0WEBP${kind}\0\0\0\0`), Buffer.from(body), Buffer.alloc(16)]);
}

describe("readImageFormat", () => {
  it.each([
    ["a JPEG", jpeg(640, 480), { mediaType: "image/jpeg", width: 640, height: 480 }],
    [
      "a GIF",
      Buffer.concat([latin1("GIF89a"), Buffer.from([2, 1, 3, 0])]),
      { mediaType: "image/gif", width: 258, height: 3 },
    ],
    ["an extended WebP", webp("VP8X", 0, 0, 0, 0, 9, 0, 0, 4, 0, 0), { mediaType: "image/webp", width: 10, height: 5 }],
    ["a lossless WebP", webp("VP8L", 0x2f, 0x09, 0xc0, 0x01, 0), { mediaType: "image/webp", width: 10, height: 8 }],
    [
      "a lossy WebP",
      webp("VP8 ", 0, 0, 0, 0x9d, 1, 0x2a, 10, 0, 5, 0),
      { mediaType: "image/webp", width: 10, height: 5 },
    ],
  ])("reads %s", (_name, bytes, expected) => {
    expect(readImageFormat(bytes)).toEqual(expected);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["text", latin1("<svg xmlns='http://www.w3.org/2000/svg'/>")],
    ["a JPEG without a frame", jpeg(1, 1, 0xc4).subarray(0, 14)],
    ["a JPEG with a segment of no length", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 1, 2, 3, 4, 5, 6])],
    ["the beginning of a PNG", latin1("\u0089PNG\r\n\u001a\n")],
    ["a PNG without its header", Buffer.concat([latin1("\u0089PNG\r\n\u001a\n\0\0\0\rIDAT"), Buffer.alloc(20)])],
    ["a WebP of an unknown kind", webp("XXXX")],
  ])("takes %s for no picture", (_name, bytes) => {
    expect(readImageFormat(bytes)).toBeUndefined();
  });

  it("shows no picture of more than 40 megapixels, and none without any", () => {
    const format = (width: number, height: number) => ({ mediaType: "image/png", width, height }) as const;
    expect([isShowable(format(8_000, 5_000)), isShowable(format(8_001, 5_000)), isShowable(format(0, 5))]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
