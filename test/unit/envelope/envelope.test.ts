import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ContentBlock, contentToText, toSafeText } from "../../../src/envelope/content.ts";
import { conversationKey } from "../../../src/envelope/conversation.ts";
import { Envelope, type EnvelopeInput, EVENT_KINDS, type EventKind } from "../../../src/envelope/envelope.ts";
import { MAX_REPLY_PARTS, partToText, Reply, ReplyPart } from "../../../src/envelope/reply.ts";

const message = { messageId: "m1", content: [{ type: "text" as const, markdown: "hello" }], mentions: {} };

/** One body per kind of event; the type makes a new kind without one an error. */
const bodies: { [Kind in EventKind]: Extract<EnvelopeInput, { kind: Kind }>["body"] } = {
  message_created: message,
  message_edited: message,
  message_deleted: { messageId: "m1" },
  reaction_added: { messageId: "m1", reaction: "eyes" },
  reaction_removed: { messageId: "m1", reaction: "eyes" },
  member_joined: { memberId: "u1" },
  member_left: { memberId: "u1", self: true },
  channel_created: { name: "general" },
  channel_renamed: { name: "general" },
  channel_archived: { archived: true },
  thread_created: { name: "plan", rootMessageId: "m1" },
  direct_message_opened: {},
  command_invoked: { command: "ask", text: "@guide hello", mentions: { agents: ["guide"] } },
  action_submitted: { actionId: "approve", value: "yes", messageId: "m1" },
  session_stopped: {},
  schedule_fired: { scheduleId: "h_1", agentId: "a_1", task: "say good morning" },
};

const base = {
  version: 1,
  organizationId: "main",
  installationId: "i1",
  platform: "slack",
  conversation: { space: { id: "T1" }, channel: { id: "C1", kind: "public" } },
  sender: { id: "u1", kind: "human" },
  occurredAt: "2026-11-21T12:00:00.000Z",
  platformOrder: "1",
  dedupeKey: "k",
  orderingKey: "o",
  traceId: "0".repeat(32),
} as const;

describe("the envelope", () => {
  it.each(EVENT_KINDS)("takes an event of the kind %s", (kind) => {
    const parsed = Envelope.safeParse({ ...base, kind, body: bodies[kind] });
    expect(parsed.error?.issues ?? []).toEqual([]);
  });

  it.each([
    ["another version", { version: 2 }],
    ["an unknown kind", { kind: "message_whispered" }],
    ["a time without a zone", { occurredAt: "2026-11-21T12:00:00" }],
    ["a trace id of another form", { traceId: "xyz" }],
    ["an id with a control character", { installationId: "a\nb" }],
    ["an empty dedupe key", { dedupeKey: "" }],
    ["a dedupe key with NUL", { dedupeKey: "k\u0000" }],
    ["an ordering key with half a character", { orderingKey: "o\ud800" }],
    ["a platform order with NUL", { platformOrder: "\u00001" }],
    ["an id with half a character", { sender: { id: "u\udc00", kind: "human" } }],
    ["a message id with half a character", { body: { ...message, messageId: "m\ud800" } }],
  ])("refuses %s", (_what, change) => {
    expect(Envelope.safeParse({ ...base, kind: "message_created", body: message, ...change }).success).toBe(false);
  });

  it.each(["\u0000", "\ud800", "\udc00x"])("refuses keys with %j, and keeps text that holds it, cleaned", (bad) => {
    const command = { command: "ask", text: `hi${bad}`, mentions: {} };
    const action = { actionId: "approve", value: `yes${bad}` };
    const refused: [EventKind, object][] = [
      ["command_invoked", { ...command, command: `ask${bad}` }],
      ["command_invoked", { ...command, responseToken: `t${bad}` }],
      ["action_submitted", { ...action, actionId: `a${bad}` }],
      ["action_submitted", { ...action, fields: { [`f${bad}`]: "1" } }],
      ["reaction_added", { messageId: "m1", reaction: `eyes${bad}` }],
    ];
    for (const [kind, body] of refused) expect(Envelope.safeParse({ ...base, kind, body }).success).toBe(false);
    const code = { type: "code", language: `ts${bad}`, code: bad };
    const media = { type: "media", mediaId: "f", kind: "file", name: bad, mediaType: `a/b${bad}` };
    for (const [kind, body] of [
      ["command_invoked", command],
      ["action_submitted", action],
      ["message_created", { ...message, content: [code, media] }],
    ] as const) {
      const stored = JSON.stringify(Envelope.parse({ ...base, kind, body }));
      expect(stored).not.toMatch(/\\u0000|\\ud[89a-f]/u);
    }
  });

  it("gives two conversations two keys, whatever their ids hold", () => {
    const id = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(
        fc.tuple(id, id, fc.option(id, { nil: undefined })),
        fc.tuple(id, id, fc.option(id, { nil: undefined })),
        (a, b) => {
          expect(conversationKey(...a) === conversationKey(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
        },
      ),
    );
  });
});

describe("content", () => {
  it("is well-formed text without NUL whatever came in", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
        (text) => {
          const safe = toSafeText(text);
          expect(safe.isWellFormed()).toBe(true);
          expect(safe).not.toContain("\u0000");
        },
      ),
    );
  });

  it("reads as one plain text", () => {
    const blocks: ContentBlock[] = [
      { type: "mention", target: "agent", id: "guide", name: "guide" },
      { type: "text", markdown: " look: " },
      { type: "code", language: "ts", code: "1" },
      { type: "media", mediaId: "f", kind: "image", name: "a.png", mediaType: "image/png" },
    ];
    expect(contentToText(blocks)).toBe("@guide look: \n```ts\n1\n```\n[image: a.png]");
  });
});

