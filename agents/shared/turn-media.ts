import type { TurnRequest } from "../../src/contracts/connector.ts";
import type { ContentBlock } from "../../src/envelope/content.ts";

export type MediaBlock = Extract<ContentBlock, { type: "media" }>;

/** The files of a turn's messages, each once, the newest message's first. */
export function mediaOf({ trigger, transcript }: Pick<TurnRequest, "trigger" | "transcript">): readonly MediaBlock[] {
  const found = new Map<string, MediaBlock>();
  for (const message of [trigger, ...transcript.toReversed()])
    for (const block of message.content)
      if (block.type === "media" && !found.has(block.mediaId)) found.set(block.mediaId, block);
  return [...found.values()];
}
