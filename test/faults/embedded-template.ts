import { createRunFolder, startParley } from "../support/parley/index.ts";

/** The very first start is the most work of all; on a machine that runs other things as well it takes minutes. */
const FIRST_START_MS = 300_000;

/** Starts Parley once on an empty folder, stops it, and keeps the folder for copies. */
export function createEmbeddedTemplate(): { path: () => Promise<string>; remove: () => Promise<void> } {
  let made: Promise<{ path: string; remove: () => Promise<void> }> | undefined;

  async function make(): Promise<{ path: string; remove: () => Promise<void> }> {
    const folder = await createRunFolder();
    const parley = await startParley({ folder, readyWithinMs: FIRST_START_MS });
    await parley.stop();
    return { path: folder.dataFolder, remove: () => folder.remove() };
  }

  return {
    path: async () => (await (made ??= make())).path,
    remove: async () => (await made)?.remove(),
  };
}
