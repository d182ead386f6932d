import { storeFile } from "../effects/files.ts";
import { addMessage } from "../effects/messages.ts";
import { byApp } from "../effects/provenance.ts";
import type { Channel, StoredFile, Wire } from "../model/records.ts";
import { fileWire } from "../model/wire.ts";
import { ApiError, invalidArguments } from "./api-error.ts";
import { type BotCall, type Handler, memberChannel, threadRoot } from "./call.ts";
import { authorship } from "./chat.ts";
import { blocksOf } from "./message-arguments.ts";

/** The three-step upload (address, bytes, completion) and looking a file up. */
export const fileMethods: Record<string, Handler> = {
  "files.getUploadURLExternal": { auth: "bot", scopes: ["files:write"], run: uploadUrl },
  "files.completeUploadExternal": { auth: "bot", scopes: ["files:write"], run: complete },
  "files.info": { auth: "bot", scopes: ["files:read"], run: info },
};

function uploadUrl(call: BotCall): Wire {
  const { core, args } = call;
  const name = args.needText("filename");
  const length = Number(args.needText("length"));
  if (!Number.isInteger(length) || length <= 0) throw invalidArguments("length must be greater than 0");
  const file = storeFile(core, { teamId: call.team.id, userId: call.installation.botUserId, name, length });
  const ticket = core.world.newSecret("up");
  core.uploads.set(ticket, file.id);
  return { upload_url: `${core.url}/upload/v1/${ticket}`, file_id: file.id };
}

function complete(call: BotCall): Wire {
  const { core, args } = call;
  const channelId = args.text("channel_id") ?? args.text("channels")?.split(",")[0];
  // Checked before anything happens, so that a refusal has no effect.
  const channel = channelId === undefined ? undefined : memberChannel(call, channelId);
  if (channel?.archived === true) throw new ApiError("is_archived");
  const files = (args.list("files") ?? []).map((item) => uploadedFile(call, item));
  if (files.length === 0) throw invalidArguments("missing required field: files");
  for (const file of files) file.completed = true;
  if (channel !== undefined) {
    const share = sharing(call, channel, files);
    if (core.options.fileShareDelayMs > 0) core.later(core.options.fileShareDelayMs, share);
    else share();
  }
  return { files: files.map((file) => fileWire(file)) };
}

function uploadedFile(call: BotCall, item: unknown): StoredFile {
  // Parsed JSON: a record of strings.
  const { id, title } = (item ?? {}) as Wire;
  const file = call.core.world.files.get(String(id));
  if (file === undefined || file.userId !== call.installation.botUserId || file.bytes === undefined || file.completed) {
    throw new ApiError("file_not_found");
  }
  if (typeof title === "string") file.title = title;
  return file;
}

function sharing(call: BotCall, channel: Channel, files: StoredFile[]): () => void {
  const { core, args } = call;
  const threadTs = args.text("thread_ts");
  const root = threadTs === undefined ? undefined : threadRoot(channel, threadTs);
  const comment = args.text("initial_comment");
  const blocks = comment === undefined ? blocksOf(call) : undefined;
  const { subtype: _bot, ...identity } = authorship(call);
  return () => {
    for (const file of files) file.channels.add(channel.id);
    addMessage(
      core,
      channel,
      {
        ...identity,
        text: comment ?? "",
        subtype: "file_share",
        files,
        ...(root === undefined ? {} : { root }),
        ...(blocks === undefined ? {} : { blocks }),
      },
      byApp(call),
    );
  };
}

function info(call: BotCall): Wire {
  const file = call.core.world.files.get(call.args.needText("file"));
  if (file === undefined || file.teamId !== call.team.id) throw new ApiError("file_not_found");
  const { botUserId } = call.installation;
  const isShared = [...file.channels].some((id) => call.core.world.channels.get(id)?.members.has(botUserId));
  if (file.userId !== botUserId && !isShared) throw new ApiError("file_not_found");
  return { file: fileWire(file), comments: [], response_metadata: { next_cursor: "" } };
}
