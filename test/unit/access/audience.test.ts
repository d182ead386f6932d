import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Audience, isWithin } from "../../../src/access/audience.ts";

/** Everybody there is: full members of the installation, and people who are not. */
const MEMBERS = ["ada", "ben", "cyd", "dot", "eve"];
const OUTSIDERS = ["xan", "yve"];
const HERE = { organizationId: "o", installationId: "i", channelId: "t", threadId: "" };
const THERE = { ...HERE, channelId: "s" };

/** What is true of a conversation: who can read it. What Parley knows of it is derived from that. */
interface Truth {
  readonly openToMembers: boolean;
  readonly listed: readonly string[];
  readonly rosterKnown: boolean;
  readonly complete: boolean;
}

const truth: fc.Arbitrary<Truth> = fc.record({
  openToMembers: fc.boolean(),
  listed: fc.subarray([...MEMBERS, ...OUTSIDERS]),
  rosterKnown: fc.boolean(),
  complete: fc.boolean(),
});

function readersOf({ openToMembers, listed }: Truth): ReadonlySet<string> {
  return new Set([...listed, ...(openToMembers ? MEMBERS : [])]);
}

function audienceOf(known: Truth, conversation: Audience["conversation"]): Audience {
  return {
    conversation,
    readers: known.rosterKnown ? new Set(known.listed) : undefined,
    openToMembers: known.openToMembers,
    outsiders: new Set(known.rosterKnown ? known.listed.filter((reader) => OUTSIDERS.includes(reader)) : []),
    complete: known.complete && known.rosterKnown,
  };
}

describe("audience(to) within audience(source)", () => {
  it("is never said where a reader of the destination could not read the source", () => {
    fc.assert(
      fc.property(truth, truth, (to, source) => {
        const { within } = isWithin(audienceOf(to, HERE), audienceOf(source, THERE));
        const strangers = [...readersOf(to)].filter((reader) => !readersOf(source).has(reader));
        expect(!within || (to.complete && strangers.length === 0)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  it("is said wherever all readers are known and the lists bear it out", () => {
    fc.assert(
      fc.property(truth, truth, (to, source) => {
        const known = {
          ...to,
          rosterKnown: true,
          complete: true,
          openToMembers: to.openToMembers && source.openToMembers,
        };
        const from = { ...source, rosterKnown: true, complete: true };
        const strangers = [...readersOf(known)].filter((reader) => !readersOf(from).has(reader));
        const verdict = isWithin(audienceOf(known, HERE), audienceOf(from, THERE));
        expect(verdict.within).toBe(strangers.length === 0);
        expect(verdict.strangers.toSorted()).toEqual(strangers.toSorted());
      }),
      { numRuns: 5_000 },
    );
  });

  it("is said of a conversation and itself, and of a thread and its channel, whoever reads them", () => {
    fc.assert(
      fc.property(truth, truth, (one, other) => {
        expect(isWithin(audienceOf(one, HERE), audienceOf(other, HERE)).rule).toBe("same_conversation");
        const thread = { ...HERE, threadId: "th" };
        expect(isWithin(audienceOf(one, thread), audienceOf(other, HERE)).rule).toBe("readers_of_its_channel");
      }),
    );
  });

  const all: Truth = { openToMembers: true, listed: [...MEMBERS, ...OUTSIDERS], rosterKnown: true, complete: true };
  const few: Truth = { ...all, openToMembers: false, listed: ["ada", "ben"] };
  const table: readonly (readonly [string, Audience, Audience, boolean, string])[] = [
    [
      "another organization",
      audienceOf(few, HERE),
      audienceOf(all, { ...THERE, organizationId: "p" }),
      false,
      "another_organization",
    ],
    [
      "another installation",
      audienceOf(few, HERE),
      audienceOf(all, { ...THERE, installationId: "j" }),
      false,
      "another_installation",
    ],
    [
      "the same ids elsewhere",
      audienceOf(few, HERE),
      audienceOf(few, { ...HERE, organizationId: "p" }),
      false,
      "another_organization",
    ],
    [
      "readers that are not known",
      audienceOf({ ...few, rosterKnown: false }, HERE),
      audienceOf(all, THERE),
      false,
      "readers_unknown",
    ],
    [
      "a list that is not whole",
      audienceOf({ ...few, complete: false }, HERE),
      audienceOf(all, THERE),
      false,
      "readers_unknown",
    ],
    ["a public place and a private source", audienceOf(all, HERE), audienceOf(few, THERE), false, "source_is_narrower"],
    [
      "a guest here and a public source",
      audienceOf({ ...few, listed: ["ada", "xan"] }, HERE),
      audienceOf({ ...all, listed: MEMBERS }, THERE),
      false,
      "source_is_narrower",
    ],
    [
      "members here and a public source",
      audienceOf(few, HERE),
      audienceOf({ ...all, listed: [] }, THERE),
      true,
      "all_readers_may_read_the_source",
    ],
    [
      "a thread apart of the same channel",
      audienceOf(few, HERE),
      audienceOf({ ...few, listed: ["ada"] }, { ...HERE, threadId: "th" }),
      false,
      "source_is_narrower",
    ],
    [
      "two threads of one channel",
      audienceOf({ ...few, listed: ["ada"] }, { ...HERE, threadId: "a" }),
      audienceOf(few, { ...HERE, threadId: "b" }),
      true,
      "all_readers_may_read_the_source",
    ],
  ];
  it.each(table)("%s", (_, to, source, within, rule) => {
    expect(isWithin(to, source)).toMatchObject({ within, rule });
  });
});
