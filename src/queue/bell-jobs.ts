import { createHash } from "node:crypto";
import type { JobsOptions } from "bullmq";
import { z } from "zod";

/** Bounds the size of a job and how long one handler call may take; a larger ring becomes several bells. */
export const MAX_IDS_PER_BELL = 200;
/** Delayed rings of the same conversations that fall into the same slot are one bell. */
const DELAY_SLOT_MS = 250;
/** For a look at what went wrong; a bell is never repeated by the queue, the reconciler rings again. */
const KEPT_FAILED = 100;

export const BELL_NAME = "bell";

const bellSchema = z.object({ ids: z.array(z.string().min(1)).min(1) });

export interface BellJob {
  readonly name: string;
  readonly data: { readonly ids: readonly string[] };
  readonly opts: JobsOptions;
}

/** The jobs that ring these conversations; equal rings merge while one waits, and one rung while it is worked on comes after it. */
export function bellJobs(ids: readonly string[], delayMs: number, nowMs: number): BellJob[] {
  const sorted = [...new Set(ids)].sort();
  const jobs: BellJob[] = [];
  for (let start = 0; start < sorted.length; start += MAX_IDS_PER_BELL) {
    const part = sorted.slice(start, start + MAX_IDS_PER_BELL);
    // A delayed bell has a key of its own: it must not swallow one that is rung for now, or for sooner.
    const slot = delayMs > 0 ? Math.ceil((nowMs + delayMs) / DELAY_SLOT_MS) : "now";
    const key = createHash("sha256")
      .update(`${slot}\n${part.join("\n")}`)
      .digest("base64url")
      .slice(0, 27);
    jobs.push({
      name: BELL_NAME,
      data: { ids: part },
      opts: {
        attempts: 1,
        removeOnComplete: true,
        removeOnFail: { count: KEPT_FAILED },
        deduplication: { id: key, keepLastIfActive: true },
        ...(delayMs > 0 ? { delay: delayMs } : {}),
      },
    });
  }
  return jobs;
}

/** The ids of a job, which another version of Parley may have written. */
export function parseBell(data: unknown): readonly string[] {
  return bellSchema.parse(data).ids;
}
