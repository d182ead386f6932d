import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Name of the file in the data folder. */
export const AUDIT_HEAD_FILE = "audit-head.json";

const Anchor = z.object({ number: z.int().positive(), seal: z.string().regex(/^[0-9a-f]{64}$/), at: z.string() });
const Heads = z.object({ organizations: z.record(z.string(), Anchor) });

/** A seal that was seen, kept apart from the log: the log cannot lose it unnoticed. */
export type AuditAnchor = z.infer<typeof Anchor>;

/** The newest seals that this process knows of, in a file beside the ledger. */
export interface AuditHeadFile {
  of(organizationId: string): AuditAnchor | undefined;
  /** Replaces the file as a whole, so that a reader never finds half of it. */
  write(organizationId: string, anchor: AuditAnchor): void;
}

/** Opens the file; one that is missing or damaged knows of nothing, and `problem` says so of a damaged one. */
export function openAuditHeadFile(dataFolder: string): AuditHeadFile & { readonly problem?: string } {
  const path = join(dataFolder, AUDIT_HEAD_FILE);
  const { heads, problem } = read(path);
  return {
    ...(problem === undefined ? {} : { problem }),
    of: (organizationId) => heads.get(organizationId),
    write(organizationId, anchor) {
      heads.set(organizationId, anchor);
      mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
      const draft = `${path}.${process.pid}`;
      writeFileSync(draft, `${JSON.stringify({ organizations: Object.fromEntries(heads) }, null, 2)}\n`, {
        mode: 0o600,
      });
      renameSync(draft, path);
    },
  };
}

function read(path: string): { heads: Map<string, AuditAnchor>; problem?: string } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { heads: new Map() };
    throw error;
  }
  try {
    return { heads: new Map(Object.entries(Heads.parse(JSON.parse(text)).organizations)) };
  } catch {
    return { heads: new Map(), problem: `${path} is damaged: what the audit log had reached is not known from it` };
  }
}
