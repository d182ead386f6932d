import { realpathSync } from "node:fs";
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { ownEnvironment } from "../config/own-environment.ts";

const PARLEY_FOLDER = realpathSync(fileURLToPath(new URL("../..", import.meta.url)));

/** The folder that whoever calls is in: `npm run` starts commands in Parley's own folder and says in INIT_CWD where it was called. */
export function callerFolder(): string {
  const here = process.cwd();
  const called = ownEnvironment()["INIT_CWD"];
  return called === undefined || called === "" || !isSame(here, PARLEY_FOLDER) ? here : resolve(called);
}

/** Whether a folder is Parley's own, or lies in it. */
export function isInParley(folder: string): boolean {
  const real = realOf(folder);
  return real === PARLEY_FOLDER || real.startsWith(`${PARLEY_FOLDER}${sep}`);
}

function isSame(one: string, other: string): boolean {
  return realOf(one) === realOf(other);
}

/** A folder that is not there is told by whoever uses it. */
function realOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}
