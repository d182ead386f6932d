import type { OutboundPost, Receipt } from "../../src/contracts/adapter.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { asAgent } from "./as-agent.ts";
import { requirePlatformUrl } from "./hosts.ts";
import type { PostBody } from "./post-body.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { isOwn, MARK_BLOCK_PREFIX, markOf, readSince } from "./read-back.ts";
import { asTs, tsToIso, tsToOrder } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

/**
 * Slack processes files after the call; the message shows up within a moment, at times in half a minute. It is waited for as long as a write may
 * take: what Slack has taken is not to be uploaded again.
 */
const SHARE_POLLS_MS = [0, 200, 500, 1_000, 2_000, 3_000, 5_000, 8_000, 12_000, 15_000] as const;
const UPLOAD_TIMEOUT_MS = 60_000;

/**
 * Shares a file in the conversation: ask for an address, put the bytes there, complete.
 *
 * Only the third step writes into the conversation: everything before it is certainly not sent. When Slack took the file but
 * does not show its message in time, the outcome is unknown and for `reconcile` to find.
 * https://docs.slack.dev/messaging/working-with-files#upload
 */
export async function uploadFile(
  workspace: Workspace,
  post: OutboundPost,
  body: Extract<PostBody, { kind: "upload" }>,
  mark: string,
): Promise<Receipt> {
  const { channel, thread } = post.target.conversation;
  const { signal } = post;
  const bytes = Buffer.from(body.base64, "base64");
  if (bytes.length === 0) throw new ParleyError("CONTENT_REJECTED", { detail: "the file is empty" });
  const startedAtMs = Date.now();
  const fileId = await beforeAnythingIsSent(() => storeBytes(workspace, body.name, bytes, signal));
  await asAgent(workspace, post.identity, (author) =>
    workspace.write(
      "files.completeUploadExternal",
      {
        files: [{ id: fileId, title: body.name }],
        channel_id: channel.id,
        ...(thread === undefined ? {} : { thread_ts: thread.id }),
        blocks: [
          { type: "section", block_id: MARK_BLOCK_PREFIX + mark, text: { type: "plain_text", text: body.text } },
        ],
        ...author,
      },
      { channel: channel.id, signal },
    ),
  );
  return findShare(workspace, post, { fileId, mark, startedAtMs });
}

async function storeBytes(workspace: Workspace, name: string, bytes: Buffer, signal: AbortSignal): Promise<string> {
  const place = await workspace.write(
    "files.getUploadURLExternal",
    { filename: name, length: bytes.length },
    { signal, encoding: "form" },
  );
  const fileId = asId(place["file_id"]);
  const url = asString(place["upload_url"]);
  if (fileId === undefined || url === undefined)
    throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "Slack gave no address for the file" });
  await workspace.postBytes({
    label: "file upload",
    url: requirePlatformUrl(url, workspace.apiUrl, "files"),
    contentType: "application/octet-stream",
    body: bytes,
    signal,
    timeoutMs: UPLOAD_TIMEOUT_MS,
  });
  return fileId;
}

/** By what the file says of itself, else by the mark in the conversation. */
async function findShare(workspace: Workspace, post: OutboundPost, upload: Upload): Promise<Receipt> {
  const { signal } = post;
  const { conversation } = post.target;
  for (const pauseMs of SHARE_POLLS_MS) {
    try {
      if (pauseMs > 0) await abortableSleep(pauseMs, signal);
      const answer = await workspace.read("files.info", (web) => web.files.info({ file: upload.fileId }), signal);
      const shared = shareTs(asRecord(answer.file), conversation.channel.id);
      if (shared !== undefined)
        return { messageId: shared, occurredAt: tsToIso(shared), platformOrder: tsToOrder(shared) };
      const messages = (await readSince(workspace, conversation, upload.startedAtMs, signal)) ?? [];
      const message = messages.find((one) => isOwn(workspace, one) && markOf(one) === upload.mark);
      const ts = asTs(message?.["ts"]);
      if (ts !== undefined) return { messageId: ts, occurredAt: tsToIso(ts), platformOrder: tsToOrder(ts) };
    } catch (error) {
      throw new ParleyError("PLATFORM_OUTCOME_UNKNOWN", {
        detail: "the file was taken, but its message could not be looked up",
        cause: error,
      });
    }
  }
  throw new ParleyError("PLATFORM_OUTCOME_UNKNOWN", {
    detail: "the file was taken, but its message does not show yet",
  });
}

interface Upload {
  readonly fileId: string;
  readonly mark: string;
  readonly startedAtMs: number;
}

/** `shares.public|private.<channel>[].ts`: where and as which messages a file is shown. */
function shareTs(file: Raw | undefined, channelId: string): string | undefined {
  const shares = asRecord(file?.["shares"]);
  for (const visibility of [asRecord(shares?.["public"]), asRecord(shares?.["private"])]) {
    const ts = asTs(asRecord(asList(visibility?.[channelId])[0])?.["ts"]);
    if (ts !== undefined) return ts;
  }
  return undefined;
}

async function beforeAnythingIsSent<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ParleyError) || error.delivery !== "unknown") throw error;
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: error.detail ?? error.code,
      cause: error,
      delivery: "not_sent",
    });
  }
}
