import { readFileSync } from "node:fs";

export interface UnprivilegedUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ["postgres", "nobody"];

/**
 * Gives the user a server that refuses root is to run as, or undefined when this process is not root and can run it
 * itself. The user must have an entry in the password file, because initdb looks its own name up.
 *
 * @throws Error when this process is root and neither `postgres` nor `nobody` exists.
 */
export function unprivilegedUser(): UnprivilegedUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entries = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of CANDIDATES) {
    const entry = entries.find(([user]) => user === name);
    if (entry?.[2] !== undefined && entry[3] !== undefined)
      return { name, uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error(`PostgreSQL refuses to run as root, and none of the users ${CANDIDATES.join(", ")} exists`);
}
