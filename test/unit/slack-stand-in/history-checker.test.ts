import fc from "fast-check";
import { expect, it } from "vitest";
import { type Asked, checkHistory, isClean, type LogEntry, tokenNumber } from "../../support/slack/index.ts";

const CHANNEL = "C0000000001";
const ts = (n: number): string => `1700000000.${String(n).padStart(6, "0")}`;

function asked(n: number, over: Partial<Asked> = {}): Asked {
  return { token: tokenNumber(n), channel: CHANNEL, ts: ts(n), threadTs: ts(0), acknowledgedAt: n, ...over };
}

function answer(n: number, over: Partial<LogEntry> = {}): Omit<LogEntry, "seq" | "at"> {
  return {
    kind: "post",
    team: "T1",
    channel: CHANNEL,
    ts: ts(1000 + n),
    threadTs: ts(0),
    text: `the answer to [#${tokenNumber(n)}]`,
    by: "app",
    actor: "UBOT",
    ...over,
  };
}

function log(...entries: Omit<LogEntry, "seq" | "at">[]): LogEntry[] {
  return entries.map((entry, seq) => ({ seq, at: seq, ...entry }));
}

const questions = [asked(1), asked(2), asked(3)];

it("passes a clean history", () => {
  const verdict = checkHistory({ asked: questions, log: log(answer(1), answer(2), answer(3)) });
  expect(isClean(verdict)).toBe(true);
  expect(verdict.notAccepted).toEqual([]);
});

it("finds a lost answer, and none is owed for what was never accepted", () => {
  const unaccepted: Asked = { token: tokenNumber(3), channel: CHANNEL, ts: ts(3), threadTs: ts(0) };
  const verdict = checkHistory({ asked: [asked(1), asked(2), unaccepted], log: log(answer(1)) });
  expect(verdict.lost.map((one) => one.token)).toEqual([tokenNumber(2)]);
  expect(verdict.notAccepted).toEqual([tokenNumber(3)]);
  expect([...verdict.twice, ...verdict.outOfOrder, ...verdict.foreign]).toEqual([]);
});

it("takes a deleted answer and one whose token was edited away for lost", () => {
  const remove = { ...answer(1), kind: "delete" as const };
  const edit = { ...answer(2), kind: "update" as const, text: "never mind" };
  const verdict = checkHistory({ asked: questions, log: log(answer(1), answer(2), answer(3), remove, edit) });
  expect(verdict.lost.map((one) => one.token)).toEqual([tokenNumber(1), tokenNumber(2)]);
});

it("finds an answer that was posted twice, even when one was deleted again", () => {
  const copy = answer(2, { ts: ts(5000) });
  const removed = { ...copy, kind: "delete" as const };
  const verdict = checkHistory({ asked: questions, log: log(answer(1), answer(2), copy, removed, answer(3)) });
  expect(verdict.twice).toMatchObject([{ token: tokenNumber(2), messages: [ts(1002), ts(5000)] }]);
  expect(verdict.lost).toEqual([]);
});

it("finds one part that was sent twice by its metadata key, whatever its text", () => {
  const first = answer(1, { metadataKey: "part-1", text: "a notice" });
  const second = answer(1, { metadataKey: "part-1", text: "a notice", ts: ts(6000) });
  expect(checkHistory({ asked: [], log: log(first, second) }).twice).toMatchObject([{ token: "part-1" }]);
});

it("finds an answer that overtook an earlier one of its conversation, and lets other conversations pass", () => {
  const verdict = checkHistory({ asked: questions, log: log(answer(1), answer(3), answer(2)) });
  expect(verdict.outOfOrder.map((one) => one.token)).toEqual([tokenNumber(3)]);
  const elsewhere = asked(2, { threadTs: ts(900) });
  const apart = checkHistory({
    asked: [asked(1), elsewhere, asked(3)],
    log: log(answer(1), answer(3), answer(2, { threadTs: ts(900) })),
  });
  expect(isClean(apart)).toBe(true);
});

it("finds foreign answers: another channel, another thread, a question nobody asked", () => {
  const verdict = checkHistory({
    asked: questions,
    log: log(answer(1, { channel: "C0000000002" }), answer(2, { threadTs: ts(77) }), answer(3), answer(4)),
  });
  expect(verdict.foreign.map((one) => one.token).sort()).toEqual([1, 2, 4].map(tokenNumber));
});

it("lets a top-level question be answered at top level or in its own thread, and nowhere else", () => {
  const { threadTs: _thread, ...top } = asked(1);
  const { threadTs: _own, ...topAnswer } = answer(1);
  expect(isClean(checkHistory({ asked: [top], log: log(topAnswer) }))).toBe(true);
  expect(isClean(checkHistory({ asked: [top], log: log(answer(1, { threadTs: ts(1) })) }))).toBe(true);
  expect(checkHistory({ asked: [top], log: log(answer(1, { threadTs: ts(2) })) }).foreign).toHaveLength(1);
});

it("reads streams and previews to their end", () => {
  const start = answer(1, { kind: "stream_start", text: "the ans" });
  const grown = { ...answer(1), kind: "stream_append" as const, text: `wer [#${tokenNumber(1)}]` };
  const stop = { ...answer(1), kind: "stream_stop" as const, text: `the answer [#${tokenNumber(1)}]` };
  const preview = answer(2, { text: "thinking ..." });
  const final = { ...answer(2), kind: "update" as const };
  const verdict = checkHistory({ asked: [asked(1), asked(2)], log: log(start, preview, grown, final, stop) });
  expect(isClean(verdict)).toBe(true);
});

it("finds any single loss, repetition, swap or misplacement in any clean history", () => {
  const damage = fc.constantFrom("lost", "twice", "outOfOrder", "foreign");
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), damage, (count, where, kind) => {
      const all = Array.from({ length: count }, (_, n) => asked(n + 1));
      const entries = all.map((_, n) => answer(n + 1));
      const at = where % (count - 1);
      const [victim] = entries.slice(at, at + 1);
      if (victim === undefined) return;
      if (kind === "lost") entries.splice(at, 1);
      if (kind === "twice") entries.push({ ...victim, ts: ts(9999) });
      if (kind === "outOfOrder") entries.push(...entries.splice(at, 1));
      if (kind === "foreign") entries[at] = { ...victim, channel: "C0000000009" };
      const verdict = checkHistory({ asked: all, log: log(...entries) });
      expect(verdict[kind].length).toBeGreaterThan(0);
      const others = (["lost", "twice", "outOfOrder", "foreign"] as const).filter((name) => name !== kind);
      for (const name of others) expect(verdict[name]).toEqual([]);
    }),
  );
});
