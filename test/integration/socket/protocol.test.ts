import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSocketConnector } from "../../../agents/socket/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import { CLOSE_CODES, MAX_FRAME_BYTES, REFUSALS } from "../../../src/contracts/dial-in-protocol.ts";
import { codeOf, collect, type Outcome, textOf } from "../../support/agents/collect.ts";
import { DialInAgent, type DialInAgentOptions } from "../../support/agents/dial-in-agent.ts";
import { type DialInStand, startDialInStand } from "../../support/agents/dial-in-stand.ts";
import { type TestIo, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { until } from "../../support/app/slack-app.ts";

let stand: DialInStand;
let connector: AgentConnector;
const agents: DialInAgent[] = [];

beforeEach(async () => {
  stand = await startDialInStand({ heartbeatMs: 100 });
  connector = createSocketConnector(
    { kind: "socket", resumeWithinMs: 2_000 },
    { hub: stand.hub, agentId: stand.agentId, idleTimeoutMs: 5_000 },
  );
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
  await connector.close();
  await stand.stop();
});

async function dial(options: DialInAgentOptions = {}): Promise<DialInAgent> {
  const agent = await DialInAgent.dial(stand.url, { token: stand.token, ...options });
  agents.push(agent);
  return agent;
}

/** A turn that runs, with the frame by which the agent got it. */
async function begin(
  agent: DialInAgent,
  io: TestIo = turnIo(),
): Promise<{ turnId: string; io: TestIo; outcome: Promise<Outcome> }> {
  const request = turnRequest();
  const outcome = collect(connector.invoke(request, io));
  await agent.until(() => agent.open.has(request.turnId));
  return { turnId: request.turnId, io, outcome };
}

const text = (markdown: string) => ({ type: "text_delta", markdown });
const refusals = (agent: DialInAgent): string[] => agent.of("error").map((frame) => frame.code);

describe("a drop in the middle of a turn", () => {
  it("counts an attempt that the agent was given and comes back without, whether it has said something or not", async () => {
    const first = await dial();
    const { turnId, outcome } = await begin(first);
    first.send({ type: "turn_accept", turnId, attempt: 1 });
    first.drop();
    const second = await dial();
    const ended = await outcome;
    expect(ended.error).toMatchObject({ code: "AGENT_UNAVAILABLE", facts: { away: true, forgotten: true } });
    expect(second.welcome?.turns).toEqual([]);
  });

  it("begins anew, as another attempt, when the agent has forgotten what it had half said", async () => {
    const first = await dial();
    const { turnId, outcome } = await begin(first);
    first.event(turnId, text("half"));
    await first.until(() => first.of("event_ack").length > 0);
    first.drop();
    await dial();
    const ended = await outcome;
    expect(codeOf(ended)).toBe("AGENT_UNAVAILABLE");
    expect(ended.error).toMatchObject({ facts: { away: true } });
  });

  it("is over when the agent does not come back in time, and says that it can wait", async () => {
    const first = await dial();
    const { turnId, io, outcome } = await begin(first);
    first.event(turnId, text("half"));
    await first.until(() => first.of("event_ack").length > 0);
    first.drop();
    const ended = await outcome;
    expect(codeOf(ended)).toBe("AGENT_UNAVAILABLE");
    expect(ended.error).toMatchObject({ facts: { away: true } });
    expect(io.controller.signal.aborted).toBe(false);
    const late = await dial({ hello: { turns: [{ turnId, attempt: 1, sent: 1 }] } });
    expect(late.welcome?.turns).toEqual([{ turnId, state: "ended", received: 0 }]);
  });

  it("carries a call out once, however often it is sent", async () => {
    let calls = 0;
    const { z } = await import("zod");
    const tool = {
      name: "count",
      description: "Counts",
      input: z.strictObject({}),
      effect: "write" as const,
      execute: async () => {
        calls += 1;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return calls;
      },
    };
    const first = await dial();
    const { turnId } = await begin(first, turnIo({ tools: [tool] }));
    expect(first.of("turn_start")[0]?.tools).toMatchObject([
      { name: "count", effect: "write", input: { type: "object" } },
    ]);
    const call = { type: "tool_call", turnId, callId: "c1", name: "count", input: {} } as const;
    first.send(call);
    first.send(call);
    await until(() => calls === 1);
    first.drop();
    const second = await dial({ hello: { turns: [{ turnId, attempt: 1, sent: 0 }] } });
    second.send(call);
    await second.until(() => second.of("tool_result").length > 0);
    expect(second.of("tool_result")).toEqual([{ type: "tool_result", turnId, callId: "c1", ok: true, result: 1 }]);
    second.send({ type: "tool_call", turnId, callId: "c2", name: "none", input: {} });
    second.send({
      type: "tool_call",
      turnId,
      callId: "c3",
      name: "count",
      input: { secret: "xoxb-000000000000-canary" },
    });
    await second.until(() => second.of("tool_result").length === 3);
    expect(JSON.stringify(second.of("tool_result").slice(1))).not.toContain("canary");
    expect(second.of("tool_result").slice(1)).toMatchObject([{ ok: false }, { ok: false }]);
    expect(calls).toBe(1);
  });

  it("says of a tool that answers an error that it did not work, as of a call that never reached one", async () => {
    const { z } = await import("zod");
    const tool = {
      name: "refuse",
      description: "Refuses",
      input: z.strictObject({ how: z.enum(["error", "errors", "nothing"]) }),
      effect: "write" as const,
      execute: async ({ how }: { how: string }) =>
        how === "error" ? { error: "they are not here" } : how === "errors" ? { error: ["a word"] } : null,
    };
    const agent = await dial();
    const { turnId } = await begin(agent, turnIo({ tools: [tool] }));
    for (const how of ["error", "errors", "nothing"])
      agent.send({ type: "tool_call", turnId, callId: how, name: "refuse", input: { how } });
    await agent.until(() => agent.of("tool_result").length === 3);
    expect(agent.of("tool_result")).toMatchObject([
      { callId: "error", ok: false, result: { error: "they are not here" } },
      { callId: "errors", ok: true },
      { callId: "nothing", ok: true, result: null },
    ]);
  });

  it("repeats what people said during the turn", async () => {
    const hello = { capabilities: { steer: true, tools: false, maxTurns: 8 } };
    const first = await dial({ hello });
    const { turnId, io } = await begin(first);
    io.steer("one more thing");
    await first.until(() => first.of("turn_message").length === 1);
    first.drop();
    const second = await dial({ hello: { ...hello, turns: [{ turnId, attempt: 1, sent: 0 }] } });
    await second.until(() => second.of("turn_message").length === 1);
    expect(second.of("turn_message")[0]?.message.text).toBe("one more thing");
  });
});

describe("one connection per token", () => {
  it("takes the token in the hello as well, and nothing without one", async () => {
    const inHello = await DialInAgent.dial(stand.url, { hello: { token: stand.token } });
    expect(inHello.welcome?.agent.handle).toBe("helper");
    await inHello.close();
    const stranger = await DialInAgent.dial(stand.url, { hello: { token: `${stand.token.slice(0, -1)}1` } });
    expect(await stranger.closed).toMatchObject({ code: CLOSE_CODES.unauthenticated });
    await expect(DialInAgent.connect(stand.url, { token: "prl_agent_made-up" })).rejects.toThrow("refused with");
  });

  it("lets nobody's wrong tokens lock out a good one from the same address, in the header or in the hello", async () => {
    const wrong = () => DialInAgent.connect(stand.url, { token: "prl_agent_made-up" });
    for (let count = 0; count < 30; count += 1) await expect(wrong()).rejects.toThrow("refused with 401");
    await expect(wrong()).rejects.toThrow("refused with 429");
    expect((await dial()).welcome?.agent.handle).toBe("helper");
    const inHello = await DialInAgent.dial(stand.url, { hello: { token: stand.token } });
    agents.push(inHello);
    expect(inHello.welcome?.agent.handle).toBe("helper");
    const silent = await Promise.all(Array.from({ length: 32 }, () => DialInAgent.connect(stand.url, {})));
    agents.push(...silent);
    await expect(DialInAgent.connect(stand.url, {})).rejects.toThrow("refused with 429");
    expect((await dial()).welcome?.agent.handle).toBe("helper");
  });
});

describe("bad input", () => {
  it("refuses each with one clear error, and everything else goes on", async () => {
    const agent = await dial();
    const { turnId, outcome } = await begin(agent);
    agent.raw("not json");
    agent.raw("[".repeat(100_000));
    agent.raw(JSON.stringify({ type: "sing", turnId, secret: "canary-words" }));
    agent.send({ type: "event", turnId: "turn-of-another-agent", attempt: 1, n: 1, event: { type: "done" } });
    agent.send({ type: "event", turnId, attempt: 2, n: 1, event: { type: "done" } });
    agent.send({ type: "event", turnId, attempt: 1, n: 3, event: { type: "done" } });
    agent.hello();
    agent.event(turnId, text("still here"));
    agent.event(turnId, { type: "done" });
    expect(textOf((await outcome).events)).toBe("still here");
    for (let count = 0; count < 5; count += 1)
      agent.send({ type: "event", turnId, attempt: 1, n: 3, event: { type: "done" } });
    await agent.until(() => refusals(agent).length === 8);
    expect(refusals(agent)).toEqual([
      REFUSALS.frameInvalid,
      REFUSALS.frameInvalid,
      REFUSALS.frameInvalid,
      REFUSALS.turnUnknown,
      REFUSALS.attemptStale,
      REFUSALS.eventGap,
      REFUSALS.frameInvalid,
      REFUSALS.turnEnded,
    ]);
    expect(agent.of("error").slice(0, 2)).toMatchObject([
      { message: expect.stringContaining("the frame is not JSON") },
      { message: expect.stringContaining("the frame is nested deeper") },
    ]);
    expect(JSON.stringify(agent.frames)).not.toContain("canary-words");
    expect(agent.isGone).toBe(false);
  });

  it("closes a frame over 1 MiB with its own code", async () => {
    const agent = await dial();
    agent.raw(JSON.stringify({ type: "pong", at: 1, padding: "x".repeat(MAX_FRAME_BYTES) }));
    expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.frameTooLarge });
  });

  it("ends the turn whose frame was too large to be read, and does not give it again", async () => {
    const agent = await dial();
    const { turnId, outcome } = await begin(agent);
    agent.event(turnId, text("x".repeat(MAX_FRAME_BYTES)));
    expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.frameTooLarge });
    expect(codeOf(await outcome)).toBe("AGENT_REPLY_TOO_LARGE");
    const again = await dial();
    await again.until(() => again.of("welcome").length === 1);
    expect(again.of("turn_start")).toEqual([]);
  });

  it("ends all turns of an agent that comes back with too large a frame again and again", async () => {
    let agent = await dial();
    const turns = [await begin(agent), await begin(agent)];
    const held = (attempt: number) => turns.map(({ turnId }) => ({ turnId, attempt, sent: 0 }));
    for (let count = 0; count < 3; count += 1) {
      if (count > 0) agent = await dial({ hello: { turns: held(1) } });
      agent.raw(JSON.stringify({ type: "event", padding: "x".repeat(MAX_FRAME_BYTES) }));
      await agent.closed;
    }
    for (const { outcome } of turns) expect(codeOf(await outcome)).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("disconnects who does nothing but be refused", async () => {
    const agent = await dial();
    for (let count = 0; count < 300; count += 1) agent.raw("nonsense");
    expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.protocolError });
    expect(refusals(agent).length).toBeLessThan(150);
  });

  it("ends a turn whose agent floods it, and nothing else", async () => {
    const agent = await dial();
    const flooded = await begin(agent);
    const other = await begin(agent);
    for (let count = 0; count < 2_000; count += 1) agent.event(flooded.turnId, text("x".repeat(200)));
    expect(codeOf(await flooded.outcome)).toBe("AGENT_REPLY_TOO_LARGE");
    agent.event(other.turnId, { type: "done" });
    expect(codeOf(await other.outcome)).toBeUndefined();
    await agent.until(() => agent.of("turn_end").length === 1);
    expect(agent.of("turn_cancel").map((frame) => frame.turnId)).toEqual([flooded.turnId]);
  });

  it("closes who does not read, with its own code", async () => {
    const agent = await dial({ hello: { capabilities: { steer: true, tools: false, maxTurns: 8 } } });
    const { io } = await begin(agent);
    agent.socket.pause();
    const large = randomBytes(400_000).toString("base64");
    for (let count = 0; count < 60; count += 1) io.steer(large);
    await until(() => stand.hub.connectionOf(stand.agentId) === undefined);
    agent.socket.resume();
    expect((await agent.closed).code).not.toBe(1000);
  });

  it("takes an agent that answers no ping for gone", async () => {
    const agent = await dial({ answersPings: false });
    await agent.closed;
    expect(agent.of("ping").length).toBeGreaterThanOrEqual(2);
    expect(stand.hub.reach(stand.agentId)).toBe("away");
  });

  it("closes a socket that says no hello, or something else first", async () => {
    const rude = await DialInAgent.connect(stand.url, { token: stand.token });
    rude.send({ type: "pong", at: 1 });
    expect(await rude.closed).toMatchObject({ code: CLOSE_CODES.protocolError });
  });

  it("refuses pages of others, and plain requests", async () => {
    await expect(
      DialInAgent.connect(stand.url, { token: stand.token, headers: { origin: "https://evil.example" } }),
    ).rejects.toThrow("refused with");
    expect((await fetch(`${stand.url}/api/agents/connect`)).ok).toBe(false);
  });
});

