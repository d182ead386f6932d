import type { Asked, LogEntry } from "../support/slack/index.ts";
import type { LedgerAudit } from "./ledger-audit.ts";

/** Between the moment at which routing reads what there is and the one that the ledger notes, in ms. */
const ROUTING_GAP_MS = 150;

/**
 * Answers that break the promised order: a question that had been acknowledged when routing opened the turn of a later one was
 * answered after that one. A question that was still on its way then was not there to be put in order. Pure.
 */
export function brokenOrder(asked: readonly Asked[], log: readonly LogEntry[], ledger: LedgerAudit): string[] {
  const answeredAt = firstAnswers(log);
  const conversations = new Map<string, Asked[]>();
  for (const one of asked) {
    const key = `${one.channel}|${one.threadTs ?? one.ts}`;
    conversations.set(key, [...(conversations.get(key) ?? []), one]);
  }
  const found: string[] = [];
  for (const questions of conversations.values()) {
    const inOrder = questions.toSorted((a, b) => (a.ts < b.ts ? -1 : 1));
    for (const [index, later] of inOrder.entries()) {
      const laterAnswer = answeredAt.get(later.token);
      const opened = ledger.messages.get(`${later.channel}|${later.ts}`)?.turnOpenedAt;
      if (laterAnswer === undefined || opened === undefined) continue;
      for (const earlier of inOrder.slice(0, index)) {
        const earlierAnswer = answeredAt.get(earlier.token);
        if (earlierAnswer === undefined || earlierAnswer < laterAnswer) continue;
        if (earlier.acknowledgedAt !== undefined && earlier.acknowledgedAt + ROUTING_GAP_MS < opened)
          found.push(
            `${later.token} was answered before ${earlier.token}, which had been acknowledged ${Math.round(opened - earlier.acknowledgedAt)} ms before`,
          );
      }
    }
  }
  return found;
}

/** The position in the log of the first message that quotes each token. */
export function firstAnswers(log: readonly LogEntry[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const entry of log) {
    if (entry.by !== "app" || entry.text === undefined) continue;
    for (const match of entry.text.matchAll(/\[#([\w-]+)\]/g))
      if (match[1] !== undefined && !first.has(match[1])) first.set(match[1], entry.seq);
  }
  return first;
}
