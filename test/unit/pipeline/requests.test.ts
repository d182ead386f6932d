import { describe, expect, it } from "vitest";
import { readChoice } from "../../../src/pipeline/requests/choice.ts";
import { decidedPart, refusedPart, tooLatePart } from "../../../src/pipeline/requests/decided-part.ts";
import {
  type AskedPart,
  boundTo,
  expiryOf,
  isAsked,
  parseAsked,
  showingItsBinding,
} from "../../../src/pipeline/requests/request-part.ts";

const APPROVAL = parseAsked({
  type: "approval_request",
  approvalId: "deploy",
  prompt: "Shall I deploy?",
  subject: "rm -rf build",
  options: [
    { id: "yes", label: "Deploy *now*", effect: "allow" },
    { id: "no", label: "Leave it", effect: "deny" },
  ],
});
const FORM = parseAsked({
  type: "input_request",
  inputId: "release",
  prompt: "Which release?",
  fields: [
    { id: "version", label: "Version", kind: "text", required: true },
    { id: "count", label: "Machines", kind: "number" },
    { id: "ring", label: "Ring", kind: "choice", options: [{ id: "one", label: "One" }] },
  ],
});
const AT = new Date("2026-11-21T22:40:59Z");
const textOf = (part: ReturnType<typeof decidedPart>): string => (part.type === "text" ? part.markdown : "");

describe("what a decision is bound to", () => {
  it("is equal for equal values in any order, and for nothing else", () => {
    const bound = boundTo(APPROVAL, { tool: "deploy", arguments: { where: "here", what: [1, { b: 2, a: 1 }] } });
    expect(boundTo(APPROVAL, { arguments: { what: [1, { a: 1, b: 2 }], where: "here" }, tool: "deploy" })).toBe(bound);
    expect(boundTo(APPROVAL, { tool: "deploy", arguments: { where: "there", what: [1, { b: 2, a: 1 }] } })).not.toBe(
      bound,
    );
    expect(boundTo(APPROVAL, { tool: "deploy", arguments: { where: "here", what: [{ b: 2, a: 1 }, 1] } })).not.toBe(
      bound,
    );
    expect(boundTo({ ...APPROVAL, prompt: "Shall I?" } as AskedPart, { tool: "deploy" })).not.toBe(
      boundTo(APPROVAL, { tool: "deploy" }),
    );
    expect(boundTo(APPROVAL, undefined)).toBe(boundTo(APPROVAL, null));
    expect(JSON.parse(boundTo(APPROVAL, JSON.parse('{"__proto__": {"x": 1}}'))).binding).toHaveProperty("__proto__");
  });

  it("must be JSON", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const binding of [circle, { big: 1n }])
      expect(() => boundTo(APPROVAL, binding)).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
  });
});

describe("a question", () => {
  it("stands for a day, for what it says, and for seven days at most", () => {
    expect(expiryOf(APPROVAL)).toBe(86_400_000);
    expect(expiryOf(FORM)).toBe(86_400_000);
    expect(expiryOf({ ...APPROVAL, expiresInMs: 60_000 } as AskedPart)).toBe(60_000);
    expect(expiryOf({ ...APPROVAL, expiresInMs: 1e15 } as AskedPart)).toBe(604_800_000);
    expect(expiryOf({ ...APPROVAL, expiresInMs: 1 } as AskedPart)).toBe(1_000);
  });

  it("cannot be malformed or one of Parley's own", () => {
    for (const given of [undefined, {}, { ...APPROVAL, options: [] }, { ...FORM, fields: "x" }])
      expect(() => parseAsked(given)).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
    const own = { ...APPROVAL, approvalId: "parley.withheld:t_1" };
    expect(() => parseAsked(own)).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
    expect(isAsked(own as AskedPart)).toBe(false);
  });
});

