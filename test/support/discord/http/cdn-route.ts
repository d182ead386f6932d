import type { ServerResponse } from "node:http";
import type { Core } from "../core.ts";
import { fileSignature } from "../model/wire.ts";

const GONE = "This content is no longer available.";

/** GET /cdn/attachments/<channel>/<attachment>/<name>: the file, when the address is signed and not too old. */
export function sendFile(core: Core, path: string, query: URLSearchParams, response: ServerResponse): void {
  const [, , channelId = "", attachmentId = ""] = path.split("/");
  const expires = query.get("ex") ?? "";
  const isGood =
    query.get("hm") === fileSignature(core, path, expires) && Number.parseInt(expires, 16) * 1000 > core.nowMs();
  const channel = core.world.channels.get(channelId);
  const inChannel = channel?.messages.filter((message) => !message.deleted) ?? [];
  const hidden = [...core.world.interactions.values()].flatMap((one) => [...one.ephemeral.values()]);
  const file = [...inChannel, ...hidden]
    .flatMap((message) => message.attachments)
    .find((attachment) => attachment.id === attachmentId);
  if (!isGood || file === undefined) {
    response.writeHead(404, { "content-type": "text/plain" }).end(GONE);
    return;
  }
  core.log.append({ kind: "file_download", channel: channelId, by: "system", actor: "cdn", detail: { attachmentId } });
  response.writeHead(200, {
    "content-type": file.contentType ?? "application/octet-stream",
    "content-length": file.bytes.length,
    "content-disposition": `attachment; filename="${encodeURIComponent(file.filename)}"`,
  });
  response.end(file.bytes);
}
