import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_ANSWER_BYTES } from "../../../agents/shared/bounded-body.ts";
import { createWebhookConnector, generateWebhookSecret, verifyWebhook } from "../../../agents/webhook/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { codeOf, collect, type Outcome, summarize, textOf } from "../../support/agents/collect.ts";
import { message, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { WebhookAgent, type WebhookBehaviour } from "../../support/agents/webhook-agent.ts";

const SECRET = generateWebhookSecret();
const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const GIB = 1_073_741_824;

let agent: WebhookAgent;
let connector: AgentConnector;

beforeEach(async () => {
  agent = await WebhookAgent.start();
  connector = createWebhookConnector(
    { kind: "webhook", url: agent.url, secret: SECRET },
    { network: LOOPBACK, idleTimeoutMs: 400 },
  );
});

afterEach(async () => {
  await connector.close();
  await agent.stop();
});

function turn(behaviour: WebhookBehaviour): Promise<Outcome> {
  agent.behave = () => behaviour;
  return collect(connector.invoke(turnRequest(), turnIo()));
}

const json = (value: unknown): WebhookBehaviour => ({ kind: "respond", body: JSON.stringify(value) });
const stream = (events: readonly unknown[], as: "ndjson" | "sse" = "ndjson"): WebhookBehaviour => ({
  kind: "stream",
  as,
  events,
});
const DONE = { type: "done" };

function detailOf(outcome: Outcome): string {
  return outcome.error instanceof ParleyError ? (outcome.error.detail ?? "") : "";
}

describe("a turn to a webhook agent", () => {
  it("tells where the bytes of its files are, each file once, and nothing when there are none", async () => {
    const block = (mediaId: string) =>
      ({ type: "media", mediaId, kind: "file", name: "a.txt", mediaType: "text/plain" }) as const;
    const request = turnRequest({
      trigger: { ...message({ text: "look" }), content: [block("new"), block("old")] },
      transcript: [{ ...message({ text: "before" }), content: [block("old"), block("gone")] }],
    });
    const files = {
      url: (mediaId: string) => (mediaId === "gone" ? undefined : `https://parley.example/api/files/${mediaId}`),
      read: () => Promise.reject(new ParleyError("NOT_FOUND")),
    };
    await collect(connector.invoke(request, turnIo({ files })));
    await collect(connector.invoke(turnRequest(), turnIo({ files })));
    await collect(connector.invoke(request, turnIo()));
    expect(agent.calls.map((call) => JSON.parse(call.rawBody).files)).toEqual([
      [
        { media_id: "new", url: "https://parley.example/api/files/new" },
        { media_id: "old", url: "https://parley.example/api/files/old" },
      ],
      undefined,
      undefined,
    ]);
  });

  it("is one signed POST with the turn and the reply address", async () => {
    const request = turnRequest();
    await collect(connector.invoke(request, turnIo({ replyUrl: "https://parley.example/reply/abc" })));
    const [call] = agent.calls;
    expect(call?.method).toBe("POST");
    expect(call?.body).toMatchObject({
      type: "turn.requested",
      version: 1,
      reply_url: "https://parley.example/reply/abc",
      data: { turnId: request.turnId },
    });
    expect(verifyWebhook(call?.headers ?? {}, call?.rawBody ?? "", [SECRET], Date.now()).id).toBe(request.turnId);
  });

  it("keeps its id over attempts while the timestamp is the attempt's own", async () => {
    const request = turnRequest();
    let nowMs = 1_800_000_000_000;
    const timed = createWebhookConnector(
      { kind: "webhook", url: agent.url, secret: SECRET },
      { network: LOOPBACK, now: () => nowMs },
    );
    await collect(timed.invoke(request, turnIo()));
    nowMs += 5_000;
    await collect(timed.invoke({ ...request, attempt: 2 }, turnIo()));
    await timed.close();
    expect(agent.calls.map((call) => call.headers["webhook-id"])).toEqual([request.turnId, request.turnId]);
    expect(agent.calls.map((call) => call.headers["webhook-timestamp"])).toEqual(["1800000000", "1800000005"]);
  });

  it("is signed with every secret of a rotation", async () => {
    const old = generateWebhookSecret();
    const rotating = createWebhookConnector(
      { kind: "webhook", url: agent.url, secrets: [SECRET, old] },
      { network: LOOPBACK },
    );
    await collect(rotating.invoke(turnRequest(), turnIo()));
    await rotating.close();
    const [call] = agent.calls;
    for (const secret of [SECRET, old])
      expect(() => verifyWebhook(call?.headers ?? {}, call?.rawBody ?? "", [secret], Date.now())).not.toThrow();
  });
});

describe("an inline answer", () => {
  it("may be a text", async () => {
    expect(summarize((await turn(json({ text: "Hi **there**" }))).events)).toEqual(["text:Hi **there**", "done:end"]);
  });

  it("may be a whole reply, in the agent's order", async () => {
    const parts = [
      { type: "text", markdown: "one" },
      { type: "status", text: "two" },
      { type: "text", markdown: "three" },
    ];
    expect(summarize((await turn(json({ parts }))).events)).toEqual(["text:one", "status", "text:three", "done:end"]);
  });

  it("may be nothing", async () => {
    expect(summarize((await turn({ kind: "respond", status: 204 })).events)).toEqual(["done:end"]);
  });

  it.each([
    ["no JSON", "<html>"],
    ["cut JSON", '{"text":"Hel'],
    ["another shape", '{"answer":"Hello"}'],
    ["an unknown field", '{"text":"Hello","channel":"C123"}'],
    ["an unknown part", '{"parts":[{"type":"shell","command":"rm"}]}'],
    [
      "an artifact by path",
      '{"parts":[{"type":"artifact","artifactId":"a","name":"n","mediaType":"text/plain","path":"/etc/passwd"}]}',
    ],
    ["a prototype", '{"__proto__":{"text":"Hello"}}'],
    ["nothing", ""],
    ["a number", "5"],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0xfe, 0x22])],
  ])("that is %s is nonsense", async (_case, body) => {
    expect(codeOf(await turn({ kind: "respond", body }))).toBe("AGENT_REPLY_INVALID");
  });

  it.each(["text/html", "text/plain", "application/octet-stream"])("of type %s is nonsense", async (contentType) => {
    const outcome = await turn({ kind: "respond", headers: { "content-type": contentType }, body: '{"text":"Hello"}' });
    expect(codeOf(outcome)).toBe("AGENT_REPLY_INVALID");
    expect(detailOf(outcome)).toContain("content-type");
  });

  it("that is compressed unasked is nonsense", async () => {
    expect(codeOf(await turn({ kind: "respond", headers: { "content-encoding": "gzip" }, body: "x" }))).toBe(
      "AGENT_REPLY_INVALID",
    );
  });

  it("nested deep is refused before it is parsed", async () => {
    expect(codeOf(await turn({ kind: "respond", body: "[".repeat(5_000_000) }))).toBe("AGENT_REPLY_INVALID");
  });

  it("with 100 000 parts is too large", async () => {
    const part = '{"type":"text","markdown":"x"},';
    expect(
      codeOf(await turn({ kind: "respond", body: `{"parts":[${part.repeat(99_999)}${part.slice(0, -1)}]}` })),
    ).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("with 51 parts is too large", async () => {
    expect(
      codeOf(await turn(json({ parts: Array.from({ length: 51 }, () => ({ type: "text", markdown: "x" })) }))),
    ).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("gets well-formed text without NUL", async () => {
    const outcome = await turn({ kind: "respond", body: '{"text":"a\\u0000b\\ud83dc\\udc00d"}' });
    expect(textOf(outcome.events)).toBe("a\ufffdb\ufffdc\ufffdd");
  });
});

describe("a streamed answer", () => {
  it.each(["ndjson", "sse"] as const)("as %s arrives event by event", async (as) => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let count = 0;
    agent.behave = () => ({
      kind: "stream",
      as,
      events: [{ type: "text_delta", markdown: "Hel" }, { type: "text_delta", markdown: "lo" }, DONE],
      gate: () => (count++ === 0 ? Promise.resolve() : gate),
    });
    const outcome = await collect(connector.invoke(turnRequest(), turnIo()), open);
    expect(outcome.events).toEqual([
      { type: "text_delta", markdown: "Hel" },
      { type: "text_delta", markdown: "lo" },
      { type: "done", stopReason: "end" },
    ]);
  });

  it("joins a character that was cut in two", async () => {
    const outcome = await turn({
      kind: "stream",
      as: "ndjson",
      events: [{ type: "text_delta", markdown: "a\ud83d" }, { type: "text_delta", markdown: "\ude00b" }, DONE],
    });
    expect(textOf(outcome.events)).toBe("a😀b");
  });

  it("ends at the first end", async () => {
    const outcome = await turn(
      stream([{ type: "text_delta", markdown: "one" }, DONE, { type: "text_delta", markdown: "two" }, DONE]),
    );
    expect(summarize(outcome.events)).toEqual(["text:one", "done:end"]);
  });

  it.each(["end", "reset"] as const)("cut off (%s) is a crash and no answer", async (ending) => {
    const outcome = await turn({
      kind: "stream",
      as: "ndjson",
      events: [{ type: "text_delta", markdown: "half" }],
      ending,
    });
    expect(codeOf(outcome)).toBe("AGENT_CRASHED");
    expect(summarize(outcome.events)).not.toContain("done:end");
  });

  it.each(["ndjson", "sse"] as const)("of 100 000 parts as %s stops at the limit", async (as) => {
    const piece =
      as === "ndjson"
        ? '{"type":"part","part":{"type":"text","markdown":"x"}}\n'
        : 'data: {"type":"part","part":{"type":"text","markdown":"x"}}\n\n';
    const outcome = await turn({
      kind: "flood",
      contentType: as === "ndjson" ? "application/x-ndjson" : "text/event-stream",
      opening: "",
      piece,
      sizeBytes: piece.length * 100_000,
    });
    expect(codeOf(outcome)).toBe("AGENT_REPLY_TOO_LARGE");
    expect(outcome.events).toHaveLength(50);
  });

  it.each([
    ["a line that is no JSON", "nonsense\n"],
    ["an event of another kind", '{"type":"post","channel":"C1"}\n'],
    ["an event with an unknown field", '{"type":"text_delta","markdown":"x","to":"C1"}\n'],
  ])("with %s is nonsense", async (_case, body) => {
    expect(codeOf(await turn({ kind: "respond", headers: { "content-type": "application/x-ndjson" }, body }))).toBe(
      "AGENT_REPLY_INVALID",
    );
  });
});

describe("a deferred answer", () => {
  it("leaves the time until the deadline", async () => {
    agent.behave = () => ({ kind: "respond", status: 202 });
    const outcome = await collect(
      connector.invoke(turnRequest({ deadlineAt: new Date(Date.now() + 60_000).toISOString() }), turnIo()),
    );
    const [event] = outcome.events;
    expect(outcome.events).toHaveLength(1);
    expect(event?.type === "deferred" && event.deadlineMs > 55_000 && event.deadlineMs <= 60_000).toBe(true);
  });
});

describe("a response that is no answer", () => {
  it.each([
    [301, "AGENT_REPLY_INVALID"],
    [302, "AGENT_REPLY_INVALID"],
    [400, "AGENT_REFUSED"],
    [401, "AGENT_REFUSED"],
    [404, "AGENT_REFUSED"],
    [408, "AGENT_TIMEOUT"],
    [410, "AGENT_REFUSED"],
    [422, "AGENT_REFUSED"],
    [429, "AGENT_UNAVAILABLE"],
    [500, "AGENT_CRASHED"],
    [502, "AGENT_UNAVAILABLE"],
    [503, "AGENT_UNAVAILABLE"],
  ])("%i is %s, and its body is not told", async (status, code) => {
    const outcome = await turn({
      kind: "respond",
      status,
      body: "the secret text of the message",
      headers: { location: "http://127.0.0.1:1/" },
    });
    expect(codeOf(outcome)).toBe(code);
    expect(String(outcome.error)).not.toContain("secret text");
    expect(agent.server.connectionCount).toBe(1);
  });

  it("410 says that the agent is gone for good", async () => {
    const outcome = await turn({ kind: "respond", status: 410 });
    expect(outcome.error instanceof ParleyError && outcome.error.facts["disable"]).toBe(true);
  });

  it.each([
    ["7", 7_000],
    ["999999", 3_600_000],
  ])("429 with Retry-After %s waits %i ms", async (header, waitMs) => {
    const outcome = await turn({ kind: "respond", status: 429, headers: { "retry-after": header } });
    expect(outcome.error instanceof ParleyError && outcome.error.retryAfterMs).toBe(waitMs);
  });
});

describe("a webhook agent that misbehaves", () => {
  it("by hanging times out and leaves no connection", async () => {
    const impatient = createWebhookConnector(
      { kind: "webhook", url: agent.url, secret: SECRET, firstByteTimeoutMs: 500 },
      { network: LOOPBACK, idleTimeoutMs: 500 },
    );
    agent.behave = () => ({ kind: "hang" });
    expect(codeOf(await collect(impatient.invoke(turnRequest(), turnIo())))).toBe("AGENT_TIMEOUT");
    await expect.poll(() => agent.server.openConnections).toBe(0);
    await impatient.close();
  });

  it("by falling silent in the middle times out", async () => {
    const outcome = await turn({
      kind: "stream",
      as: "sse",
      events: [{ type: "text_delta", markdown: "half" }],
      ending: "hang",
    });
    expect(codeOf(outcome)).toBe("AGENT_TIMEOUT");
    await expect.poll(() => agent.server.openConnections).toBe(0);
  });

  it("by dripping ends with the turn's signal", async () => {
    agent.behave = () => ({ kind: "drip", everyMs: 20 });
    const io = turnIo();
    const running = collect(connector.invoke(turnRequest(), io));
    await expect.poll(() => agent.server.sentBytes).toBeGreaterThan(150);
    io.controller.abort(new DOMException("deadline", "TimeoutError"));
    expect(codeOf(await running)).toBe("AGENT_TIMEOUT");
    await expect.poll(() => agent.server.openConnections).toBe(0);
  });

  it("by crashing is told apart from one that is not there", async () => {
    expect(codeOf(await turn({ kind: "crash" }))).toBe("AGENT_CRASHED");
    await agent.stop();
    expect(codeOf(await turn({ kind: "crash" }))).toBe("AGENT_UNAVAILABLE");
    agent = await WebhookAgent.start();
  });

  it.each([
    ["one JSON text", "application/json", '{"text":"', "x"],
    ["white space", "application/json", "", " "],
    ["one line", "application/x-ndjson", '{"type":"text_delta","markdown":"', "x"],
    ["empty lines", "application/x-ndjson", "", "\n"],
    ["one event", "text/event-stream", "data: ", "x"],
    ["comments", "text/event-stream", "", ": keep-alive\n\n"],
    ["no known field", "text/event-stream", "", "xxxxxxx"],
  ])("by sending 1 GiB as %s is stopped early, with bounded memory", async (_case, contentType, opening, piece) => {
    const beforeBytes = process.memoryUsage().rss;
    let peakBytes = 0;
    const sampler = setInterval(() => {
      peakBytes = Math.max(peakBytes, process.memoryUsage().rss - beforeBytes);
    }, 5);
    const outcome = await turn({ kind: "flood", contentType, opening, piece, sizeBytes: GIB });
    clearInterval(sampler);
    expect(["AGENT_REPLY_TOO_LARGE", "AGENT_TIMEOUT"]).toContain(codeOf(outcome));
    await expect.poll(() => agent.server.openConnections).toBe(0);
    expect(agent.server.sentBytes).toBeLessThan(MAX_ANSWER_BYTES + 16_000_000);
    expect(peakBytes).toBeLessThan(128 * 1_048_576);
  });

  it("does not disturb its other turns", async () => {
    agent.behave = (call) => (call.body?.data.trigger.text === "hang" ? { kind: "hang" } : json({ text: "fine" }));
    const io = turnIo();
    const hanging = collect(connector.invoke(turnRequest({ trigger: { ...turnRequest().trigger, text: "hang" } }), io));
    const others = await Promise.all(
      Array.from({ length: 20 }, () => collect(connector.invoke(turnRequest(), turnIo()))),
    );
    expect(others.map((outcome) => textOf(outcome.events))).toEqual(Array.from({ length: 20 }, () => "fine"));
    io.controller.abort();
    expect(codeOf(await hanging)).toBe("TURN_CANCELLED");
  });
});

describe("the check of a webhook agent", () => {
  it("asks without a turn", async () => {
    expect(await connector.check(AbortSignal.timeout(5_000))).toMatchObject({ ok: true });
    expect(agent.calls).toEqual([]);
  });

  it("names the setting that keeps a loopback address out", async () => {
    const closed = createWebhookConnector({ kind: "webhook", url: agent.url, secret: SECRET });
    expect(await closed.check(AbortSignal.timeout(5_000))).toMatchObject({
      ok: false,
      detail: expect.stringContaining("PARLEY_ALLOW_PRIVATE_AGENTS") as string,
    });
    expect(agent.server.connectionCount).toBe(0);
    await closed.close();
  });
});