describe("a reply", () => {
  const parts: ReplyPart[] = [
    { type: "text", markdown: "hi" },
    { type: "tool_call", toolCallId: "1", name: "search" },
    { type: "tool_result", toolCallId: "1", name: "search", outcome: "ok" },
    { type: "status", text: "thinking" },
    { type: "task_update", taskId: "1", title: "Write", state: "in_progress" },
    {
      type: "approval_request",
      approvalId: "1",
      prompt: "May I?",
      options: [{ id: "y", label: "Yes", effect: "allow" }],
    },
    {
      type: "input_request",
      inputId: "1",
      prompt: "Which?",
      fields: [{ id: "a", label: "Name", kind: "text", required: true }],
    },
    { type: "artifact", artifactId: "1", name: "a.txt", mediaType: "text/plain", base64: "aGk=" },
    { type: "error", code: "X", message: "It broke", retryable: false },
    { type: "handoff", agent: "other" },
  ];

  it("has a plain-text fallback for every kind of part, its own or the agent's", () => {
    const kinds = ReplyPart.options.map((option) => option.shape.type.value);
    expect(parts.map((part) => part.type).toSorted((a, b) => a.localeCompare(b))).toEqual(
      kinds.toSorted((a, b) => a.localeCompare(b)),
    );
    for (const part of parts) {
      expect(partToText(part).length).toBeGreaterThan(0);
      expect(partToText({ ...part, fallbackText: "in short" })).toBe("in short");
    }
  });

  it.each([
    ["a destination of the agent's choosing", { parts: [{ type: "text", markdown: "hi", channel: "C2" }] }],
    ["an unknown kind of part", { parts: [{ type: "script", code: "1" }] }],
    ["too many parts", { parts: Array.from({ length: MAX_REPLY_PARTS + 1 }, () => parts[0]) }],
    ["an artifact that is no base64", { parts: [{ ...parts[7], base64: "../../etc" }] }],
    ["fields beside the parts", { parts: [], to: "C2" }],
    ["an id that no database takes", { parts: [{ ...parts[1], toolCallId: "1\u0000" }] }],
    ["a choice whose id is half a character", { parts: [{ ...parts[5], options: [{ id: "\ud800", label: "Yes" }] }] }],
  ])("refuses %s", (_what, reply) => {
    expect(Reply.safeParse(reply).success).toBe(false);
  });

  it("takes all kinds of parts together", () => {
    expect(Reply.safeParse({ parts }).success).toBe(true);
  });
});
