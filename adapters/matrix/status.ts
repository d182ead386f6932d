import { randomUUID } from "node:crypto";
import type { AgentIdentity, Target } from "../../src/contracts/adapter.ts";
import { conversationKey } from "../../src/envelope/conversation.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { clientPath } from "./client.ts";
import { editContent, messageContent, transactionId } from "./content.ts";
import { escapeHtml, inertText } from "./markup.ts";
import type { Outbound } from "./outbound.ts";
import { redact } from "./reactions.ts";
import { type Place, writeEvent } from "./write-event.ts";

/** How long clients show that somebody types, unless told again. */
const TYPING_MS = 30_000;
const TIMEOUT_MS = 10_000;
/** Most characters of a line. */
const MAX_LINE_CHARS = 200;
/** Least time between two edits of a line, in ms. */
const EDIT_PAUSE_MS = 2_000;

interface ShownLine {
  readonly eventId: string;
  readonly line: string;
  readonly shownAtMs: number;
}

/**
 * Shows that an agent is at work: it types, and what it does stands in one notice that is edited and goes when the work is done.
 *
 * The notice is shown only where the homeserver sets no limits: on an ordinary account it would take the answer's own turns.
 */
export class StatusLines {
  readonly #outbound: Outbound;
  readonly #shown = new BoundedMap<string, ShownLine>({ maxEntries: 10_000 });
  readonly #order = new KeyedQueue();

  constructor(outbound: Outbound) {
    this.#outbound = outbound;
  }

  /** Never rejects: a status is decoration. */
  async show(target: Target, identity: AgentIdentity, line: string): Promise<void> {
    const { channel, thread } = target.conversation;
    const key = `${conversationKey(target.installationId, channel.id, thread?.id)} ${identity.agentId}`;
    await this.#order.run(key, () => this.#show(key, target, identity, line.trim())).catch(() => undefined);
  }

  async #show(key: string, target: Target, identity: AgentIdentity, line: string): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const place = await this.#outbound.placeOf(target, identity, signal);
    await type(place, line !== "", signal);
    if (place.account.paced) return;
    const known = this.#shown.get(key);
    if (line === "") {
      this.#shown.delete(key);
      if (known !== undefined) await redact(place.account, { ...place, eventId: known.eventId, signal });
      return;
    }
    if (known?.line === line || (known !== undefined && Date.now() - known.shownAtMs < EDIT_PAUSE_MS)) return;
    const txnId = transactionId(randomUUID());
    const text = inertText(line.slice(0, MAX_LINE_CHARS)).toWellFormed();
    const html = `<p><em>${escapeHtml(text)}</em></p>`;
    const content = messageContent(
      { kind: "message", msgtype: "m.notice", body: text, html, mentions: [] },
      txnId,
      place.shownName,
    );
    const shownAtMs = Date.now();
    if (known === undefined) {
      const { messageId } = await this.#outbound.postContent(place, { type: "m.room.message", content, txnId, signal });
      this.#shown.set(key, { eventId: messageId, line, shownAtMs });
      return;
    }
    await writeEvent(place, {
      type: "m.room.message",
      content: editContent(content, known.eventId, txnId),
      txnId,
      signal,
    });
    this.#shown.set(key, { eventId: known.eventId, line, shownAtMs });
  }
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
