import { randomUUID } from "node:crypto";
import type { AgentIdentity, Target } from "../../src/contracts/adapter.ts";
import { conversationKey } from "../../src/envelope/conversation.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { clientPath } from "./client.ts";
import { editContent, messageContent, transactionId } from "./content.ts";
import { escapeHtml, inertText } from "./markup.ts";
import type { Outbound } from "./outbound.ts";
import { redact } from "./reactions.ts";
import { type Place, writeEvent } from "./write-event.ts";

/** How long clients show that somebody types, unless told again, and when they are told again, in ms. */
const TYPING_MS = 30_000;
const TYPING_AGAIN_MS = 20_000;
/** Longest time that somebody types without a word from the pipeline, in ms. */
const MAX_TYPING_MS = 600_000;
const TIMEOUT_MS = 10_000;
/** Most characters of a line. */
const MAX_LINE_CHARS = 200;
/** Work that is done sooner leaves no notice in the room, in ms. */
const NOTICE_AFTER_MS = 2_000;
/** Least time between two edits of a line, in ms. */
const EDIT_PAUSE_MS = 2_000;

interface Working {
  readonly target: Target;
  readonly identity: AgentIdentity;
  readonly beganAtMs: number;
  line: string;
  typing: NodeJS.Timeout | undefined;
  due: NodeJS.Timeout | undefined;
  notice: { readonly eventId: string; readonly line: string; readonly shownAtMs: number } | undefined;
}

/**
 * Shows that an agent is at work: it types, and when that takes longer, what it does stands in one notice that is edited and goes
 * when the work is done.
 *
 * The notice is shown only where the homeserver sets no limits: on an ordinary account it would take the answer's own turns.
 */
export class StatusLines {
  readonly #outbound: Outbound;
  readonly #working = new Map<string, Working>();
  readonly #order = new KeyedQueue();

  constructor(outbound: Outbound) {
    this.#outbound = outbound;
  }

  /** Never rejects: a status is decoration. */
  async show(target: Target, identity: AgentIdentity, line: string): Promise<void> {
    const { channel, thread } = target.conversation;
    const key = `${conversationKey(target.installationId, channel.id, thread?.id)} ${identity.agentId}`;
    const words = inertText(line.trim().slice(0, MAX_LINE_CHARS)).toWellFormed();
    const work = words === "" ? () => this.#clear(key) : () => this.#say(key, target, identity, words);
    await this.#order.run(key, work).catch(() => undefined);
  }

  /** Ends every timer; what is shown stays until clients forget it. */
  close(): void {
    for (const working of this.#working.values()) stopTimers(working);
    this.#working.clear();
  }

  async #say(key: string, target: Target, identity: AgentIdentity, line: string): Promise<void> {
    const known = this.#working.get(key);
    if (known !== undefined) {
      known.line = line;
      this.#scheduleNotice(key, known);
      return;
    }
    const working: Working = {
      target,
      identity,
      beganAtMs: Date.now(),
      line,
      typing: undefined,
      due: undefined,
      notice: undefined,
    };
    this.#working.set(key, working);
    working.typing = setInterval(() => void this.#typeAgain(key, working), TYPING_AGAIN_MS).unref();
    try {
      await this.#type(working, true);
    } catch (error) {
      stopTimers(working);
      this.#working.delete(key);
      throw error;
    }
    this.#scheduleNotice(key, working);
  }

  async #clear(key: string): Promise<void> {
    const working = this.#working.get(key);
    if (working === undefined) return;
    stopTimers(working);
    this.#working.delete(key);
    const place = await this.#type(working, false);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    if (working.notice !== undefined)
      await redact(place.account, { ...place, eventId: working.notice.eventId, signal });
  }

  #scheduleNotice(key: string, working: Working): void {
    if (working.due !== undefined || working.notice?.line === working.line || !this.#working.has(key)) return;
    const { notice, beganAtMs } = working;
    const dueAtMs = notice === undefined ? beganAtMs + NOTICE_AFTER_MS : notice.shownAtMs + EDIT_PAUSE_MS;
    working.due = setTimeout(
      () => {
        working.due = undefined;
        void this.#order.run(key, () => this.#notice(key, working)).catch(() => undefined);
      },
      Math.max(0, dueAtMs - Date.now()),
    ).unref();
  }

  async #notice(key: string, working: Working): Promise<void> {
    const { line, notice, target, identity } = working;
    if (this.#working.get(key) !== working || notice?.line === line) return;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const place = await this.#outbound.placeOf(target, identity, signal);
    if (place.account.paced) return;
    const txnId = transactionId(randomUUID());
    const html = `<p><em>${escapeHtml(line)}</em></p>`;
    const post = { kind: "message", msgtype: "m.notice", body: line, html, mentions: [] } as const;
    const content = messageContent(post, txnId, place.shownName);
    const write = { type: "m.room.message", txnId, signal };
    if (notice === undefined) {
      const { messageId } = await this.#outbound.postContent(place, { ...write, content });
      working.notice = { eventId: messageId, line, shownAtMs: Date.now() };
    } else {
      await writeEvent(place, { ...write, content: editContent(content, notice.eventId, txnId) });
      working.notice = { eventId: notice.eventId, line, shownAtMs: Date.now() };
    }
    this.#scheduleNotice(key, working);
  }

  async #typeAgain(key: string, working: Working): Promise<void> {
    if (Date.now() - working.beganAtMs < MAX_TYPING_MS) await this.#type(working, true).catch(() => undefined);
    else {
      stopTimers(working);
      this.#working.delete(key);
    }
  }

  async #type({ target, identity }: Working, typing: boolean): Promise<Place> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const place = await this.#outbound.placeOf(target, identity, signal);
    await type(place, typing, signal);
    return place;
  }
}

function stopTimers(working: Working): void {
  clearInterval(working.typing);
  clearTimeout(working.due);
}

async function type({ account, roomId, asUser }: Place, typing: boolean, signal: AbortSignal): Promise<void> {
  await account.call({
    method: "PUT",
    label: "typing",
    path: clientPath("rooms", roomId, "typing", asUser ?? account.userId),
    body: typing ? { typing, timeout: TYPING_MS } : { typing },
    asUser,
    signal,
  });
}
