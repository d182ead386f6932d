import type { LogEntry } from "./oracle/channel-log.ts";

/** A question that a person asked. Its text holds the token, and the answer has to quote it. */
export interface Asked {
  readonly token: string;
  readonly team?: string;
  readonly channel: string;
  readonly ts: string;
  /** The thread it was asked in; absent for a top-level message. */
  readonly threadTs?: string;
  /** When the platform got the acknowledgement, in wall milliseconds; absent = never accepted, so that no answer is owed. */
  readonly acknowledgedAt?: number;
  /** How many messages the answer has. Default 1. */
  readonly expectedAnswers?: number;
}

/** What an answer or a question is accused of. */
export interface Finding {
  readonly token: string;
  readonly channel: string;
  /** ts of the messages that prove it. */
  readonly messages: string[];
  readonly why: string;
}

export interface HistoryVerdict {
  /** Accepted questions that no visible answer quotes. */
  readonly lost: Finding[];
  /** Tokens, or metadata keys, that more messages carry than they should. */
  readonly twice: Finding[];
  /** Answers that stand after the answer of a later question of the same conversation. */
  readonly outOfOrder: Finding[];
  /** Answers in a channel or thread where the question was not asked, or to a question that nobody asked. */
  readonly foreign: Finding[];
  /** Tokens of questions that were never acknowledged: no fault of the bridge. */
  readonly notAccepted: string[];
}

