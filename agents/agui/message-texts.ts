import { MAX_REPLY_BYTES } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** Most messages of one run that may be open at once. */
const MAX_OPEN = 64;

/**
 * Guarantees the text of a run's messages one after the other, however their pieces are mixed: the first open one is handed on as it grows,
 * others wait until they are complete.
 */
export class MessageTexts {
  /** Text that waits, by message, in the order in which the messages began. */
  readonly #waiting = new Map<string, { text: string; isComplete: boolean }>();
  #current: string | undefined;
  #hasText = false;
  /** Whether what is written next would be joined to what was written before. */
  #isJoined = false;
  #needsBreak = false;
  #waitingBytes = 0;

  /** Whether a message is being shown that is not complete. */
  get isOpen(): boolean {
    return this.#current !== undefined;
  }

  get hasText(): boolean {
    return this.#hasText;
  }

  start(messageId: string): void {
    if (this.#current === messageId || this.#waiting.has(messageId)) return;
    if (this.#current === undefined) this.#open(messageId);
    else if (this.#waiting.size < MAX_OPEN) this.#waiting.set(messageId, { text: "", isComplete: false });
    else throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `more than ${MAX_OPEN} messages are open at once` });
  }

  *add(messageId: string, delta: string): Generator<string> {
    if (this.#current !== messageId) this.start(messageId);
    const waiting = this.#waiting.get(messageId);
    if (waiting === undefined) {
      yield* this.#say(delta);
      return;
    }
    this.#waitingBytes += Buffer.byteLength(delta);
    if (this.#waitingBytes > MAX_REPLY_BYTES)
      throw new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `more than ${MAX_REPLY_BYTES} bytes of text` });
    waiting.text += delta;
  }

  *end(messageId: string): Generator<string> {
    const waiting = this.#waiting.get(messageId);
    if (waiting !== undefined) waiting.isComplete = true;
    if (this.#current !== messageId) return;
    this.#current = undefined;
    yield* this.#next();
  }

  /** Ends all messages, as the end of a run does. */
  *endAll(): Generator<string> {
    for (const waiting of this.#waiting.values()) waiting.isComplete = true;
    this.#current = undefined;
    yield* this.#next();
  }

  /** What is written next stands apart from what was written before, as something else stands between. */
  interrupt(): void {
    this.#needsBreak = false;
    this.#isJoined = false;
  }

  *#next(): Generator<string> {
    for (const [messageId, { text, isComplete }] of this.#waiting) {
      this.#waiting.delete(messageId);
      this.#open(messageId);
      if (text !== "") yield* this.#say(text);
      if (!isComplete) return;
      this.#current = undefined;
    }
  }

  #open(messageId: string): void {
    this.#current = messageId;
    this.#needsBreak = this.#isJoined;
  }

  *#say(text: string): Generator<string> {
    if (text === "") return;
    if (this.#needsBreak) yield "\n\n";
    this.#needsBreak = false;
    this.#hasText = true;
    this.#isJoined = true;
    yield text;
  }
}
