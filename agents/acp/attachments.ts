import type { ContentBlock } from "@agentclientprotocol/sdk";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { mediaOf } from "../shared/turn-media.ts";
import type { Initialized } from "./results.ts";
import { oneLine } from "./tool-text.ts";

const MAX_FILES = 8;
/** Largest file handed over with the prompt, in bytes; larger ones are named with an address where there is one. */
const MAX_FILE_BYTES = 3_500_000;
const MAX_ALL_BYTES = 10_000_000;
const TEXT_TYPE = /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|javascript|toml|sql)\b)/;

/** The files of the message to answer as the agent takes them: pictures and sound where it says so, files as resources, else an address. Never rejects. */
export async function loadAttachments(
  request: TurnRequest,
  io: TurnIo,
  capabilities: Initialized["agentCapabilities"],
): Promise<readonly ContentBlock[]> {
  const { image, audio, embeddedContext } = capabilities.promptCapabilities;
  const blocks: ContentBlock[] = [];
  let leftBytes = MAX_ALL_BYTES;
  for (const media of mediaOf({ trigger: request.trigger, transcript: [] }).slice(0, MAX_FILES)) {
    const url = io.files?.url(media.mediaId);
    const name = oneLine(media.name, 120) || "file";
    const link = (): readonly ContentBlock[] =>
      url === undefined ? [] : [{ type: "resource_link", name, uri: url, mimeType: media.mediaType }];
    const isPicture = image && media.mediaType.startsWith("image/");
    const isSound = audio && media.mediaType.startsWith("audio/");
    const limitBytes = Math.min(MAX_FILE_BYTES, leftBytes);
    if (io.files === undefined || !(isPicture || isSound || embeddedContext) || (media.sizeBytes ?? 0) > limitBytes) {
      blocks.push(...link());
      continue;
    }
    try {
      const { bytes, mediaType: mimeType } = await io.files.read(media.mediaId, { maxBytes: limitBytes });
      leftBytes -= bytes.byteLength;
      const data = Buffer.from(bytes).toString("base64");
      const uri = `attachment:///${encodeURIComponent(name)}`;
      if (isPicture) blocks.push({ type: "image", data, mimeType });
      else if (isSound) blocks.push({ type: "audio", data, mimeType });
      else if (TEXT_TYPE.test(mimeType))
        blocks.push({ type: "resource", resource: { uri, mimeType, text: Buffer.from(bytes).toString("utf8") } });
      else blocks.push({ type: "resource", resource: { uri, mimeType, blob: data } });
    } catch (error) {
      io.logger.warn({ code: toParleyError(error).code }, "a file could not be read for the agent");
      blocks.push(...link());
    }
  }
  return blocks;
}
