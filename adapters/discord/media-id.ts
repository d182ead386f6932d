import { asId } from "./raw.ts";

/** Where a file hangs; addresses of Discord's CDN expire, so they are looked up when bytes are wanted. */
export interface MediaPlace {
  readonly channelId: string;
  readonly messageId: string;
  readonly attachmentId: string;
}

export function mediaIdOf({ channelId, messageId, attachmentId }: MediaPlace): string {
  return `${channelId}/${messageId}/${attachmentId}`;
}

export function readMediaId(mediaId: string): MediaPlace | undefined {
  const [channelId, messageId, attachmentId, ...more] = mediaId.split("/").map(asId);
  if (channelId === undefined || messageId === undefined || attachmentId === undefined || more.length > 0)
    return undefined;
  return { channelId, messageId, attachmentId };
}
