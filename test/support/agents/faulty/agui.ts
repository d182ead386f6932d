import { setTimeout as pause } from "node:timers/promises";
import { EventType } from "@ag-ui/core";
import { AguiAgent, type AguiBehaviour, type AguiCall } from "../agui-agent.ts";
import { calls, runOf, says } from "../agui-events.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, GIB, HALF, NEVER, ODD, SEEN_MS } from "./fault.ts";

export const faultyAgui: FaultyKind = {
  impossible: { other_turn: "a run is the answer to the request that opened it; no event of it can reach another" },
  sees: {},
  turnTimeoutMs: 9_000,
  idleTimeoutMs: 5_000,
  async start(fault, { tooLate }) {
    let isWell = false;
    const agent = await AguiAgent.start((call) =>
      isWell ? { kind: "run", events: runOf(call, says("m1", FINE)) } : show(fault, call, tooLate),
    );
    return {
      connector: { kind: "agui", url: agent.url },
      recover() {
        isWell = true;
      },
      asked: () => agent.calls.length,
      open: () => agent.server.openConnections,
      stop: () => agent.stop(),
    };
  },
};

const raw = (body: string): AguiBehaviour => ({
  kind: "respond",
  status: 200,
  headers: { "content-type": "text/event-stream" },
  body,
});

function show(fault: Fault, call: AguiCall, tooLate: Promise<void>): AguiBehaviour {
  const begun = [
    { type: EventType.RUN_STARTED, threadId: call.input.threadId, runId: call.input.runId },
    ...says("m1", HALF, "it ").slice(0, -1),
  ];
  switch (fault) {
    case "hang":
      return { kind: "hang" };
    case "drip":
      return {
        kind: "run",
        events: runOf(call, says("m1", ...Array<string>(1_000).fill("."))),
        gate: () => pause(DRIP_MS),
      };
    case "crash_midway":
      return { kind: "run", events: begun, gate: () => pause(SEEN_MS / 3), ending: "reset" };
    case "bad_json":
      return raw(`data: {"type": "TEXT_MESSAGE\n\n`);
    case "bad_schema":
      return { kind: "run", events: [...begun, { type: EventType.TEXT_MESSAGE_CONTENT, delta: 7 }] };
    case "odd_characters":
      return { kind: "run", events: runOf(call, says("m1", ODD)) };
    case "many_parts":
      return {
        kind: "run",
        events: Array.from({ length: 100_000 }, (_, index) => calls(`call_${index}`, "lookup", "{}", "found")).flat(),
      };
    case "nesting":
      return raw(`data: ${"[".repeat(500_000)}\n\n`);
    case "endless": {
      const chunk = { type: EventType.TEXT_MESSAGE_CHUNK, messageId: "m1", delta: "x".repeat(1_000) };
      return { kind: "flood", opening: "", piece: `data: ${JSON.stringify(chunk)}\n\n`, sizeBytes: GIB };
    }
    case "twice":
      return { kind: "run", events: [...runOf(call, says("m1", "once")), ...runOf(call, says("m2", NEVER))] };
    case "late":
      return { kind: "run", events: runOf(call, says("m1", NEVER)), gate: () => tooLate };
    case "poison":
      return { kind: "crash" };
    case "other_turn":
      throw new Error("no run can be of another turn");
  }
}
