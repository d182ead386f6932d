import { z } from "zod";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { WebContext } from "../context.ts";
import { joinedRoom, sessionOf } from "../guard.ts";
import type { WebServer } from "../server-plugins.ts";
import { storeUpload } from "../store-upload.ts";
import { uploadView } from "../views.ts";

/** What multipart adds to a file: boundaries and headers. */
const MULTIPART_OVERHEAD_BYTES = 16 * 1024;
const RoomParams = z.object({ roomId: wireKey(128) });
const UploadParams = z.object({ uploadId: wireKey(128) });

/** Files of people: in by streaming, out as what they are not mistaken for. */
export function addUploadRoutes(server: WebServer, context: WebContext): void {
  const { uploads, posts } = context.store;
  const { maxUploadBytes } = context.config;

  server.post(
    "/rooms/:roomId/uploads",
    {
      schema: { params: RoomParams },
      onRequest: async (request) => {
        const declared = Number(request.headers["content-length"] ?? 0);
        if (declared > maxUploadBytes + MULTIPART_OVERHEAD_BYTES) throw tooLarge(maxUploadBytes);
      },
    },
    async (request) => {
      const session = sessionOf(request);
      const { organizationId, personId } = session;
      const room = await joinedRoom(context, session, request.params.roomId);
      if (room.archived) throw new ParleyError("CONFLICT", { detail: "The room is archived." });
      if (!request.isMultipart())
        throw new ParleyError("PAYLOAD_MALFORMED", { detail: "An upload is multipart/form-data." });
      const part = await request.file();
      if (part === undefined) throw new ParleyError("PAYLOAD_MALFORMED", { detail: "The upload holds no file." });
      const record = await storeUpload(
        uploads,
        {
          organizationId,
          personId,
          roomId: room.roomId,
          name: part.filename,
          mediaType: part.mimetype,
          maxBytes: maxUploadBytes,
        },
        part.file,
      );
      await uploads.add(record).catch(async (error: unknown) => {
        await uploads.removeFiles([record.storedName]);
        throw error;
      });
      return uploadView(record);
    },
  );

  server.get("/uploads/:uploadId", { schema: { params: UploadParams } }, async (request, reply) => {
    const { organizationId, personId } = sessionOf(request);
    const upload = await uploads.get(organizationId, request.params.uploadId);
    if (upload === undefined) throw new ParleyError("NOT_FOUND");
    const mayRead = await context.store.rooms.isMember(organizationId, upload.roomId, personId);
    if (!mayRead) throw new ParleyError("NOT_FOUND");
    if (upload.postId === undefined) {
      if (upload.personId !== personId) throw new ParleyError("NOT_FOUND");
    } else {
      const [post] = await posts.byIds(organizationId, [upload.postId]);
      if (post === undefined || (post.visibleTo !== undefined && post.visibleTo !== personId))
        throw new ParleyError("NOT_FOUND");
    }
    const isImage = upload.kind === "image";
    const bytes = await uploads.read(upload.storedName);
    return await reply
      .header("content-type", isImage ? upload.mediaType : "application/octet-stream")
      .header("content-length", upload.sizeBytes)
      .header(
        "content-disposition",
        `${isImage ? "inline" : "attachment"}; filename*=UTF-8''${encodeName(upload.name)}`,
      )
      .header("x-content-type-options", "nosniff")
      .header("content-security-policy", "default-src 'none'; sandbox")
      .header("cross-origin-resource-policy", "same-origin")
      .header("cache-control", "private, max-age=300")
      .send(bytes);
  });
}

function tooLarge(maxBytes: number): ParleyError {
  return new ParleyError("PAYLOAD_TOO_LARGE", { detail: `A file may have at most ${maxBytes} bytes.` });
}

/** RFC 8187: all but its attribute characters as percent-encoded UTF-8. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