describe("a choice", () => {
  it("is one of the options, with what it does", () => {
    expect(readChoice(APPROVAL, { value: "no", fields: { x: "1" } })).toEqual({
      optionId: "no",
      effect: "deny",
      fields: {},
    });
    for (const value of ["maybe", "", undefined])
      expect(readChoice(APPROVAL, { value, fields: {} })).toEqual({ fault: "no_such_option" });
  });

  it("fills in what was asked for and no more", () => {
    const fill = (fields: Record<string, string>) => readChoice(FORM, { fields });
    expect(fill({ version: "1.2", count: "3", ring: "one", other: "x" })).toEqual({
      optionId: null,
      effect: null,
      fields: { version: "1.2", count: "3", ring: "one" },
    });
    expect(fill({ version: " " })).toEqual({ fault: "field_missing" });
    expect(fill({ version: "1", count: "many" })).toEqual({ fault: "field_invalid" });
    expect(fill({ version: "1", ring: "two" })).toEqual({ fault: "field_invalid" });
  });
});

describe("what people read of it", () => {
  const decided = {
    kind: "approval",
    state: "decided",
    optionId: "yes",
    effect: "allow",
    by: "Ada [x](https://evil.example)",
    at: AT,
  } as const;

  it("names the option, who decided and when, and takes nobody's name for markup", () => {
    const part = decidedPart(APPROVAL, decided);
    expect(textOf(part)).toBe(
      "Shall I deploy?\n\n> rm -rf build\n\n✅ **Deploy \\*now\\***, decided by Ada \\[x\\](https://evil.example), 2026-11-21 22:40 UTC",
    );
    expect(part.fallbackText).toContain(
      "✅ Deploy *now*, decided by Ada [x](https://evil.example), 2026-11-21 22:40 UTC",
    );
  });

  it("keeps to the outcome where the question is long, was shown before, or is forgotten", () => {
    const outcome = /^✅ \*\*/u;
    expect(textOf(decidedPart({ ...APPROVAL, prompt: "x".repeat(5_000) } as AskedPart, decided))).toMatch(outcome);
    expect(textOf(decidedPart(APPROVAL, decided, true))).toMatch(outcome);
    expect(textOf(decidedPart(undefined, decided))).toMatch(/^✅ \*\*yes\*\*/u);
  });

  it("never repeats what somebody filled in", () => {
    expect(textOf(decidedPart(FORM, { kind: "input", state: "decided", by: "Ada", at: AT }))).toBe(
      "Which release?\n\n☑️ Answered by Ada, 2026-11-21 22:40 UTC",
    );
  });

  it("says why a question is over, and why a choice did nothing", () => {
    expect(textOf(decidedPart(APPROVAL, { kind: "approval", state: "expired", at: AT }))).toContain(
      "Nobody decided in time",
    );
    expect(
      textOf(decidedPart(APPROVAL, { kind: "approval", state: "cancelled", reason: "turn_over", at: AT })),
    ).toContain("Called off");
    expect(textOf(tooLatePart(APPROVAL, decided))).toContain("came too late");
    expect(textOf(refusedPart("not_a_member"))).toContain("Only members");
    expect(textOf(refusedPart("denied_at_space"))).toContain("(denied_at_space)");
  });
});

describe("what an approval is about", () => {
  const asked = parseAsked({
    type: "approval_request",
    approvalId: "a1",
    prompt: "Send it?",
    options: [{ id: "yes", label: "Yes", effect: "allow" }],
  });

  it("is shown where the agent shows nothing of it", () => {
    expect(showingItsBinding(asked, { to: "finance", amount: 3 })).toMatchObject({
      subject: '```json\n{\n  "amount": 3,\n  "to": "finance"\n}\n```',
    });
    expect(showingItsBinding(asked, undefined)).toEqual(asked);
    expect(showingItsBinding({ ...asked, subject: "to finance" } as typeof asked, { to: "finance" })).toMatchObject({
      subject: "to finance",
    });
  });

  it("ends no code block of its own", () => {
    const shown = showingItsBinding(asked, { text: "```\n@everyone" });
    expect(shown).toMatchObject({ subject: expect.stringMatching(/^````json\n[\s\S]*\n````$/u) });
  });

  it("is refused where it is too long to be read", () => {
    expect(() => showingItsBinding(asked, { text: "x".repeat(2_000) })).toThrow(/give a subject/u);
  });
});
