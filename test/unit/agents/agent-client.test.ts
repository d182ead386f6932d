import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentClientError, type ConnectedAgent, connectAgent, type TurnHandler } from "../../../agents/client/index.ts";
import { CLOSE_CODES, REFUSALS } from "../../../src/contracts/dial-in-protocol.ts";
import { ScriptedGate, textOfEvents, turnStart } from "../../support/agents/scripted-gate.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";

let gate: ScriptedGate;
let agents: ConnectedAgent[];
let lines: string[];

beforeEach(async () => {
  gate = await ScriptedGate.start();
  agents = [];
  lines = [];
});
afterEach(async () => {
  for (const agent of agents) await agent.close({ drainMs: 0 });
  await gate.stop();
});

/** An agent that has dialled in, and the connection it came by. */
async function dialIn(handler: TurnHandler, options: { readonly steer?: boolean } = {}) {
  const pending = connectAgent(
    { url: gate.url, token: "t-1", log: (line) => void lines.push(line), ...options },
    handler,
  );
  const { connection, hello } = await gate.welcomed();
  const agent = await pending;
  agents.push(agent);
  return { agent, connection, hello };
}

describe("the agent client", () => {
  it("says hello with its token and capabilities, and is told who it is", async () => {
    const { agent, hello } = await dialIn(() => "x");
    expect(hello).toMatchObject({ protocol: 1, token: "t-1", turns: [] });
    expect(hello.capabilities).toEqual({ steer: false, tools: true, maxTurns: 32 });
    expect(agent).toMatchObject({ agentId: "a-1", handle: "helper", name: "Helper" });
  });

  it("answers with the text that the handler returns", async () => {
    const { connection } = await dialIn((turn) => `You said ${turn.text}`);
    connection.send(turnStart(turnRequest({ turnId: "t1", trigger: message({ text: "hello" }) })));
    expect(await connection.next("turn_accept")).toMatchObject({ turnId: "t1", attempt: 1 });
    const events = await connection.reply("t1");
    expect(textOfEvents(events)).toBe("You said hello");
    expect(events.map(({ n }) => n)).toEqual([1, 2]);
  });

  it("streams text, statuses, parts, files and usage in order, numbered without gaps", async () => {
    const { connection } = await dialIn(async (_turn, reply) => {
      reply.status("Looking");
      reply.text("One ");
      await tick();
      reply.text("two");
      reply.part({ type: "handoff", agent: "other" });
      reply.file({ name: "a.txt", mediaType: "text/plain", bytes: new TextEncoder().encode("hello") });
      reply.usage({ inputTokens: 3 });
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    const events = await connection.reply("t1");
    expect(events.map(({ n }) => n)).toEqual(events.map((_, index) => index + 1));
    expect(events.map(({ event }) => (event.type === "part" ? event.part.type : event.type))).toEqual([
      "status",
      "text_delta",
      "text_delta",
      "handoff",
      "artifact",
      "done",
    ]);
    expect(events.at(-1)?.event).toEqual({ type: "done", stopReason: "end", usage: { inputTokens: 3 } });
  });

  it("cuts a file that is larger than a frame into pieces that make the same bytes again", async () => {
    const bytes = new Uint8Array(2_000_000).map((_, index) => (index * 7919) % 251);
    const { connection } = await dialIn((_turn, reply) =>
      reply.file({ name: "big.bin", mediaType: "application/octet-stream", bytes }),
    );
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    let base64 = "";
    for (;;) {
      const chunk = await connection.next("artifact_chunk");
      base64 += chunk.base64;
      if (chunk.last === undefined) continue;
      expect(chunk.last).toEqual({ n: 1, name: "big.bin", mediaType: "application/octet-stream" });
      break;
    }
    expect(Buffer.compare(Buffer.from(base64, "base64"), bytes)).toBe(0);
    expect((await connection.next("event")).n).toBe(2);
  });

  it("turns what a handler throws into one error without its words, and goes on", async () => {
    const { connection } = await dialIn((turn) => {
      if (turn.text === "fail") throw new Error("secret words");
      return "fine";
    });
    connection.send(turnStart(turnRequest({ turnId: "t1", trigger: message({ text: "fail" }) })));
    const events = await connection.reply("t1");
    expect(events.map(({ event }) => event)).toMatchObject([
      { type: "part", part: { type: "error", code: "agent_failed" } },
      { type: "done", stopReason: "failed" },
    ]);
    expect(JSON.stringify(events)).not.toContain("secret words");
    expect(lines.join("\n")).toContain("secret words");
    connection.send(turnStart(turnRequest({ turnId: "t2" })));
    expect(textOfEvents(await connection.reply("t2"))).toBe("fine");
  });

  it("refuses with a clear error what is no part of a reply, and what is over its limits", async () => {
    const told: unknown[] = [];
    const { connection } = await dialIn((_turn, reply) => {
      for (const attempt of [
        () => reply.part({ type: "handoff", agent: "" }),
        () => reply.text("x".repeat(300_000)),
        () => reply.file({ name: "a", mediaType: "b/c", bytes: new Uint8Array(8_388_609) }),
      ]) {
        try {
          attempt();
        } catch (error) {
          told.push(error instanceof AgentClientError ? error.code : error);
        }
      }
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    await connection.reply("t1");
    expect(told).toEqual(["reply_invalid", "reply_too_large", "reply_too_large"]);
  });

  it("aborts the signal of a turn that is cancelled, takes nothing more of it, and keeps the others", async () => {
    const aborted = Promise.withResolvers<unknown>();
    const late = Promise.withResolvers<unknown>();
    const { connection } = await dialIn(async (turn, reply) => {
      if (turn.turnId !== "t1") return "other";
      reply.text("Half");
      await new Promise((resolve) => turn.signal.addEventListener("abort", resolve));
      aborted.resolve(turn.signal.reason);
      try {
        reply.text("late");
      } catch (error) {
        late.resolve(error);
      }
      return undefined;
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    await connection.next("event");
    connection.send({ type: "turn_cancel", turnId: "t1", reason: "stopped" });
    expect(await aborted.promise).toMatchObject({ code: "turn_over", message: "stopped" });
    expect(await late.promise).toMatchObject({ code: "turn_over" });
    connection.send(turnStart(turnRequest({ turnId: "t2" })));
    expect(textOfEvents(await connection.reply("t2"))).toBe("other");
    expect(connection.frames.filter((frame) => frame.type === "event" && frame.turnId === "t1")).toHaveLength(1);
  });

  it("hands over messages that come during a turn, each once", async () => {
    const { connection, hello } = await dialIn(
      async (turn) => {
        const texts: string[] = [];
        for await (const { text } of turn.steering) {
          texts.push(text);
          if (texts.length === 2) break;
        }
        return texts.join(" and ");
      },
      { steer: true },
    );
    expect(hello.capabilities.steer).toBe(true);
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    await connection.next("turn_accept");
    for (const [messageId, text] of [
      ["m1", "first"],
      ["m1", "first"],
      ["m2", "second"],
    ] as const)
      connection.send({ type: "turn_message", turnId: "t1", message: message({ messageId, text }) });
    expect(textOfEvents(await connection.reply("t1"))).toBe("first and second");
  });

  it("calls tools, and tells a refusal by its words", async () => {
    const { connection } = await dialIn(async (_turn, reply) => {
      const found = await reply.tools.call("look_up", { limit: 1 });
      const refused = await reply.tools.call("post", { text: "x" }).catch((error: Error) => error.message);
      return `${JSON.stringify(found)} ${JSON.stringify(refused)}`;
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    const first = await connection.next("tool_call");
    expect(first).toMatchObject({ turnId: "t1", name: "look_up", input: { limit: 1 } });
    connection.send({ type: "tool_result", turnId: "t1", callId: first.callId, ok: true, result: ["Ann"] });
    const second = await connection.next("tool_call");
    connection.send({
      type: "tool_result",
      turnId: "t1",
      callId: second.callId,
      ok: true,
      result: { error: "not here" },
    });
    expect(textOfEvents(await connection.reply("t1"))).toBe('["Ann"] "post: not here"');
  });

  it("asks people and waits, also over a drop, under the same id", async () => {
    const { connection } = await dialIn(async (_turn, reply) => {
      const { approved } = await reply.approve({ prompt: "Deploy?", binding: { command: "deploy" } });
      return approved ? "deployed" : "left alone";
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    const asked = await connection.next("request");
    expect(asked.part).toMatchObject({ type: "approval_request", approvalId: "approval_1", prompt: "Deploy?" });
    expect(asked.binding).toEqual({ command: "deploy" });
    connection.drop();
    const again = await gate.welcomed([{ turnId: "t1", state: "continue", received: 0 }]);
    const repeated = await again.connection.next("request");
    expect(repeated).toEqual(asked);
    again.connection.send({
      type: "request_result",
      turnId: "t1",
      callId: asked.callId,
      outcome: { state: "decided", optionId: "allow", effect: "allow", fields: {}, by: { id: "u-ann", name: "Ann" } },
    });
    expect(textOfEvents(await again.connection.reply("t1"))).toBe("deployed");
  });

  it("keeps turns apart that run at once", async () => {
    const { connection } = await dialIn(async (turn, reply) => {
      for (const piece of turn.text) {
        reply.text(piece);
        await tick();
      }
    });
    const ids = ["a1", "b2", "c3"];
    for (const turnId of ids) connection.send(turnStart(turnRequest({ turnId, trigger: message({ text: turnId }) })));
    const texts = new Map(ids.map((id) => [id, ""]));
    for (let ends = 0; ends < ids.length; ) {
      const { turnId, event } = await connection.next("event");
      if (event.type === "text_delta") texts.set(turnId, `${texts.get(turnId)}${event.markdown}`);
      if (event.type === "done") ends += 1;
    }
    expect([...texts]).toEqual(ids.map((id) => [id, id]));
  });

  it("has no more events under way than the protocol allows, and loses none", async () => {
    const { connection } = await dialIn(async (_turn, reply) => {
      for (let count = 0; count < 600; count += 1) {
        reply.text("x");
        await tick();
      }
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    for (let count = 0; count < 256; count += 1) await connection.next("event");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(connection.frames.filter(({ type }) => type === "event")).toHaveLength(256);
    connection.send({ type: "event_ack", turnId: "t1", n: 256 });
    const rest = await connection.reply("t1");
    expect(textOfEvents(rest)).toHaveLength(344);
  });
});

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("a connection that breaks", () => {
  it("says again what had not arrived, and nothing else", async () => {
    const go = Promise.withResolvers<void>();
    const { connection } = await dialIn(async (_turn, reply) => {
      for (const text of ["one ", "two "]) {
        reply.text(text);
        await tick();
      }
      await go.promise;
      return "three";
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    await connection.next("event");
    await connection.next("event");
    connection.drop();
    const { connection: second, hello } = await gate.welcomed([{ turnId: "t1", state: "continue", received: 1 }]);
    expect(hello.turns).toEqual([{ turnId: "t1", attempt: 1, sent: 2 }]);
    go.resolve();
    const events = await second.reply("t1");
    expect(events.map(({ n }) => n)).toEqual([2, 3, 4]);
    expect(textOfEvents(events)).toBe("two three");
  });

  it("gives the same reply to a turn that is given again, and does not work twice", async () => {
    let runs = 0;
    const { connection } = await dialIn(() => {
      runs += 1;
      return `run ${runs}`;
    });
    const turn = turnRequest({ turnId: "t1" });
    connection.send(turnStart(turn));
    await connection.reply("t1");
    connection.send({ type: "turn_end", turnId: "t1" });
    connection.drop();
    const { connection: second, hello } = await gate.welcomed();
    expect(hello.turns).toEqual([]);
    second.send(turnStart({ ...turn, attempt: 2 }));
    expect(await second.next("turn_accept")).toMatchObject({ attempt: 2 });
    const events = await second.reply("t1");
    expect(events.map(({ n, attempt }) => [n, attempt])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(textOfEvents(events)).toBe("run 1");
    expect(runs).toBe(1);
  });

  it("forgets what Parley has ended meanwhile", async () => {
    const reason = Promise.withResolvers<unknown>();
    const { connection } = await dialIn(async (turn) => {
      await new Promise((resolve) => turn.signal.addEventListener("abort", resolve));
      reason.resolve(turn.signal.reason);
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    await connection.next("turn_accept");
    connection.drop();
    await gate.welcomed([{ turnId: "t1", state: "ended", received: 0 }]);
    expect(await reason.promise).toMatchObject({ code: "turn_over" });
  });

  it("sends a call of a tool again under the same id, to a Parley that has the turn still", async () => {
    const { connection } = await dialIn(async (_turn, reply) => JSON.stringify(await reply.tools.call("roster")));
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    const call = await connection.next("tool_call");
    connection.drop();
    const { connection: second } = await gate.welcomed([{ turnId: "t1", state: "continue", received: 0 }]);
    expect(await second.next("tool_call")).toEqual(call);
    second.send({ type: "tool_result", turnId: "t1", callId: call.callId, ok: true, result: 1 });
    expect(textOfEvents(await second.reply("t1"))).toBe("1");
  });

  it("sends it again to a Parley that has lost the turn, as part of the new attempt", async () => {
    const turn = turnRequest({ turnId: "t1" });
    const { connection } = await dialIn(async (_turn, reply) => {
      reply.text("Asking. ");
      return JSON.stringify(await reply.tools.call("post", { text: "x" }));
    });
    connection.send(turnStart(turn));
    const call = await connection.next("tool_call");
    connection.send(turnStart({ ...turn, attempt: 2 }));
    expect(await connection.next("tool_call")).toEqual(call);
    connection.send({ type: "tool_result", turnId: "t1", callId: call.callId, ok: true, result: "done" });
    const events = await connection.reply("t1");
    expect(textOfEvents(events)).toBe('Asking. "done"');
    expect(events.map(({ n, attempt }) => [n, attempt])).toEqual(events.map((_, index) => [index + 1, 2]));
  });

  it("goes on after the newest acknowledgement when Parley has missed something", async () => {
    const { connection } = await dialIn((_turn, reply) => {
      reply.status("one");
      reply.text("two");
    });
    connection.send(turnStart(turnRequest({ turnId: "t1" })));
    await connection.next("event");
    connection.send({ type: "event_ack", turnId: "t1", n: 1 });
    connection.send({ type: "error", code: REFUSALS.eventGap, message: "2 is missing", turnId: "t1" });
    await connection.next("event");
    await connection.next("event");
    expect((await connection.reply("t1")).map(({ n }) => n)).toEqual([2, 3]);
  });

  it("comes again at once when the process behind it is about to end", async () => {
    const { connection } = await dialIn(() => "x");
    const startedMs = performance.now();
    connection.close(CLOSE_CODES.draining, "draining");
    await gate.welcomed();
    expect(performance.now() - startedMs).toBeLessThan(450);
  });

  it.each([
    ["replaced", CLOSE_CODES.replaced],
    ["revoked", CLOSE_CODES.revoked],
    ["protocol", CLOSE_CODES.protocolError],
  ] as const)("does not come again when it was %s", async (code, closeCode) => {
    const { agent, connection } = await dialIn(() => "x");
    connection.close(closeCode, "because");
    await expect(agent.closed).rejects.toMatchObject({ code });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(gate.connectionCount).toBe(1);
    expect(lines.join("\n")).toContain("because");
  });

  it("answers pings, and what it does not know it passes over", async () => {
    const { connection } = await dialIn(() => "x");
    connection.sendRaw("{not json");
    connection.sendRaw('{"type":"of the future"}');
    connection.send({ type: "ping", at: 17 });
    expect(await connection.next("pong")).toEqual({ type: "pong", at: 17 });
  });
});

describe("connecting", () => {
  it("fails with a clear error when Parley does not know the token", async () => {
    const pending = connectAgent({ url: gate.url, token: "wrong", log: () => undefined }, () => "x");
    const { connection } = await gate.dialled();
    connection.close(CLOSE_CODES.unauthenticated, "unknown token");
    await expect(pending).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it.each(["", "not an address", "ftp://parley.example.org"])("fails at once for the address %j", async (url) => {
    await expect(async () => connectAgent({ url, token: "t" }, () => "x")).rejects.toMatchObject({ code: "address" });
  });

  it("waits for a Parley that is not there yet", async () => {
    const { url } = gate;
    await gate.stop();
    const pending = connectAgent({ url, token: "t", log: (line) => void lines.push(line) }, () => "x");
    while (lines.length === 0) await tick();
    expect(lines[0]).toContain("does not answer");
    gate = await ScriptedGate.start(Number(new URL(url).port));
    await gate.welcomed();
    agents.push(await pending);
  });
});
