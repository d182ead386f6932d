import { readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { describe, expect, it } from "vitest";
import { PostAnswer, type WebRoom, WebUpload } from "../../../adapters/web/protocol.ts";
import type { WebClient } from "../../support/web/web-client.ts";
import { BACKENDS, startTestRoom } from "../../support/web/web-room.ts";

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function png(width: number, height: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(64);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return bytes;
}

describe.each(BACKENDS)("uploads on %s", (backend) => {
  it("keeps a file for the room's members, under a name of its own, and gives it away as a download", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const secret = await mara.client.ok<WebRoom>("POST", "/rooms", { name: "secret", kind: "private" });
    const answer = await mara.client.upload(`/rooms/${secret.id}/uploads`, {
      name: "..\\..\\evil\u202e<b>.html",
      type: "text/html",
      bytes: bytesOf("<script>alert(1)</script>"),
    });
    const upload = WebUpload.parse(answer.body);
    expect(upload).toMatchObject({ name: "evil<b>.html", kind: "file", sizeBytes: 25 });
    expect(await readdir(room.uploadsFolder)).toEqual([expect.stringMatching(/^[a-f0-9]{32}$/)]);
    const path = upload.url.replace("/api/web", "");
    const { post } = PostAnswer.parse(
      await mara.client.ok("POST", `/rooms/${secret.id}/messages`, {
        clientMessageId: "client-0001",
        uploadIds: [upload.id],
      }),
    );
    expect(post.uploads).toEqual([upload]);
    const got = await mara.client.request("GET", path);
    expect(got.body).toBe("<script>alert(1)</script>");
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": "attachment; filename*=UTF-8''evil%3Cb%3E.html",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "content-length": "25",
    });
    expect((await ben.client.request("GET", path)).status).toBe(404);
    const stolen = await ben.client.request("POST", `/rooms/${ben.general.id}/messages`, {
      clientMessageId: "client-0002",
      uploadIds: [upload.id],
    });
    expect(stolen.status).toBe(404);
    const twice = await mara.client.request("POST", `/rooms/${secret.id}/messages`, {
      clientMessageId: "client-0003",
      uploadIds: [upload.id],
    });
    expect(twice.status).toBe(404);
    await mara.client.ok("DELETE", `/messages/${post.id}`);
    expect((await mara.client.request("GET", path)).status).toBe(404);
    expect(await readdir(room.uploadsFolder)).toEqual([]);
  });

  it("tells pictures by their bytes, and shows none that would fill a browser's memory", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const kindOf = async (type: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> => {
      const answer = await client.upload(`/rooms/${general.id}/uploads`, { name: "x", type, bytes });
      const { kind, mediaType } = WebUpload.parse(answer.body);
      return `${kind} ${mediaType}`;
    };
    expect(await kindOf("text/html", png(8, 8))).toBe("image image/png");
    expect(await kindOf("image/png", png(10_000, 10_000))).toBe("file application/octet-stream");
    expect(await kindOf("image/svg+xml", bytesOf("<svg/>"))).toBe("file application/octet-stream");
    expect(await kindOf("image/gif", bytesOf("GIF89a\u0001\u0000\u0001\u0000 and <script>"))).toBe("image image/gif");
    expect(await kindOf("image/jpeg", bytesOf("\u0000not a jpeg"))).toBe("file application/octet-stream");
    expect(await kindOf("application/pdf", bytesOf("%PDF-1.7"))).toBe("file application/pdf");
  });
});

describe("the bounds of an upload", () => {
  const [backend] = BACKENDS;
  const maxUploadBytes = 1024 * 1024;

  it("takes the largest file and refuses one byte more, whether or not it says its length", async () => {
    const room = await startTestRoom({ backend, config: { maxUploadBytes } });
    const { client, general } = await room.signIn("Mara");
    const upload = (size: number) =>
      client.upload(`/rooms/${general.id}/uploads`, { name: "x", type: "text/plain", bytes: new Uint8Array(size) });
    expect((await upload(maxUploadBytes)).status).toBe(200);
    const refused = await upload(maxUploadBytes + 1);
    expect([refused.status, refused.body]).toMatchObject([413, { error: { code: "PAYLOAD_TOO_LARGE" } }]);
    const before = process.memoryUsage().rss;
    const flooded = await flood(client, `/api/web/rooms/${general.id}/uploads`);
    expect(flooded.status).toBe(413);
    expect(flooded.sentBytes).toBeLessThan(64 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    expect(await readdir(room.uploadsFolder)).toHaveLength(1);
  });

  it("forgets what no post took, and nothing else", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const upload = async () => {
      const answer = await client.upload(`/rooms/${general.id}/uploads`, {
        name: "x",
        type: "text/plain",
        bytes: bytesOf("x"),
      });
      return WebUpload.parse(answer.body).id;
    };
    await upload();
    const kept = await upload();
    await client.ok("POST", `/rooms/${general.id}/messages`, { clientMessageId: "client-0001", uploadIds: [kept] });
    await room.database.query({ text: "update web_uploads set created_at = now() - interval '2 days'" });
    const { unusedFiles } = await room.store.events.prune(24 * 60 * 60_000);
    await room.store.uploads.removeFiles(unusedFiles);
    expect(unusedFiles).toHaveLength(1);
    expect(await readdir(room.uploadsFolder)).toHaveLength(1);
    expect((await client.request("GET", `/uploads/${kept}`)).status).toBe(200);
  });
});

/** Sends a file without end in chunks, as a client does that does not say its length; resolves with the answer's status. */
async function flood(client: WebClient, path: string): Promise<{ status: number | undefined; sentBytes: number }> {
  const request = httpRequest(`${client.baseUrl}${path}`, {
    method: "POST",
    headers: { origin: client.origin, cookie: client.cookie ?? "", "content-type": "multipart/form-data; boundary=x" },
  });
  const chunk = Buffer.alloc(256 * 1024);
  let status: number | undefined;
  let sentBytes = 0;
  return await new Promise((resolve) => {
    // The server stops reading and closes: what is written then fails, as it should.
    request.on("error", () => undefined);
    request.once("response", (response) => {
      status = response.statusCode;
      response.resume();
    });
    request.once("close", () => resolve({ status, sentBytes }));
    const pump = (): void => {
      if (request.destroyed || sentBytes > 1024 ** 3) {
        request.destroy();
        return;
      }
      sentBytes += chunk.length;
      if (request.write(chunk)) setImmediate(pump);
      else request.once("drain", pump);
    };
    request.write(
      '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\ncontent-type: text/plain\r\n\r\n',
    );
    pump();
  });
}
