import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core } from "../core.ts";
import { readBody } from "../web-api/arguments.ts";

/** POST /upload/v1/<ticket>: takes the bytes, raw or as the first part of a form, as the upload address of Slack does. */
export async function receiveUpload(
  core: Core,
  ticket: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const fileId = core.uploads.get(ticket);
  const file = fileId === undefined ? undefined : core.world.files.get(fileId);
  const body = await readBody(request);
  if (file === undefined) {
    response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
    return;
  }
  core.uploads.delete(ticket);
  file.bytes = filePart(request.headers["content-type"] ?? "", body);
  if (file.bytes.length !== file.length) {
    file.bytes = undefined;
    response.writeHead(500, { "content-type": "text/plain" }).end("length mismatch");
    return;
  }
  core.log.append({
    kind: "file_upload",
    team: file.teamId,
    by: "app",
    actor: file.userId,
    text: file.name,
    detail: { file: file.id, bytes: file.length },
  });
  response.writeHead(200, { "content-type": "text/plain" }).end(`OK - ${file.length}`);
}

/**
 * GET /files-pri/<team>-<file>/…: the bytes for a bot token that may see the file.
 *
 * Anyone else is redirected to a sign-in page, which answers 200 with HTML: the trap of Slack's private addresses.
 */
export function sendPrivateFile(core: Core, path: string, request: IncomingMessage, response: ServerResponse): void {
  const id = /^\/files-pri\/[A-Z0-9]+-(F[A-Z0-9]+)\//.exec(path)?.[1] ?? "";
  const file = core.world.files.get(id);
  const { authorization = "" } = request.headers;
  const installation = core.world.installationByToken(authorization.replace(/^Bearer /, ""));
  const isMember = [...(file?.channels ?? [])].some((channel) =>
    core.world.channels.get(channel)?.members.has(installation?.botUserId ?? ""),
  );
  const maySee =
    installation?.state === "active" &&
    installation.teamId === file?.teamId &&
    installation.scopes.includes("files:read") &&
    (isMember || file.userId === installation.botUserId);
  if (file?.bytes === undefined || !maySee) {
    response.writeHead(302, { location: `${core.url}/?redir=${encodeURIComponent(path)}` }).end();
    return;
  }
  core.log.append({
    kind: "file_download",
    team: file.teamId,
    by: "app",
    actor: installation.botUserId,
    text: file.name,
    detail: { file: id },
  });
  response.writeHead(200, { "content-type": file.mimetype, "content-length": file.bytes.length }).end(file.bytes);
}

export function sendSignInPage(response: ServerResponse): void {
  response
    .writeHead(200, { "content-type": "text/html; charset=utf-8" })
    .end("<!DOCTYPE html><title>Sign in | Slack</title>");
}

function filePart(contentType: string, body: Buffer): Buffer {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (!contentType.startsWith("multipart/form-data") || boundary === undefined) return body;
  const start = body.indexOf("\r\n\r\n") + 4;
  const end = body.indexOf(`\r\n--${boundary}`, start);
  return Buffer.from(body.subarray(start, end < 0 ? body.length : end));
}
