import { createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WebUploadRecord } from "../../contracts/web-room-records.ts";
import type { WebUploadsStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { type Nullable, withoutNulls } from "./room-views.ts";

/** Names are generated; anything else, such as a path, is refused before it reaches the file system. */
const STORED_NAME = /^[a-f0-9]{32}$/;

/** Records of uploads in the ledger, bytes in a folder of their own. */
export function createUploadsStore(tenant: Tenants, folder: string): WebUploadsStore {
  const fileOf = (storedName: string): string => {
    if (!STORED_NAME.test(storedName))
      throw new ParleyError("INVARIANT_BROKEN", { detail: "an upload's file name was not generated" });
    return path.join(folder, storedName);
  };
  return {
    add: async (upload) => {
      await tenant(upload.organizationId).query(
        {
          text: `insert into web_uploads (id, organization_id, room_id, person_id, name, media_type, kind, size_bytes, stored_name)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        },
        [
          upload.uploadId,
          upload.organizationId,
          upload.roomId,
          upload.personId ?? null,
          upload.name,
          upload.mediaType,
          upload.kind,
          upload.sizeBytes,
          upload.storedName,
        ],
      );
    },

    get: async (organizationId, uploadId) => {
      const [row] = await tenant(organizationId).query<Nullable<WebUploadRecord>>(
        {
          text: `select organization_id as "organizationId", id as "uploadId", room_id as "roomId", post_id as "postId",
                   person_id as "personId", name, media_type as "mediaType", kind, size_bytes as "sizeBytes", stored_name as "storedName"
                 from web_uploads where id = $2 and organization_id = $1`,
        },
        [organizationId, uploadId],
      );
      return row === undefined ? undefined : withoutNulls(row);
    },

    write: async (storedName, bytes, maxBytes) => await writeFile(folder, fileOf(storedName), bytes, maxBytes),

    read: async (storedName, range) => {
      try {
        const file = await open(fileOf(storedName), "r");
        return file.createReadStream(range ?? {});
      } catch (error) {
        if (isMissing(error)) throw new ParleyError("NOT_FOUND", { cause: error });
        throw error;
      }
    },

    removeFiles: async (storedNames) => {
      await Promise.all(storedNames.map((storedName) => rm(fileOf(storedName), { force: true })));
    },
  };
}

/** Writes beside the final name and renames, so that a file under its name is always whole and on disk. */
async function writeFile(folder: string, file: string, bytes: Readable, maxBytes: number): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const partial = `${file}.partial`;
  let size = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > maxBytes)
        done(new ParleyError("PAYLOAD_TOO_LARGE", { detail: `The file is larger than ${maxBytes} bytes.` }));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(bytes, counter, createWriteStream(partial, { mode: 0o600, flush: true }));
    await rename(partial, file);
    return size;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
