import { REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import { MAX_ARTIFACT_BYTES } from "../../src/envelope/reply.ts";
import type { TurnFrame } from "./frames.ts";

type Chunk = Extract<TurnFrame, { type: "artifact_chunk" }>;

const MAX_CHARS = Math.ceil((MAX_ARTIFACT_BYTES * 4) / 3) + 4;
const MAX_UNFINISHED = 8;

export type TakenChunk =
  | { readonly state: "kept" }
  | { readonly state: "whole"; readonly base64: string; readonly bytes: number }
  | { readonly state: "refused"; readonly code: string; readonly message: string };

/** Puts files together that came in pieces; all of one turn together are no larger than one reply's files may be. */
export class UnfinishedArtifacts {
  readonly #pieces = new Map<string, string[]>();
  #chars = 0;

  take({ artifactId, base64, last }: Chunk): TakenChunk {
    const pieces = this.#pieces.get(artifactId) ?? [];
    if (pieces.length === 0 && this.#pieces.size >= MAX_UNFINISHED)
      return refused(`More than ${MAX_UNFINISHED} files are unfinished.`);
    if (this.#chars + base64.length > MAX_CHARS) return refused(`Files of more than ${MAX_ARTIFACT_BYTES} bytes.`);
    this.#chars += base64.length;
    pieces.push(base64);
    this.#pieces.set(artifactId, pieces);
    if (last === undefined) return { state: "kept" };
    const whole = pieces.join("");
    this.#pieces.delete(artifactId);
    this.#chars -= whole.length;
    return { state: "whole", base64: whole, bytes: whole.length };
  }

  /** Forgets what is unfinished: after a drop it comes again from its first piece. */
  clear(): void {
    this.#pieces.clear();
    this.#chars = 0;
  }
}

function refused(message: string): TakenChunk {
  return { state: "refused", code: REFUSALS.replyRefused, message };
}
