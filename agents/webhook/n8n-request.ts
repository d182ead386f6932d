import type { TurnFile, TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { mediaOf } from "../shared/turn-media.ts";
import type { DialectBody } from "./request.ts";

/** Most files of a message that go along, and the most bytes of all of them. */
const MAX_FILES = 5;
const MAX_FILES_BYTES = 20_971_520;
/** Most earlier messages that go along; a workflow has a memory of its own, under the session. */
const MAX_EARLIER = 20;

/**
 * Guarantees the body that the chat of n8n takes: `{ action: "sendMessage", sessionId, chatInput, metadata }`, as a form with `files` where the
 * message carries files. Facts: @n8n/chat 1.37.0.
 */
export async function toChatBody(request: TurnRequest, io: TurnIo): Promise<DialectBody> {
  const fields = { action: "sendMessage", sessionId: request.sessionKey, chatInput: request.trigger.text };
  const metadata = metadataOf(request);
  // An answer that is streamed is not asked for otherwise than one that is not.
  const accept = "text/plain";
  const files = await filesOf(request, io);
  if (files.length === 0)
    return { contentType: "application/json", accept, body: JSON.stringify({ ...fields, metadata }) };
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("metadata", JSON.stringify(metadata));
  for (const { bytes, mediaType, name } of files)
    form.append("files", new Blob([Uint8Array.from(bytes)], { type: mediaType }), name);
  const encoded = new Response(form);
  const contentType = encoded.headers.get("content-type") ?? "multipart/form-data";
  return { contentType, accept, body: new Uint8Array(await encoded.arrayBuffer()) };
}

function metadataOf(request: TurnRequest): unknown {
  const { trigger, conversation, agent } = request;
  return {
    turnId: request.turnId,
    reason: request.reason,
    agent: agent.handle,
    sender: { id: trigger.sender.id, name: trigger.sender.name, kind: trigger.sender.kind },
    conversation: { platform: conversation.platform, channel: conversation.path.channel.name ?? null },
    ...(trigger.action === undefined ? {} : { action: trigger.action }),
    transcript: request.transcript
      .slice(-MAX_EARLIER)
      .map(({ sender, text, occurredAt }) => ({ sender: sender.name, kind: sender.kind, text, occurredAt })),
  };
}

/** The files of the message that is answered. One that cannot be read is left out. */
async function filesOf(request: TurnRequest, io: TurnIo): Promise<readonly TurnFile[]> {
  const files: TurnFile[] = [];
  let leftBytes = MAX_FILES_BYTES;
  for (const { mediaId, sizeBytes } of mediaOf({ trigger: request.trigger, transcript: [] })) {
    if (io.files === undefined || files.length === MAX_FILES) break;
    if ((sizeBytes ?? 0) > leftBytes) continue;
    try {
      const file = await io.files.read(mediaId, { maxBytes: leftBytes });
      leftBytes -= file.bytes.byteLength;
      files.push(file);
    } catch (thrown) {
      io.logger.warn({ code: toParleyError(thrown).code }, "a file could not be read");
    }
  }
  return files;
}
