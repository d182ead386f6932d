import { chown, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { UnprivilegedUser } from "./unprivileged-user.ts";

const WORLD_EXECUTE = 0o001;

export interface ServerFolder {
  readonly path: string;
  /** True when the kit made the folder under the system's temp folder, and so removes it after use. */
  readonly temporary: boolean;
  remove(): Promise<void>;
}

/** Gives a folder that the server's user owns: the given one, created when missing, or a fresh temporary one. */
export async function serverFolder(
  name: string,
  given: string | undefined,
  user: UnprivilegedUser | undefined,
): Promise<ServerFolder> {
  const path = given ?? (await mkdtemp(join(await reachableTemp(user), `parley-${name}-`)));
  if (given !== undefined) await mkdir(given, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
  const temporary = given === undefined;
  return {
    path,
    temporary,
    async remove() {
      // A server that was just stopped may still be unlinking its own files, hence the retries.
      if (temporary) await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

/** Root's TMPDIR can lie where another user may not enter; /tmp always can be entered. */
async function reachableTemp(user: UnprivilegedUser | undefined): Promise<string> {
  const preferred = tmpdir();
  if (user === undefined) return preferred;
  for (let folder = preferred; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & WORLD_EXECUTE) === 0) return "/tmp";
    if (folder === dirname(folder)) return preferred;
  }
}
