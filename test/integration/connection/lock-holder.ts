/** A process that takes the lock of the folder in its first argument, says how that went, and keeps it until it is killed. */
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { lockFolder } from "../../../src/ledger/connection/folder-lock.ts";

const [folder = ""] = process.argv.slice(2);
try {
  lockFolder(folder);
  process.stdout.write("held\n");
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(error instanceof ParleyError ? `${error.code}: ${error.detail ?? ""}\n` : `${String(error)}\n`);
}
