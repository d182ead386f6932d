import { ReadableStream } from "node:stream/web";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guardedReply } from "../../../agents/shared/guarded-reply.ts";
import { JsonGuard, parseGuardedJson } from "../../../agents/shared/json-guard.ts";
import { MAX_STATUS_PARTS, ReplyGuard } from "../../../agents/shared/reply-guard.ts";
import { MAX_ARTIFACT_BYTES, MAX_REPLY_BYTES, MAX_REPLY_PARTS } from "../../../src/envelope/reply.ts";
import { ReplyEvent } from "../../../src/envelope/reply-event.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { codeOf, collect, textOf } from "../../support/agents/collect.ts";

function codeOfThrown(step: () => unknown): string {
  try {
    step();
    return "nothing";
  } catch (error) {
    return error instanceof ParleyError ? error.code : `not a ParleyError: ${String(error)}`;
  }
}

/** Code units as they come, lone surrogates and NUL among them. */
const anyCodeUnits = fc
  .array(fc.oneof(fc.nat(0x2ff), fc.integer({ min: 0xd7fe, max: 0xe001 })), { maxLength: 8 })
  .map((units) => String.fromCharCode(...units));
const text = (markdown: string) => ({ type: "text_delta", markdown });
const part = (value: unknown) => ({ type: "part", part: value });
const artifact = (bytes: number) =>
  part({
    type: "artifact",
    artifactId: "a",
    name: "a.bin",
    mediaType: "application/octet-stream",
    base64: Buffer.alloc(bytes).toString("base64"),
  });

