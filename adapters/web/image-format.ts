/** Pictures of more pixels are not shown but offered as files: unpacked, they would fill a browser's memory. */
export const MAX_IMAGE_PIXELS = 40_000_000;
/** As much of a file as is needed to know its format and, in all but odd JPEGs, its size. */
export const IMAGE_HEAD_BYTES = 256 * 1024;

export interface ImageFormat {
  readonly mediaType: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
  readonly width: number;
  readonly height: number;
}

/** The picture that these first bytes begin, told by the bytes alone; undefined for all else and where the size cannot be read. */
export function readImageFormat(head: Buffer): ImageFormat | undefined {
  return readPng(head) ?? readGif(head) ?? readWebp(head) ?? readJpeg(head);
}

/** Whether a page may show it. */
export function isShowable(format: ImageFormat): boolean {
  return format.width > 0 && format.height > 0 && format.width * format.height <= MAX_IMAGE_PIXELS;
}

function readPng(head: Buffer): ImageFormat | undefined {
  if (head.length < 24 || head.toString("latin1", 0, 8) !== "\u0089PNG\r\n\u001a\n") return undefined;
  if (head.toString("latin1", 12, 16) !== "IHDR") return undefined;
  return { mediaType: "image/png", width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
}

function readGif(head: Buffer): ImageFormat | undefined {
  if (head.length < 10 || !/^GIF8[79]a$/.test(head.toString("latin1", 0, 6))) return undefined;
  return { mediaType: "image/gif", width: head.readUInt16LE(6), height: head.readUInt16LE(8) };
}

/** https://developers.google.com/speed/webp/docs/riff_container */
function readWebp(head: Buffer): ImageFormat | undefined {
  if (head.length < 30 || head.toString("latin1", 0, 4) !== "RIFF" || head.toString("latin1", 8, 12) !== "WEBP")
    return undefined;
  const mediaType = "image/webp";
  switch (head.toString("latin1", 12, 16)) {
    case "VP8X":
      return { mediaType, width: head.readUIntLE(24, 3) + 1, height: head.readUIntLE(27, 3) + 1 };
    case "VP8L": {
      const bits = head.readUInt32LE(21);
      return { mediaType, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case "VP8 ":
      return { mediaType, width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff };
    default:
      return undefined;
  }
}

/** Walks the segments up to the frame header (any SOF marker), which has the size. ITU-T T.81, annex B. */
function readJpeg(head: Buffer): ImageFormat | undefined {
  if (head.length < 4 || head.readUInt16BE(0) !== 0xff_d8) return undefined;
  let at = 2;
  while (at + 9 <= head.length) {
    if (head[at] !== 0xff) return undefined;
    const marker = head[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame)
      return { mediaType: "image/jpeg", width: head.readUInt16BE(at + 7), height: head.readUInt16BE(at + 5) };
    at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}
