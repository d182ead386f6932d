import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

const OPERATOR_FILE = "operator.json";

/** How the command line reaches the Parley that uses a data folder. */
const OperatorFile = z.object({ url: z.url(), token: z.string().min(1), pid: z.int().positive() });
export type OperatorFile = z.infer<typeof OperatorFile>;

/** Guarantees a whole file that only this user can read; it replaces that of an earlier process. */
export function writeOperatorFile(dataFolder: string, operator: OperatorFile): void {
  const file = path.join(dataFolder, OPERATOR_FILE);
  const draft = `${file}.${process.pid}`;
  // With a server for a ledger and a key from the environment, nothing else has made the folder yet.
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  writeFileSync(draft, `${JSON.stringify(operator)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** What the file says, or undefined when there is none or it is not readable as such. */
export function readOperatorFile(dataFolder: string): OperatorFile | undefined {
  try {
    return OperatorFile.parse(JSON.parse(readFileSync(path.join(dataFolder, OPERATOR_FILE), "utf8")));
  } catch {
    return undefined;
  }
}

/** Removes the file when it is that of this process, and leaves another's alone. */
export function removeOperatorFile(dataFolder: string): void {
  if (readOperatorFile(dataFolder)?.pid === process.pid) rmSync(path.join(dataFolder, OPERATOR_FILE), { force: true });
}
