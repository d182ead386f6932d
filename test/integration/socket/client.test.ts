import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConnectedAgent, connectAgent, type TurnHandler } from "../../../agents/client/index.ts";
import { createSocketConnector, DialInHub } from "../../../agents/socket/index.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import type { DialInPort, DialInSocket } from "../../../src/contracts/dial-in.ts";
import { MAX_ARTIFACT_BYTES } from "../../../src/envelope/reply.ts";
import { codeOf, collect, textOf } from "../../support/agents/collect.ts";
import { type DialInStand, startDialInStand } from "../../support/agents/dial-in-stand.ts";
import { message, RecordingLogger, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { until } from "../../support/app/slack-app.ts";

/** The client and the hub with a real network between them, which a test can cut, and a Parley that can lose all it knew. */
let stand: DialInStand;
let hub: DialInHub;
let connector: AgentConnector;
let agent: ConnectedAgent | undefined;
const sockets = new Set<DialInSocket>();

beforeEach(async () => {
  stand = await startDialInStand({ port: (first) => passOn(first, () => hub) });
  hub = stand.hub;
  connector = connectorOf(hub);
});
afterEach(async () => {
  await agent?.close({ drainMs: 0 });
  agent = undefined;
  await connector.close();
  await hub.close();
  await stand.stop();
});

function connectorOf(of: DialInHub): AgentConnector {
  return createSocketConnector(
    { kind: "socket", resumeWithinMs: 10_000 },
    { hub: of, agentId: stand.agentId, idleTimeoutMs: 10_000 },
  );
}

/** Hands every socket to whichever hub there is, and keeps it so that it can be cut. */
function passOn(first: DialInPort, current: () => DialInPort): DialInPort {
  return {
    verify: (token) => first.verify(token),
    strangers: () => current().strangers(),
    accept(socket, principal) {
      sockets.add(socket);
      const receiver = current().accept(socket, principal);
      return {
        message: (bytes) => receiver.message(bytes),
        tooLarge: () => receiver.tooLarge(),
        closed() {
          sockets.delete(socket);
          receiver.closed();
        },
      };
    },
  };
}

function cut(): void {
  for (const socket of sockets) socket.terminate();
}

/** Parley is gone with all it knew of turns under way, and another is in its place. */
async function crash(): Promise<void> {
  const before = connector;
  let ids = 1_000;
  const live = new Set<string>();
  hub = new DialInHub({
    newId: (prefix) => `${prefix}_${(ids += 1)}`,
    logger: new RecordingLogger(),
    book: {
      verify: (token) => stand.hub.verify(token),
      attached: async ({ connectionId }) => live.add(connectionId).size > 0,
      detached: async ({ connectionId }) => void live.delete(connectionId),
      beat: async (named) => new Set(named),
      isElsewhere: () => false,
    },
  });
  connector = connectorOf(hub);
  cut();
  await before.close();
}

async function dialIn(handler: TurnHandler): Promise<void> {
  agent = await connectAgent({ url: stand.url, token: stand.token, log: () => undefined }, handler);
}

const ask = (text: string, turnId = `turn-${text}`) => turnRequest({ turnId, trigger: message({ text }) });

describe("the client over a network that breaks", { timeout: 60_000 }, () => {
  it("loses none of 500 turns to drops in their middle, and works on each once", async () => {
    const runs = new Map<string, number>();
    await dialIn(async (turn, reply) => {
      runs.set(turn.turnId, (runs.get(turn.turnId) ?? 0) + 1);
      for (const piece of turn.text.match(/.{1,3}/g) ?? []) {
        reply.text(piece);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    });
    const texts = Array.from({ length: 500 }, (_, index) => `answer number ${index} of five hundred`);
    const outcomes = texts.map((text) => collect(connector.invoke(ask(text), turnIo())));
    for (const afterMs of [80, 300]) {
      await until(() => sockets.size > 0);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      cut();
    }
    const ended = await Promise.all(outcomes);
    expect(ended.map(codeOf).filter((code) => code !== undefined)).toEqual([]);
    expect(ended.map(({ events }) => textOf(events))).toEqual(texts);
    expect([...runs.values()].filter((count) => count !== 1)).toEqual([]);
    expect(runs.size).toBe(500);
  });

  it("gives a Parley that has crashed the reply again that it had not kept, and does not work twice", async () => {
    let runs = 0;
    await dialIn(() => {
      runs += 1;
      return `run ${runs}`;
    });
    const request = ask("question");
    expect(textOf((await collect(connector.invoke(request, turnIo()))).events)).toBe("run 1");
    await crash();
    await until(() => hub.connectionOf(stand.agentId));
    const again = await collect(connector.invoke({ ...request, attempt: 2 }, turnIo()));
    expect({ code: codeOf(again), text: textOf(again.events) }).toEqual({ code: undefined, text: "run 1" });
    expect(runs).toBe(1);
  });

  it("stops what it worked on for a Parley that has forgotten it, and begins anew when it is asked again", async () => {
    const stopped = Promise.withResolvers<void>();
    let runs = 0;
    await dialIn(async (turn, reply) => {
      runs += 1;
      reply.text(`run ${runs}`);
      if (runs > 1) return;
      await new Promise((resolve) => turn.signal.addEventListener("abort", resolve));
      stopped.resolve();
    });
    const request = ask("long");
    const first = collect(connector.invoke(request, turnIo()));
    await until(() => runs === 1);
    await crash();
    expect(codeOf(await first)).toBe("AGENT_UNAVAILABLE");
    await stopped.promise;
    await until(() => hub.connectionOf(stand.agentId));
    expect(textOf((await collect(connector.invoke({ ...request, attempt: 2 }, turnIo()))).events)).toBe("run 2");
  });

  it("carries a file of the largest size over a drop in its middle", async () => {
    const bytes = new Uint8Array(MAX_ARTIFACT_BYTES).map((_, index) => (index * 31) % 253);
    await dialIn((_turn, reply) => {
      reply.file({ name: "large.bin", mediaType: "application/octet-stream", bytes });
      setTimeout(cut, 5);
    });
    const { events, error } = await collect(connector.invoke(ask("file"), turnIo()));
    expect(error).toBeUndefined();
    const files = events.flatMap((event) =>
      event.type === "part" && event.part.type === "artifact" ? [event.part] : [],
    );
    expect(files).toMatchObject([{ name: "large.bin" }]);
    expect(Buffer.compare(Buffer.from(files[0]?.base64 ?? "", "base64"), bytes)).toBe(0);
  });

  it("refuses a call that no frame holds, and goes on with the turn", async () => {
    await dialIn(async (_turn, reply) => {
      const huge = reply.tools.call("post", { text: "x".repeat(1_200_000) });
      await expect(huge).rejects.toMatchObject({ code: "reply_too_large" });
      reply.text("still here");
    });
    const { events } = await collect(connector.invoke(turnRequest(), turnIo()));
    expect(textOf(events)).toBe("still here");
  });
});