describe("the guard of a reply", () => {
  it("takes exactly the longest reply", () => {
    const guard = new ReplyGuard();
    guard.accept(text("x".repeat(MAX_REPLY_BYTES)));
    expect(codeOfThrown(() => guard.accept(text("x")))).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("counts bytes and not characters", () => {
    expect(codeOfThrown(() => new ReplyGuard().accept(text("€".repeat(Math.ceil(MAX_REPLY_BYTES / 3)))))).toBe(
      "AGENT_REPLY_TOO_LARGE",
    );
  });

  it("counts the text of every part, over all of them", () => {
    const guard = new ReplyGuard();
    const result = part({ type: "tool_result", toolCallId: "1", name: "t", outcome: "ok", output: "x".repeat(60_000) });
    expect(codeOfThrown(() => Array.from({ length: 5 }, () => guard.accept(result)))).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("takes exactly the most parts, an open text being one", () => {
    const guard = new ReplyGuard();
    for (let count = 0; count < MAX_REPLY_PARTS / 2; count += 1) {
      guard.accept(text("a"));
      guard.accept(part({ type: "text", markdown: "b" }));
    }
    expect(codeOfThrown(() => guard.accept(text("one too many")))).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("lets status lines replace one another, up to their own limit", () => {
    const guard = new ReplyGuard();
    for (let count = 0; count < MAX_STATUS_PARTS; count += 1) guard.accept(part({ type: "status", text: "working" }));
    expect(codeOfThrown(() => guard.accept(part({ type: "status", text: "working" })))).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("takes files up to their limit, over all of them", () => {
    expect(codeOfThrown(() => new ReplyGuard().accept(artifact(MAX_ARTIFACT_BYTES)))).toBe("nothing");
    const guard = new ReplyGuard();
    guard.accept(artifact(MAX_ARTIFACT_BYTES - 1_000));
    expect(codeOfThrown(() => guard.accept(artifact(2_000)))).toBe("AGENT_REPLY_TOO_LARGE");
    expect(codeOfThrown(() => new ReplyGuard().accept(artifact(MAX_ARTIFACT_BYTES + 10_000)))).toBe(
      "AGENT_REPLY_TOO_LARGE",
    );
  });

  it("lets nothing follow the end", () => {
    for (const end of [{ type: "done" }, { type: "deferred", deadlineMs: 5 }]) {
      const guard = new ReplyGuard();
      guard.accept(end);
      expect(guard.isClosed).toBe(true);
      expect(codeOfThrown(() => guard.accept(text("more")))).toBe("AGENT_REPLY_INVALID");
    }
  });

  it("never tells a value in its error", () => {
    const accept = () => new ReplyGuard().accept({ type: "secret words", "other secret": 1 });
    expect(accept).toThrow("AGENT_REPLY_INVALID");
    expect(accept).not.toThrow("secret");
  });

  it("keeps well-formed text whole, however it was cut", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 60 }),
        fc.array(fc.nat(80), { maxLength: 12 }),
        (whole, cuts) => {
          const guard = new ReplyGuard();
          const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
          const events = places.slice(1).flatMap((end, index) => guard.accept(text(whole.slice(places[index], end))));
          const expected = whole.replaceAll("\u0000", "\ufffd");
          expect(textOf([...events, ...guard.accept({ type: "done" })])).toBe(expected);
        },
      ),
    );
  });

  it("makes any text well-formed and free of NUL", () => {
    fc.assert(
      fc.property(fc.array(anyCodeUnits, { maxLength: 10 }), (texts) => {
        const guard = new ReplyGuard();
        const joined = textOf([
          ...texts.flatMap((entry) => guard.accept(text(entry))),
          ...guard.accept({ type: "done" }),
        ]);
        expect(joined.isWellFormed() && !joined.includes("\u0000")).toBe(true);
      }),
    );
  });

  it("answers anything at all with valid events or one of its two errors", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
        for (const candidate of [value, { type: "part", part: value }, { type: "text_delta", markdown: value }]) {
          let events: readonly unknown[] = [];
          const code = codeOfThrown(() => {
            events = new ReplyGuard().accept(candidate);
          });
          expect(["nothing", "AGENT_REPLY_INVALID", "AGENT_REPLY_TOO_LARGE"]).toContain(code);
          for (const event of events) expect(ReplyEvent.safeParse(event).success).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the guard of JSON", () => {
  it("lets every ordinary value through, and parses it as it is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const json = JSON.stringify(value);
        expect(JSON.stringify(parseGuardedJson(json))).toBe(JSON.stringify(JSON.parse(json)));
      }),
    );
  });

  it("is not fooled by brackets in strings, nor by how the bytes are cut", () => {
    const json = Buffer.from(JSON.stringify({ text: `${"[{".repeat(100)}\\"${"]".repeat(10)}`, list: [1, 2] }));
    const guard = new JsonGuard();
    for (const byte of json) guard.push(Uint8Array.of(byte));
    expect(codeOfThrown(() => guard.push(Buffer.from("[".repeat(33))))).toBe("AGENT_REPLY_INVALID");
  });

  it.each([
    ["deep lists", "[".repeat(1_000_000), "AGENT_REPLY_INVALID"],
    ["deep objects", '{"a":'.repeat(200_000), "AGENT_REPLY_INVALID"],
    ["many values", `[${"1,".repeat(100_000)}1]`, "AGENT_REPLY_TOO_LARGE"],
    ["many lists", `[${"[],".repeat(100_000)}[]]`, "AGENT_REPLY_TOO_LARGE"],
  ])("refuses %s quickly", (_case, json, code) => {
    const startedMs = performance.now();
    expect(codeOfThrown(() => parseGuardedJson(json))).toBe(code);
    expect(performance.now() - startedMs).toBeLessThan(100);
  });
});

describe("a guarded reply", () => {
  const open = { signal: new AbortController().signal, closed: new AbortController().signal };

  it("tells its source to stop when the reply is refused, over, or no longer read", async () => {
    const signals: AbortSignal[] = [];
    const source = (events: readonly unknown[]) => (signal: AbortSignal) => {
      signals.push(signal);
      return ReadableStream.from(events);
    };
    await collect(guardedReply(open, source([text("a"), { type: "bad" }])));
    await collect(guardedReply(open, source([text("a"), { type: "done" }])));
    for await (const _event of guardedReply(open, source([text("a"), text("b")]))) break;
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true, true]);
  });

  it("hears its signal although the source never waits", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const outcome = await collect(
      guardedReply({ ...open, signal: controller.signal }, async function* () {
        for (;;) yield text("");
      }),
    );
    expect(codeOf(outcome)).toBe("TURN_CANCELLED");
  });

  it("gives an error of Parley's own for a bug of a connector, without its words", async () => {
    const outcome = await collect(
      guardedReply(open, async function* () {
        yield text("a");
        throw new RangeError("the secret words");
      }),
    );
    expect(codeOf(outcome)).toBe("INVARIANT_BROKEN");
    expect(String(outcome.error)).not.toContain("secret");
  });

  it("serves many turns on one signal of closing without a warning", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    await Promise.all(
      Array.from({ length: 50 }, () =>
        collect(guardedReply(open, () => ReadableStream.from([text("a"), { type: "done" }]))),
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});
