import { Buffer } from "node:buffer";
import {
  type AgentFrameInput,
  MAX_FRAME_BYTES,
  MAX_UNACKNOWLEDGED_EVENTS,
} from "../../src/contracts/dial-in-protocol.ts";
import { MAX_ARTIFACT_BYTES, MAX_REPLY_BYTES, MAX_REPLY_PARTS } from "../../src/envelope/reply.ts";
import { ReplyEvent, type ReplyEventInput } from "../../src/envelope/reply-event.ts";
import { AgentClientError } from "./client-error.ts";

/** A file of the reply; it travels in one frame or in several, as its size has it. */
export interface FileEntry {
  readonly type: "file";
  readonly artifactId: string;
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

type Entry = ReplyEventInput | FileEntry;

/** Longest piece of text sent as one event, in characters: at most 6 bytes each in JSON. */
const MAX_DELTA_CHARS = 65_536;
/** A multiple of 3, so that pieces of base64 can be joined as they are. */
const CHUNK_BYTES = 600_000;
/** What a frame has around an event. */
const FRAME_OVERHEAD_BYTES = 1_024;

/**
 * What an agent has said in one turn, numbered from 1 and kept whole, so that it can be said again: after a drop from where Parley
 * stopped hearing, and to a Parley that has lost the turn from the beginning.
 *
 * Bounded by the limits of a reply. Text that has not left yet grows in place, so that a slow connection costs no memory.
 */
export class TurnLog {
  readonly turnId: string;
  #attempt: number;
  readonly #entries: Entry[] = [];
  #acknowledged = 0;
  #sent = 0;
  #textBytes = 0;
  #parts = 0;
  #fileBytes = 0;
  #isComplete = false;

  constructor(turnId: string, attempt: number) {
    this.turnId = turnId;
    this.#attempt = attempt;
  }

  get attempt(): number {
    return this.#attempt;
  }

  /** Number of its last event. */
  get length(): number {
    return this.#entries.length;
  }

  /** It has its `done`. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** It ended well, so that a turn that is given again is answered with it. */
  get isAnswered(): boolean {
    const last = this.#entries.at(-1);
    return last?.type === "done" && last.stopReason === "end";
  }

  get bytes(): number {
    return this.#textBytes + this.#fileBytes;
  }

  text(markdown: string): void {
    for (let start = 0; start < markdown.length; start += MAX_DELTA_CHARS)
      this.#textPiece(markdown.slice(start, start + MAX_DELTA_CHARS));
  }

  /** Throws reply_invalid for what is no reply event, reply_too_large over the limits of a reply. */
  event(event: ReplyEventInput): void {
    const parsed = ReplyEvent.safeParse(event);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const where = issue?.path.join(".") || "event";
      throw new AgentClientError("reply_invalid", `this cannot be part of a reply: ${where}: ${issue?.message ?? ""}`);
    }
    const bytes = Buffer.byteLength(JSON.stringify(parsed.data));
    if (bytes > MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES)
      throw new AgentClientError("reply_too_large", `a part of ${bytes} bytes is over the limit of a frame, 1 MiB`);
    if (event.type === "part") {
      if (event.part.type === "status") return this.#status(event);
      this.#count(bytes);
    }
    this.#entries.push(event);
    if (event.type === "done") this.#isComplete = true;
  }

  /** Ends the reply with one error; what it is stays with the agent. */
  fail(): void {
    const part = { type: "error", code: "agent_failed", message: "The agent failed while it worked on this." } as const;
    this.#entries.push({ type: "part", part }, { type: "done", stopReason: "failed" });
    this.#isComplete = true;
  }

  file(entry: FileEntry): void {
    if (this.#fileBytes + entry.bytes.byteLength > MAX_ARTIFACT_BYTES)
      throw new AgentClientError("reply_too_large", "the files of one reply are over 8 MiB");
    this.#count(0);
    this.#fileBytes += entry.bytes.byteLength;
    this.#entries.push(entry);
  }

  /** The frames that may leave now; each is given once, until `rewind` or `restart`. */
  *take(): Generator<AgentFrameInput> {
    while (this.#sent < this.#entries.length && this.#sent - this.#acknowledged < MAX_UNACKNOWLEDGED_EVENTS) {
      const entry = this.#entries[this.#sent];
      if (entry === undefined) return;
      this.#sent += 1;
      yield* this.#framesOf(entry, this.#sent);
    }
  }

  acknowledge(n: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, Math.min(n, this.#sent));
  }

  /** Parley has missed something: everything that it has not acknowledged is said again. */
  repeat(): void {
    this.#sent = this.#acknowledged;
  }

  /** After a drop: Parley has everything up to `received`, and is told the rest again. */
  rewind(received: number): void {
    this.#acknowledged = Math.min(received, this.#entries.length);
    this.#sent = this.#acknowledged;
  }

  /** Parley has nothing of it: everything is said again, as this attempt. */
  restart(attempt: number): void {
    this.#attempt = attempt;
    this.rewind(0);
  }

  #textPiece(markdown: string): void {
    const bytes = Buffer.byteLength(markdown);
    if (this.#textBytes + bytes > MAX_REPLY_BYTES)
      throw new AgentClientError("reply_too_large", `the text of one reply is over ${MAX_REPLY_BYTES} bytes`);
    this.#textBytes += bytes;
    const last = this.#unsentLast();
    if (last?.type === "text_delta" && last.markdown.length + markdown.length <= MAX_DELTA_CHARS)
      this.#entries[this.#entries.length - 1] = { type: "text_delta", markdown: last.markdown + markdown };
    else this.#entries.push({ type: "text_delta", markdown });
  }

  /** Each status replaces the one before, also while both wait. */
  #status(event: ReplyEventInput): void {
    const last = this.#unsentLast();
    if (last?.type === "part" && last.part.type === "status") this.#entries[this.#entries.length - 1] = event;
    else this.#entries.push(event);
  }

  #unsentLast(): Entry | undefined {
    return this.#sent < this.#entries.length ? this.#entries.at(-1) : undefined;
  }

  #count(textBytes: number): void {
    this.#parts += 1;
    this.#textBytes += textBytes;
    if (this.#parts > MAX_REPLY_PARTS)
      throw new AgentClientError("reply_too_large", `one reply has more than ${MAX_REPLY_PARTS} parts`);
    if (this.#textBytes > MAX_REPLY_BYTES)
      throw new AgentClientError("reply_too_large", `the text of one reply is over ${MAX_REPLY_BYTES} bytes`);
  }

  *#framesOf(entry: Entry, n: number): Generator<AgentFrameInput> {
    const { turnId } = this;
    const attempt = this.#attempt;
    if (entry.type !== "file") {
      yield { type: "event", turnId, attempt, n, event: entry };
      return;
    }
    const { artifactId, name, mediaType, bytes } = entry;
    if (bytes.byteLength <= CHUNK_BYTES) {
      const part = { type: "artifact", artifactId, name, mediaType, base64: base64Of(bytes) } as const;
      yield { type: "event", turnId, attempt, n, event: { type: "part", part } };
      return;
    }
    for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) {
      const isLast = start + CHUNK_BYTES >= bytes.byteLength;
      const base64 = base64Of(bytes.subarray(start, start + CHUNK_BYTES));
      const chunk = { type: "artifact_chunk", turnId, attempt, artifactId, base64 } as const;
      yield isLast ? { ...chunk, last: { n, name, mediaType } } : chunk;
    }
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
