import { z } from "zod";
import type { ConnectorEvent } from "../../src/contracts/connector.ts";
import { toSafeText } from "../../src/envelope/content.ts";
import { MAX_ARTIFACT_BYTES, MAX_REPLY_BYTES, MAX_REPLY_PARTS, type ReplyPart } from "../../src/envelope/reply.ts";
import { ReplyEvent } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { describeIssues } from "./describe-fault.ts";

/** Most status lines of one turn; each replaces the one before, so they do not count as parts. */
export const MAX_STATUS_PARTS = 500;
/** Most bytes of files one reply may carry, after base64. */
export const MAX_REPLY_ARTIFACT_BYTES = MAX_ARTIFACT_BYTES;

/** Most events of one turn, empty ones included; the longest text comes in about 65 000 pieces when a model streams it token by token. */
export const MAX_REPLY_EVENTS = 100_000;

const Deferred = z.strictObject({ type: z.literal("deferred"), deadlineMs: z.number().nonnegative().max(86_400_000) });

/**
 * Guarantees that what leaves a connector is a valid, bounded reply: it checks each event against the schema, counts parts
 * and bytes, makes text well-formed over the seams of its pieces, and lets nothing follow the end.
 *
 * Throws AGENT_REPLY_INVALID for nonsense and AGENT_REPLY_TOO_LARGE as soon as a limit is passed.
 */
export class ReplyGuard {
  #events = 0;
  #parts = 0;
  #statuses = 0;
  #textBytes = 0;
  #artifactBytes = 0;
  #isTextOpen = false;
  /** A first half of a surrogate pair whose second half may be the next piece's first character. */
  #heldSurrogate = "";
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  accept(value: unknown): readonly ConnectorEvent[] {
    if (this.#isClosed)
      throw new ParleyError("AGENT_REPLY_INVALID", { detail: "something follows the end of the reply" });
    this.#events += 1;
    if (this.#events > MAX_REPLY_EVENTS) throw tooLarge(`more than ${MAX_REPLY_EVENTS} events`);
    if (isDeferred(value)) return this.#close(parseWith(Deferred, value));
    const event = parseWith(ReplyEvent, value);
    switch (event.type) {
      case "text_delta":
        return this.#text(event.markdown);
      case "part":
        return [...this.#flushText(), ...this.#part(event.part)];
      case "done":
        return this.#close(event);
    }
  }

  #close(event: ConnectorEvent): readonly ConnectorEvent[] {
    const rest = this.#flushText();
    this.#isClosed = true;
    return [...rest, event];
  }

  #text(markdown: string): readonly ConnectorEvent[] {
    if (markdown === "") return [];
    if (!this.#isTextOpen) {
      this.#isTextOpen = true;
      this.#countPart();
    }
    this.#countText(Buffer.byteLength(markdown));
    const joined = this.#heldSurrogate + markdown;
    const last = joined.charCodeAt(joined.length - 1);
    const splits = last >= 0xd800 && last <= 0xdbff;
    this.#heldSurrogate = splits ? joined.slice(-1) : "";
    const ready = splits ? joined.slice(0, -1) : joined;
    return ready === "" ? [] : [{ type: "text_delta", markdown: toSafeText(ready) }];
  }

  #flushText(): readonly ConnectorEvent[] {
    this.#isTextOpen = false;
    if (this.#heldSurrogate === "") return [];
    this.#heldSurrogate = "";
    return [{ type: "text_delta", markdown: "\ufffd" }];
  }

  #part(part: ReplyPart): readonly ConnectorEvent[] {
    if (part.type === "status") this.#countStatus();
    else this.#countPart();
    if (part.type === "artifact") this.#countArtifact(part.base64.length);
    this.#countText(textBytesOf(part));
    return [{ type: "part", part }];
  }

  #countPart(): void {
    this.#parts += 1;
    if (this.#parts > MAX_REPLY_PARTS) throw tooLarge(`more than ${MAX_REPLY_PARTS} parts`);
  }

  #countStatus(): void {
    this.#statuses += 1;
    if (this.#statuses > MAX_STATUS_PARTS) throw tooLarge(`more than ${MAX_STATUS_PARTS} status lines`);
  }

  #countText(bytes: number): void {
    this.#textBytes += bytes;
    if (this.#textBytes > MAX_REPLY_BYTES) throw tooLarge(`more than ${MAX_REPLY_BYTES} bytes of text`);
  }

  #countArtifact(base64Chars: number): void {
    this.#artifactBytes += Math.floor((base64Chars * 3) / 4);
    if (this.#artifactBytes > MAX_REPLY_ARTIFACT_BYTES + 2)
      throw tooLarge(`more than ${MAX_REPLY_ARTIFACT_BYTES} bytes of files`);
  }
}

function tooLarge(what: string): ParleyError {
  return new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `the reply has ${what}` });
}

function isDeferred(value: unknown): boolean {
  return typeof value === "object" && value !== null && "type" in value && value.type === "deferred";
}

function parseWith<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  if (passesLengthLimit(parsed.error)) throw tooLarge(`a field over its limit (${describeIssues(parsed.error)})`);
  throw new ParleyError("AGENT_REPLY_INVALID", {
    detail: `the reply does not fit its schema: ${describeIssues(parsed.error)}`,
  });
}

function passesLengthLimit(error: z.ZodError): boolean {
  return error.issues.every((issue) => issue.code === "too_big");
}

/** Bytes of all strings of a part but a file's content. */
function textBytesOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + textBytesOf(item), 0);
  if (typeof value !== "object" || value === null) return 0;
  return Object.entries(value).reduce((sum, [key, item]) => (key === "base64" ? sum : sum + textBytesOf(item)), 0);
}
