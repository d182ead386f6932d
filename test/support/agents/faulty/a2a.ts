import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type Part, Role, StreamResponse, TaskState } from "@a2a-js/sdk";
import { A2aAgent, type A2aCall, type A2aWork, file, text, wireEvent } from "../a2a-agent.ts";
import { writeWithPressure } from "../counting-server.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, GIB, HALF, NEVER, ODD, SEEN_MS } from "./fault.ts";

const TASK = "task-of-this-turn";

export const faultyA2a: FaultyKind = {
  impossible: {},
  sees: {
    other_turn: {
      notice: /^\S+ answered with something that is not a valid reply\.$/u,
      because: "an event of another task in this task's stream makes all of it doubtful",
    },
  },
  turnTimeoutMs: 9_000,
  idleTimeoutMs: 5_000,
  async start(fault, { tooLate }) {
    const agent = await A2aAgent.start({}, (work) => perform(fault, work, tooLate));
    agent.fault = faultOf(fault);
    return {
      connector: { kind: "a2a", url: agent.url },
      recover() {
        agent.fault = () => "pass";
        agent.work = (work) => work.status(TaskState.TASK_STATE_COMPLETED, FINE);
      },
      asked: () => agent.messages.length,
      open: () => agent.server.openConnections,
      stop: () => agent.stop(),
    };
  },
};

async function perform(fault: Fault, work: A2aWork, tooLate: Promise<void>): Promise<void> {
  switch (fault) {
    case "drip":
      for (let count = 0; !work.cancelled.aborted; count += 1) {
        work.artifact("answer", [text(".")], { append: count > 0, last: false });
        await pause(DRIP_MS);
      }
      return;
    case "late":
      work.status(TaskState.TASK_STATE_WORKING);
      await tooLate;
      work.status(TaskState.TASK_STATE_COMPLETED, NEVER);
      return;
    case "odd_characters":
      work.status(TaskState.TASK_STATE_COMPLETED, ODD);
      return;
    default:
      throw new Error(`${fault} is shown on the wire`);
  }
}

/** What the agent does on the wire itself, before the SDK's server sees the call. */
function faultOf(fault: Fault): A2aAgent["fault"] {
  let isGone = false;
  return async (call, response) => {
    if (isGone || fault === "poison") {
      response.socket?.resetAndDestroy();
      return "done";
    }
    switch (fault) {
      case "drip":
      case "late":
      case "odd_characters":
        return "pass";
      case "hang":
        return "done";
      case "crash_midway":
        isGone = true;
        open(response);
        response.write(wireEvent("1.0", call.id, [text(HALF)]));
        await pause(SEEN_MS);
        response.socket?.resetAndDestroy();
        return "done";
      case "bad_json":
        return send(response, 'data: {"jsonrpc": "2.0", "result": {"task\n\n');
      case "bad_schema":
        return send(response, `data: ${JSON.stringify({ jsonrpc: "2.0", id: call.id, result: { status: 7 } })}\n\n`);
      case "nesting":
        return send(response, `data: ${"[".repeat(500_000)}\n\n`);
      case "many_parts":
        return await flood(response, 100_000, (count) =>
          wireEvent("1.0", call.id, [file(`x${count}`, `${count}.txt`)]),
        );
      case "endless":
        return await flood(response, GIB / 1_000, () => wireEvent("1.0", call.id, [text("x".repeat(1_000))]));
      case "twice":
        return send(response, ended(call, "once") + ended(call, NEVER));
      case "other_turn":
        return send(
          response,
          wireEvent("1.0", call.id, [text("on")], TASK) +
            wireEvent("1.0", call.id, [text(NEVER)], "task-of-another") +
            ended(call, "ce"),
        );
    }
  };
}

function open(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
}

function send(response: ServerResponse, body: string): "done" {
  open(response);
  response.end(body);
  return "done";
}

async function flood(response: ServerResponse, events: number, make: (count: number) => string): Promise<"done"> {
  open(response);
  for (let count = 0; count < events; count += 1) if (!(await writeWithPressure(response, make(count)))) return "done";
  response.end();
  return "done";
}

/** The end of this turn's task as it stands on the wire. */
function ended(call: A2aCall, words: string): string {
  const parts: Part[] = [text(words)];
  const message = {
    messageId: `m-${words}`,
    contextId: "c-raw",
    taskId: TASK,
    role: Role.ROLE_AGENT,
    parts,
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
  const status = { state: TaskState.TASK_STATE_COMPLETED, message, timestamp: new Date().toISOString() };
  const value = { taskId: TASK, contextId: "c-raw", status, metadata: undefined };
  const result = StreamResponse.toJSON({ payload: { $case: "statusUpdate", value } });
  return `data: ${JSON.stringify({ jsonrpc: "2.0", id: call.id, result })}\n\n`;
}
