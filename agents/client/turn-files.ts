import { AgentClientError } from "./client-error.ts";

/** The bytes of a file of a turn's messages. Throws `refused` for an id that no message of the turn names, or that was read already. */
export async function readTurnFile(
  mediaId: string,
  options: {
    readonly files: readonly { readonly mediaId: string; readonly url: string }[];
    readonly signal: AbortSignal;
  },
): Promise<Uint8Array> {
  const url = options.files.find((file) => file.mediaId === mediaId)?.url;
  if (url === undefined) throw new AgentClientError("refused", `no message of this turn has a file ${mediaId}`);
  const answer = await fetch(url, { signal: options.signal });
  if (!answer.ok) throw new AgentClientError("refused", `the file ${mediaId} cannot be read: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