/** `[#…]`: what askers write and answers quote, unless the caller brings another pattern (global, one group). */
export const TOKEN_PATTERN = /\[#([\w-]+)\]/g;

/** The nth token in the default form, without its brackets. */
export function tokenNumber(n: number): string {
  return `q-${String(n).padStart(6, "0")}`;
}

interface Answer {
  readonly channel: string;
  readonly team: string;
  readonly ts: string;
  readonly threadTs: string | undefined;
  readonly position: number;
  readonly metadataKeys: Set<string>;
  text: string;
  /** Every token that was ever to be read in it. */
  readonly shown: Set<string>;
  deleted: boolean;
}

/**
 * Compares what people asked with what apps posted: a pure function of both, so that a run can be judged again later.
 *
 * Edits, streams and deletes are folded first. A message counts as an answer to every token it ever showed: for `lost`
 * by its final text, for `twice` and `foreign` by any text, since a reader may have seen it. Messages without a token
 * (notices, previews) are no answers. Conversation = channel and thread of the question; platform order = order of ts.
 */
export function checkHistory(input: {
  asked: readonly Asked[];
  log: readonly LogEntry[];
  tokenPattern?: RegExp;
}): HistoryVerdict {
  const pattern = input.tokenPattern ?? TOKEN_PATTERN;
  const questions = new Map(input.asked.map((asked) => [asked.token, asked]));
  const answers = foldAnswers(input.log, pattern);
  const verdict: HistoryVerdict = { lost: [], twice: [], outOfOrder: [], foreign: [], notAccepted: [] };

  const quoting = new Map<string, Answer[]>();
  for (const answer of answers) {
    for (const token of answer.shown) {
      const asked = questions.get(token);
      if (asked === undefined) verdict.foreign.push(finding(token, [answer], "nobody asked this"));
      else if (!belongs(answer, asked)) verdict.foreign.push(finding(token, [answer], whereOf(answer, asked)));
      push(quoting, token, answer);
    }
  }
  for (const asked of input.asked) {
    const all = quoting.get(asked.token) ?? [];
    const visible = all.filter((one) => !one.deleted && tokensIn(one.text, pattern).has(asked.token));
    const expected = asked.expectedAnswers ?? 1;
    if (asked.acknowledgedAt === undefined && all.length === 0) verdict.notAccepted.push(asked.token);
    else if (visible.length < expected) {
      const why = `${visible.length} of ${expected} answers are to be seen`;
      verdict.lost.push({ token: asked.token, channel: asked.channel, messages: visible.map((one) => one.ts), why });
    }
    if (all.length > expected)
      verdict.twice.push(finding(asked.token, all, `${all.length} messages, expected ${expected}`));
  }
  verdict.twice.push(...repeatedKeys(answers));
  verdict.outOfOrder.push(...inversions(input.asked, quoting));
  return verdict;
}

/** Whether the run is clean. */
export function isClean(verdict: HistoryVerdict): boolean {
  return verdict.lost.length + verdict.twice.length + verdict.outOfOrder.length + verdict.foreign.length === 0;
}

function foldAnswers(log: readonly LogEntry[], pattern: RegExp): Answer[] {
  const byMessage = new Map<string, Answer>();
  for (const entry of log) {
    if (entry.channel === undefined || entry.ts === undefined) continue;
    const key = `${entry.channel}|${entry.ts}`;
    const known = byMessage.get(key);
    if (entry.kind === "post" || entry.kind === "stream_start") {
      if (entry.by !== "app") continue;
      const answer: Answer = {
        channel: entry.channel,
        team: entry.team,
        ts: entry.ts,
        threadTs: entry.threadTs,
        position: entry.seq,
        metadataKeys: new Set(),
        text: "",
        shown: new Set(),
        deleted: false,
      };
      byMessage.set(key, answer);
      show(answer, entry, entry.text ?? "", pattern);
    } else if (known !== undefined) {
      if (entry.kind === "update" || entry.kind === "stream_stop")
        show(known, entry, entry.text ?? known.text, pattern);
      if (entry.kind === "stream_append") show(known, entry, known.text + (entry.text ?? ""), pattern);
      if (entry.kind === "delete") known.deleted = true;
    }
  }
  return [...byMessage.values()];
}

function show(answer: Answer, entry: LogEntry, text: string, pattern: RegExp): void {
  answer.text = text;
  for (const token of tokensIn(text, pattern)) answer.shown.add(token);
  if (entry.metadataKey !== undefined) answer.metadataKeys.add(entry.metadataKey);
}

function tokensIn(text: string, pattern: RegExp): Set<string> {
  const found = new Set<string>();
  for (const match of text.matchAll(pattern)) if (match[1] !== undefined) found.add(match[1]);
  return found;
}

function belongs(answer: Answer, asked: Asked): boolean {
  if (answer.channel !== asked.channel || (asked.team !== undefined && answer.team !== asked.team)) return false;
  // A top-level question may be answered at top level or in the thread below it.
  return asked.threadTs === undefined
    ? answer.threadTs === undefined || answer.threadTs === asked.ts
    : answer.threadTs === asked.threadTs;
}

function whereOf(answer: Answer, asked: Asked): string {
  const place = (channel: string, thread: string | undefined): string => `${channel}/${thread ?? "top level"}`;
  return `asked in ${place(asked.channel, asked.threadTs)}, answered in ${place(answer.channel, answer.threadTs)}`;
}

function repeatedKeys(answers: readonly Answer[]): Finding[] {
  const byKey = new Map<string, Answer[]>();
  for (const answer of answers) for (const key of answer.metadataKeys) push(byKey, key, answer);
  return [...byKey]
    .filter(([, sharing]) => sharing.length > 1)
    .map(([key, sharing]) => finding(key, sharing, `metadata key ${key} is on ${sharing.length} messages`));
}

function inversions(asked: readonly Asked[], quoting: ReadonlyMap<string, Answer[]>): Finding[] {
  const conversations = new Map<string, Asked[]>();
  for (const one of asked) push(conversations, `${one.team ?? ""}|${one.channel}|${one.threadTs ?? ""}`, one);
  const found: Finding[] = [];
  for (const questions of conversations.values()) {
    const inOrder = [...questions].sort((a, b) => (a.ts < b.ts ? -1 : 1));
    let latest: { position: number; token: string } | undefined;
    for (const question of inOrder) {
      const first = quoting.get(question.token)?.reduce((a, b) => (b.position < a.position ? b : a));
      if (first === undefined) continue;
      if (latest !== undefined && first.position < latest.position) {
        found.push(finding(question.token, [first], `answered before ${latest.token}, which was asked earlier`));
      } else {
        latest = { position: first.position, token: question.token };
      }
    }
  }
  return found;
}

function finding(token: string, answers: readonly Answer[], why: string): Finding {
  return { token, channel: answers[0]?.channel ?? "", messages: answers.map((one) => one.ts), why };
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
