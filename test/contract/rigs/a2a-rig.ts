import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { TaskState } from "@a2a-js/sdk";
import { A2aConfig, type createA2aConnector } from "../../../agents/a2a/index.ts";
import {
  A2aAgent,
  type A2aCall,
  type A2aFault,
  type A2aVersion,
  type A2aWork,
  file,
  text,
  wireEvent,
} from "../../support/agents/a2a-agent.ts";
import { writeWithPressure } from "../../support/agents/counting-server.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig } from "../connector-harness.ts";
import { LOOKUP_TOOL, pieces, unevenPauses } from "./answers.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const SECRET = "canary-bearer-of-the-a2a-agent";
const GIB = 1_073_741_824;

/** An A2A connector with an agent behind it that is made with the SDK's own server side, of one version of the protocol. */
export function a2aHarness(create: typeof createA2aConnector, version: A2aVersion): ConnectorHarness {
  return { name: `the a2a connector at a ${version} agent`, impossible: {}, start: () => startRig(create, version) };
}

async function startRig(create: typeof createA2aConnector, version: A2aVersion): Promise<ConnectorRig> {
  const agent = await A2aAgent.start({ version, push: true });
  const { server, url } = agent;
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await agent.stop();
  };
  return {
    create: () =>
      create(A2aConfig.parse({ kind: "a2a", url, bearer: SECRET, deferAfterMs: 300 }), { network: LOOPBACK }),
    async behave(behaviour) {
      if (behaviour === "unreachable") return await stop();
      agent.work = (work) => perform(behaviour, work);
      agent.fault = faultOf(behaviour, version);
    },
    contacts: () => server.connectionCount,
    turns: () =>
      agent.messages.map(({ params, headers, rawBody }) => ({
        idempotencyKey: messageIdIn(params),
        everything: `${JSON.stringify(headers)}\n${rawBody}`,
      })),
    open: () => server.openConnections,
    sentBytes: () => server.sentBytes,
    expectedAnswer: () => ["status", "text:Hello there.", "artifact:note.txt", "text:Done.", "done:end"],
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [SECRET],
    secretsReachAgent: true,
    stop,
  };
}

function messageIdIn(params: A2aCall["params"]): string {
  const sent = params["message"] as { messageId: string }; // what the connector sends is what is tested
  return sent.messageId;
}

async function perform(behaviour: Behaviour, work: A2aWork): Promise<void> {
  switch (behaviour) {
    case "echo": {
      const pause = unevenPauses();
      for (const [index, piece] of pieces(work.text).entries()) {
        await pause();
        work.artifact("answer", [text(piece)], { append: index > 0, last: false });
      }
      work.status(TaskState.TASK_STATE_COMPLETED, work.text);
      return;
    }
    case "defer":
      work.status(TaskState.TASK_STATE_WORKING);
      await idle(work);
      return;
    case "hang_midway":
      work.artifact("answer", [text("Half of")], { last: false });
      await idle(work);
      return;
    case "crash_quoting":
      work.status(TaskState.TASK_STATE_FAILED, `${work.text} ${SECRET}`);
      return;
    default:
      work.status(TaskState.TASK_STATE_WORKING, "Looking it up");
      await sleep(1);
      work.artifact("answer", [text("Hello ")], { last: false });
      work.artifact("answer", [text("there.")], { append: true });
      work.artifact("file", [file("found", "note.txt")]);
      work.status(TaskState.TASK_STATE_COMPLETED, "Done.");
  }
}

async function idle({ cancelled }: A2aWork): Promise<void> {
  while (!cancelled.aborted) await sleep(20);
}

function faultOf(behaviour: Behaviour, version: A2aVersion): A2aFault {
  let isGone = false;
  return async (call, response) => {
    if (isGone) return cut(response);
    switch (behaviour) {
      case "hang":
        return "done";
      case "crash":
        return cut(response);
      case "crash_midway":
        isGone = true;
        open(response);
        response.write(wireEvent(version, call.id, [text("Half of")]), () => response.socket?.destroy());
        return "done";
      case "nonsense":
        open(response);
        response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id: call.id, result: { [SECRET]: SECRET } })}\n\n`);
        return "done";
      case "endless":
        return await flood(response, GIB, () => wireEvent(version, call.id, [text("x".repeat(1_000))]));
      case "flood":
        return await flood(response, 100_000, (count) =>
          wireEvent(version, call.id, [file(`x${count}`, `${count}.txt`)]),
        );
      default:
        return "pass";
    }
  };
}

function cut(response: ServerResponse): "done" {
  response.socket?.resetAndDestroy();
  return "done";
}

function open(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
}

async function flood(response: ServerResponse, events: number, make: (count: number) => string): Promise<"done"> {
  open(response);
  for (let count = 0; count < events; count += 1) if (!(await writeWithPressure(response, make(count)))) return "done";
  response.end();
  return "done";
}
