import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ParleyError } from "../../errors/parley-error.ts";

/** Holds the operating system's lock; never read or written, because closing any descriptor of it would drop the lock. */
const LOCK_FILE = "parley.lock";
/** Says who holds it; only for the message, never for the decision. */
const HOLDER_FILE = "parley.lock.json";

const SQLITE_BUSY = 5;

/** Keeps held locks from being collected as garbage, which would close them: a caller may well forget what it was given. */
const held = new Set<DatabaseSync>();

export interface FolderLock {
  /** Lets the next process in; safe to call twice. */
  release(): void;
}

/**
 * Guarantees that no second live process, in whichever container on this machine, holds the same data folder.
 *
 * Node has no file locks of its own. SQLite does: a write transaction that is never finished holds a POSIX record lock
 * (LockFileEx on Windows), which the kernel drops when the process ends in whatever way. So no stale lock is possible, a
 * process id that was given out again cannot confuse it, and of many starters exactly one wins, because
 * BEGIN IMMEDIATE takes one byte's write lock (https://www.sqlite.org/lockingv3.html, RESERVED).
 *
 * @throws ParleyError LEDGER_LOCKED when another process holds it, LEDGER_CONFIG_REFUSED when the folder cannot be locked.
 */
export function lockFolder(folder: string): FolderLock {
  const path = resolve(folder);
  let lock: DatabaseSync;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(path, LOCK_FILE), { timeout: 0 });
  } catch (cause) {
    throw cannotLock(path, cause);
  }
  try {
    lock.exec("BEGIN IMMEDIATE");
  } catch (cause) {
    lock.close();
    if (isBusy(cause)) throw lockedByAnother(path);
    throw cannotLock(path, cause);
  }
  held.add(lock);
  writeHolder(path);
  return {
    release() {
      if (!held.delete(lock)) return;
      // Before the lock goes: after it, the file may be the next holder's.
      rmSync(join(path, HOLDER_FILE), { force: true });
      lock.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function writeHolder(path: string): void {
  const holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  const draft = join(path, `${HOLDER_FILE}.${process.pid}`);
  // Renamed into place, so that a loser of the race never reads half of it.
  writeFileSync(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(draft, join(path, HOLDER_FILE));
}

function lockedByAnother(path: string): ParleyError {
  const holder = readHolder(path);
  const who = holder === undefined ? "Another process" : `The process ${holder.pid} (${holder.where})`;
  const detail =
    `${who} uses the data folder ${path}, and only one may: stop it, or give this one another folder, ` +
    "or set DATABASE_URL to a PostgreSQL server, which any number of processes may share";
  return new ParleyError("LEDGER_LOCKED", { detail, facts: holder === undefined ? {} : { pid: holder.pid } });
}

function readHolder(path: string): { pid: number; where: string } | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(join(path, HOLDER_FILE), "utf8"));
    if (typeof holder !== "object" || holder === null) return undefined;
    if (!("pid" in holder) || typeof holder.pid !== "number") return undefined;
    const host = "host" in holder && typeof holder.host === "string" ? holder.host : "unknown host";
    const since = "since" in holder && typeof holder.since === "string" ? holder.since : "unknown time";
    return { pid: holder.pid, where: `on ${host} since ${since}` };
  } catch {
    // The winner has the lock and has not written its name yet.
    return undefined;
  }
}

function cannotLock(path: string, cause: unknown): ParleyError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const detail =
    `the data folder ${path} cannot be locked (${reason}): it must be writable ` +
    "and on a file system with locks, which some network file systems are not";
  return new ParleyError("LEDGER_CONFIG_REFUSED", { cause, detail });
}