describe("large things", () => {
  it("puts a file together from its pieces, once", async () => {
    const agent = await dial();
    const { turnId, outcome } = await begin(agent);
    const base64 = randomBytes(1_500_000).toString("base64");
    const chunk = (from: number, to: number) =>
      ({ type: "artifact_chunk", turnId, attempt: 1, artifactId: "f1", base64: base64.slice(from, to) }) as const;
    agent.send(chunk(0, 900_000));
    agent.send(chunk(900_000, 1_800_000));
    agent.send({
      ...chunk(1_800_000, base64.length),
      last: { n: 1, name: "a.bin", mediaType: "application/octet-stream" },
    });
    agent.send({ type: "event", turnId, attempt: 1, n: 2, event: { type: "done" } });
    const [part] = (await outcome).events;
    expect(part).toMatchObject({ type: "part", part: { type: "artifact", name: "a.bin", base64 } });
  });

  it("leaves out the oldest of a transcript that does not fit a frame", async () => {
    const agent = await dial();
    const { message } = await import("../../support/agents/turn-fixtures.ts");
    const transcript = Array.from({ length: 40 }, (_, index) =>
      message({ messageId: `m${index}`, text: "x".repeat(30_000) }),
    );
    const request = turnRequest({ transcript });
    const outcome = collect(connector.invoke(request, turnIo()));
    await agent.until(() => agent.open.has(request.turnId));
    const given = agent.of("turn_start")[0]?.turn.transcript ?? [];
    expect(given.length).toBeGreaterThan(10);
    expect(given.length).toBeLessThan(40);
    expect(given.at(-1)?.messageId).toBe("m39");
    agent.event(request.turnId, { type: "done" });
    await outcome;
  });
});
