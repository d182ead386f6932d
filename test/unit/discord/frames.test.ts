import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFrame } from "../../../adapters/discord/inbound-frame.ts";
import { SequenceTracker } from "../../../adapters/discord/sequence.ts";

const frame = (payload: unknown) => readFrame(JSON.stringify(payload), false);

describe("a frame of the gateway", () => {
  it.each([
    ["an event", { op: 0, t: "MESSAGE_CREATE", s: 5, d: { id: "1" } }, "dispatch"],
    [
      "the beginning of a session",
      { op: 0, t: "READY", s: 1, d: { session_id: "a", resume_gateway_url: "wss://x.example" } },
      "session",
    ],
    ["the end of a resume", { op: 0, t: "RESUMED", s: 9, d: null }, "session"],
    ["HELLO", { op: 10, d: { heartbeat_interval: 41_250 } }, "control"],
    ["a lost session", { op: 9, d: null }, "control"],
    [
      "a session without an id",
      { op: 0, t: "READY", s: 1, d: { resume_gateway_url: "wss://x.example" } },
      "unreadable",
    ],
    [
      "a session that goes on elsewhere",
      { op: 0, t: "READY", s: 1, d: { session_id: "a", resume_gateway_url: "https://x.example" } },
      "unreadable",
    ],
    ["HELLO without a heartbeat", { op: 10, d: null }, "unreadable"],
    ["HELLO with a heartbeat of no time", { op: 10, d: { heartbeat_interval: 0 } }, "unreadable"],
    ["an event without data", { op: 0, t: "MESSAGE_CREATE", s: 5, d: null }, "unreadable"],
    ["an event without a number", { op: 0, t: "MESSAGE_CREATE", d: {} }, "unreadable"],
    ["an unknown opcode", { op: 42 }, "unreadable"],
    ["a list", [], "unreadable"],
  ])("%s", (_name, payload, kind) => {
    expect(frame(payload).kind).toBe(kind);
  });

  it("keeps the number of an event that cannot be read, so that it is not asked for for ever", () => {
    expect(frame({ op: 0, t: "MESSAGE_CREATE", s: 5, d: 7 })).toMatchObject({ kind: "unreadable", sequence: 5 });
  });

  it("is read without a throw, whatever it holds", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.uint8Array()), fc.boolean(), (data, isBinary) => {
        expect(["dispatch", "session", "control", "unreadable"]).toContain(readFrame(data, isBinary).kind);
      }),
    );
  });
});

describe("the position in a session", () => {
  it("stays before the oldest event that is not done, whatever the order", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 30 })
          .chain((count) => fc.shuffledSubarray(Array.from({ length: count }, (_, index) => index + 1))),
        (done) => {
          const tracker = new SequenceTracker(0);
          const newest = Math.max(0, ...done);
          for (let sequence = 1; sequence <= newest; sequence++) expect(tracker.begin(sequence)).toBe(true);
          const open = new Set(Array.from({ length: newest }, (_, index) => index + 1));
          for (const sequence of done) {
            tracker.done(sequence);
            open.delete(sequence);
            expect(tracker.position).toBe(open.size === 0 ? newest : Math.min(...open) - 1);
          }
        },
      ),
    );
  });

  it("takes no event twice", () => {
    const tracker = new SequenceTracker(7);
    expect([tracker.begin(7), tracker.begin(8), tracker.begin(8), tracker.begin(9)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(tracker.position).toBe(7);
  });
});
