import type { IncomingMessage } from "node:http";
import { isWire } from "../model/markup.ts";
import type { Wire } from "../model/records.ts";
import { ApiError, refused } from "./api-error.ts";

/** A file of a multipart request, by the number in its field name. */
export interface UploadedFile {
  readonly key: string;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Buffer;
}

export interface RequestBody {
  readonly json: unknown;
  readonly files: readonly UploadedFile[];
}

const MAX_REQUEST_BYTES = 25 * 1024 * 1024;

/** Reads a whole request body; larger ones than Discord takes are refused. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // A request without an encoding yields buffers.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
  }
  if (length > MAX_REQUEST_BYTES + 1024 * 1024) throw refused(40005);
  return Buffer.concat(chunks);
}

/** JSON, or a form of `payload_json` and `files[n]`. */
export async function parseBody(contentType: string, body: Buffer): Promise<RequestBody> {
  if (body.length === 0) return { json: undefined, files: [] };
  if (contentType.startsWith("multipart/form-data")) return await parseForm(contentType, body);
  if (!contentType.startsWith("application/json"))
    throw new ApiError(
      400,
      50035,
      "Expected \"Content-Type\" header to be one of {'application/json', 'multipart/form-data'}.",
    );
  return { json: parseJson(body.toString("utf8")), files: [] };
}

export function asObject(json: unknown): Wire {
  if (json === undefined || json === null) return {};
  if (!isWire(json)) throw refused(50109);
  return json;
}

async function parseForm(contentType: string, body: Buffer): Promise<RequestBody> {
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": contentType } })
    .formData()
    .catch(() => {
      throw refused(50109);
    });
  const files: UploadedFile[] = [];
  let json: unknown;
  for (const [name, value] of form) {
    if (typeof value === "string") {
      if (name === "payload_json") json = parseJson(value);
      continue;
    }
    const key = /^files?\[(\d+)\]$/u.exec(name)?.[1] ?? String(files.length);
    files.push({ key, filename: value.name, contentType: value.type, bytes: Buffer.from(await value.arrayBuffer()) });
  }
  return { json, files };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw refused(50109);
  }
}
