import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SessionPlace, sessionKeyOf } from "../../../src/pipeline/assemble/session-key.ts";

/** Ids that are made of one another's pieces, as a forger would choose them. */
const id = fc.stringMatching(/^[a,"\][ ]{1,4}$/u);
const place: fc.Arbitrary<SessionPlace> = fc
  .record({
    organizationId: id,
    agentId: id,
    installationId: id,
    channel: id,
    thread: fc.option(id, { nil: undefined }),
  })
  .map(({ channel, thread, ...rest }) => ({
    ...rest,
    path: {
      space: { id: "w" },
      channel: { id: channel, kind: "public" as const, external: false },
      ...(thread === undefined ? {} : { thread: { id: thread } }),
    },
  }));

const partsOf = ({ organizationId, agentId, installationId, path }: SessionPlace): readonly unknown[] => [
  organizationId,
  agentId,
  installationId,
  path.channel.id,
  path.thread?.id,
];

describe("the key of an agent's memory", () => {
  it("is the same for one agent in one conversation, and for nothing else", () => {
    const seen = new Map<string, readonly unknown[]>();
    fc.assert(
      fc.property(place, (one) => {
        const key = sessionKeyOf(one);
        expect(seen.get(key) ?? partsOf(one)).toEqual(partsOf(one));
        seen.set(key, partsOf(one));
      }),
      { numRuns: 20_000 },
    );
    expect(seen.size).toBeGreaterThan(1_000);
  });

  it("does not depend on what a channel is called or has become", () => {
    fc.assert(
      fc.property(place, (one) => {
        const { channel } = one.path;
        const renamed = {
          ...one,
          path: { ...one.path, channel: { ...channel, name: "new", kind: "private" as const } },
        };
        expect(sessionKeyOf(renamed)).toBe(sessionKeyOf(one));
      }),
    );
  });

  it.each(["organizationId", "agentId", "installationId"] as const)("is none without %s", (missing) => {
    const whole = { organizationId: "o", agentId: "a", installationId: "i", path: pathOf("c") };
    expect(() => sessionKeyOf({ ...whole, [missing]: "" })).toThrow("INVARIANT_BROKEN");
  });

  it("is none where the channel or the thread is not said", () => {
    const whole = { organizationId: "o", agentId: "a", installationId: "i" };
    expect(() => sessionKeyOf({ ...whole, path: pathOf("") })).toThrow("INVARIANT_BROKEN");
    expect(() => sessionKeyOf({ ...whole, path: { ...pathOf("c"), thread: { id: "" } } })).toThrow("INVARIANT_BROKEN");
  });
});

function pathOf(channel: string): SessionPlace["path"] {
  return { space: { id: "w" }, channel: { id: channel, kind: "public", external: false } };
}
