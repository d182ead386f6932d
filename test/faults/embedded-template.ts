import { createRunFolder, startParley } from "../support/parley/index.ts";

/** Starts Parley once on an empty folder, stops it, and keeps the folder for copies. */
export function createEmbeddedTemplate(): { path: () => Promise<string>; remove: () => Promise<void> } {
  let made: Promise<{ path: string; remove: () => Promise<void> }> | undefined;

  async function make(): Promise<{ path: string; remove: () => Promise<void> }> {
    const folder = await createRunFolder();
    const parley = await startParley({ folder });
    await parley.stop();
    return { path: folder.dataFolder, remove: () => folder.remove() };
  }

  return {
    path: async () => (await (made ??= make())).path,
    remove: async () => (await made)?.remove(),
  };
}
