import { setImmediate } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { A2aConfig, createA2aConnector } from "../../../agents/a2a/index.ts";
import { A2aAgent } from "../../support/agents/a2a-agent.ts";
import { codeOf, collect, type Outcome, summarize } from "../../support/agents/collect.ts";
import { writeWithPressure } from "../../support/agents/counting-server.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { recordedAnswer } from "../../support/recorded-streams/recordings.ts";

const network = { allowPrivateAddresses: true, allowedCidrs: [] };

/** One turn with a server that answers each method with a recording, cut after so many bytes where that is said. */
async function turn(
  answers: Readonly<Record<string, string>>,
  pieceBytes: number,
  options: { readonly streaming?: boolean; readonly cutAtBytes?: number } = {},
): Promise<{ outcome: Outcome; agent: A2aAgent }> {
  const agent = await A2aAgent.start({ version: "0.3", streaming: options.streaming ?? true });
  onTestFinished(() => agent.stop());
  agent.fault = async (call, response) => {
    const file = answers[call.method];
    if (file === undefined) return "pass";
    const all = await recordedAnswer(file, call.id);
    const bytes = call.method === "message/stream" ? all.subarray(0, options.cutAtBytes) : all;
    response.writeHead(200, { "content-type": file.endsWith(".sse") ? "text/event-stream" : "application/json" });
    response.flushHeaders();
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      if (!(await writeWithPressure(response, bytes.subarray(start, start + pieceBytes)))) return "done";
      await setImmediate();
    }
    if (bytes.length < all.length) response.socket?.destroy();
    else response.end();
    return "done";
  };
  const connector = createA2aConnector(A2aConfig.parse({ kind: "a2a", url: agent.url }), { network });
  onTestFinished(() => connector.close());
  return { outcome: await collect(connector.invoke(turnRequest(), turnIo())), agent };
}

const visible = (outcome: Outcome): string[] => summarize(outcome.events).filter((line) => line !== "status");

describe.each([1_000_000, 7, 1])("what a Langflow server sent, in pieces of %i bytes", (pieceBytes) => {
  test("its stream is the answer once", async () => {
    const { outcome, agent } = await turn({ "message/stream": "langflow-stream.sse" }, pieceBytes);
    expect(outcome.error).toBeUndefined();
    expect(visible(outcome)).toEqual(["text:Hello stream", "done:end"]);
    expect(agent.messages).toHaveLength(1);
  });

  test("its task, where it does not stream, is the answer once", async () => {
    const { outcome } = await turn({ "message/send": "langflow-task.json" }, pieceBytes, { streaming: false });
    expect(outcome.error).toBeUndefined();
    expect(visible(outcome)).toEqual(["text:Hello from docs test", "done:end"]);
  });
});

test("a stream that breaks and cannot be taken up again is never a whole answer, and the message is sent once", {
  timeout: 120_000,
}, async () => {
  const whole = await recordedAnswer("langflow-stream.sse", "x");
  const { outcome, agent } = await turn(
    { "message/stream": "langflow-stream.sse", "tasks/resubscribe": "langflow-no-stream.sse" },
    29,
    { cutAtBytes: whole.indexOf('"final":true') },
  );
  expect(codeOf(outcome)).toMatch(/^AGENT_/u);
  expect(summarize(outcome.events)).not.toContain("done:end");
  expect(agent.messages).toHaveLength(1);
});
