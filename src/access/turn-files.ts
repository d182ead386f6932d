import type { AdapterFeatures } from "../contracts/adapter-features.ts";
import type { TurnFile, TurnFiles, TurnRequest } from "../contracts/connector.ts";
import { ParleyError } from "../errors/parley-error.ts";
import type { FileAddresses } from "./file-addresses.ts";

/** Largest file an agent is handed, in bytes. */
export const MAX_TURN_FILE_BYTES = 26_214_400;

type Media = NonNullable<AdapterFeatures["media"]>;

export interface TurnFilesOptions {
  readonly request: TurnRequest;
  readonly installationId: string;
  readonly media: Media;
  readonly addresses: FileAddresses;
  /** Where Parley is reached, with `/api/files/` after it. */
  readonly baseUrl: string;
  readonly signal: AbortSignal;
}

/** The files that the turn's own messages name: what an agent was shown it may read, and an id from elsewhere is not there. */
export function createTurnFiles({ request, media, signal, ...options }: TurnFilesOptions): TurnFiles {
  const { installationId } = options;
  const names = new Map<string, string>();
  for (const message of [...request.transcript, request.trigger])
    for (const block of message.content) if (block.type === "media") names.set(block.mediaId, block.name);
  return {
    async read(mediaId, { maxBytes = MAX_TURN_FILE_BYTES } = {}) {
      const name = names.get(mediaId);
      if (name === undefined)
        throw new ParleyError("NOT_FOUND", { detail: "no message of this turn has a file of that id" });
      const most = Math.min(maxBytes, MAX_TURN_FILE_BYTES);
      return { ...(await media.fetch({ installationId, mediaId, maxBytes: most, signal })), name };
    },
    url(mediaId) {
      const name = names.get(mediaId);
      if (name === undefined) return undefined;
      const token = options.addresses.mint({
        turnId: request.turnId,
        platform: request.conversation.platform,
        installationId,
        mediaId,
        name,
        expiresAtMs: Date.parse(request.deadlineAt),
      });
      return new URL(`/api/files/${token}`, options.baseUrl).href;
    },
  };
}

export interface FileReaderOptions {
  readonly addresses: FileAddresses;
  readonly media: (platform: string) => Media | undefined;
  /** Whether the turn is still under way; an address dies with its turn. */
  readonly isTurnOpen: (turnId: string) => Promise<boolean>;
}

/** Fetches what a signed address stands for. Errors: NOT_FOUND, and those of the platform, after which the address is good again. */
export function createFileReader({ addresses, media, isTurnOpen }: FileReaderOptions) {
  return async (token: string, signal: AbortSignal): Promise<TurnFile> => {
    const grant = addresses.redeem(token);
    try {
      const source = media(grant.platform);
      if (source === undefined || !(await isTurnOpen(grant.turnId)))
        throw new ParleyError("NOT_FOUND", { detail: "the turn of this address is over" });
      const { installationId, mediaId, name } = grant;
      return { ...(await source.fetch({ installationId, mediaId, maxBytes: MAX_TURN_FILE_BYTES, signal })), name };
    } catch (error) {
      addresses.release(token);
      throw error;
    }
  };
}
