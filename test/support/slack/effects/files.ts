import type { Core } from "../core.ts";
import type { StoredFile } from "../model/records.ts";

const MIME: Record<string, string> = {
  txt: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  json: "application/json",
  pdf: "application/pdf",
  png: "image/png",
  jpg: "image/jpeg",
  gif: "image/gif",
};

/** Registers a file; its bytes may come later. */
export function storeFile(
  core: Core,
  spec: { teamId: string; userId: string; name: string; length: number; mimetype?: string; bytes?: Buffer },
): StoredFile {
  const extension = spec.name.split(".").at(-1)?.toLowerCase() ?? "";
  const file: StoredFile = {
    id: core.world.newId("F"),
    baseUrl: core.url,
    teamId: spec.teamId,
    name: spec.name,
    title: spec.name,
    mimetype: spec.mimetype ?? MIME[extension] ?? "application/octet-stream",
    userId: spec.userId,
    createdAt: core.nowMs(),
    length: spec.length,
    bytes: spec.bytes,
    completed: spec.bytes !== undefined,
    channels: new Set(),
  };
  core.world.files.set(file.id, file);
  return file;
}
