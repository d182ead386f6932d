import type { createWebhookConnector } from "../../../agents/webhook/index.ts";
import { generateWebhookSecret } from "../../../agents/webhook/index.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { WebhookAgent, type WebhookBehaviour, type WebhookCall } from "../../support/agents/webhook-agent.ts";
import type { Behaviour, ConnectorHarness, ConnectorRig } from "../connector-harness.ts";
import { GOOD_EVENTS, GOOD_SUMMARY, LOOKUP_TOOL, pieces, unevenPauses } from "./answers.ts";

const GIB = 1_073_741_824;
const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };

/** A webhook connector with a real HTTP server behind it. */
export function webhookHarness(create: typeof createWebhookConnector): ConnectorHarness {
  return { name: "the webhook connector", impossible: {}, start: () => startWebhookRig(create) };
}

async function startWebhookRig(create: typeof createWebhookConnector): Promise<ConnectorRig> {
  const agent = await WebhookAgent.start();
  const secret = generateWebhookSecret();
  const { url, server } = agent;
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await agent.stop();
  };
  return {
    create: () => create({ kind: "webhook", url, secret }, { network: LOOPBACK }),
    async behave(behaviour) {
      if (behaviour === "unreachable") await stop();
      else agent.behave = (call) => toWebhookBehaviour(behaviour, call, secret);
    },
    contacts: () => server.connectionCount,
    turns: () =>
      agent.calls.map((call) => ({
        idempotencyKey: String(call.headers["webhook-id"]),
        everything: `${JSON.stringify(call.headers)}\n${call.rawBody}`,
      })),
    open: () => server.openConnections,
    sentBytes: () => server.sentBytes,
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ trigger: message({ text: marker }) }),
    secrets: [secret],
    secretsReachAgent: false,
    stop,
  };
}

function toWebhookBehaviour(
  behaviour: Exclude<Behaviour, "unreachable">,
  call: WebhookCall,
  secret: string,
): WebhookBehaviour {
  const words = call.body?.data.trigger.text ?? "";
  const half = [{ type: "text_delta", markdown: "Half of" }];
  switch (behaviour) {
    case "answer":
      return { kind: "stream", as: "ndjson", events: GOOD_EVENTS };
    case "echo":
      return {
        kind: "stream",
        as: "sse",
        events: [...pieces(words).map((markdown) => ({ type: "text_delta", markdown })), { type: "done" }],
        gate: unevenPauses(),
      };
    case "defer":
      return { kind: "respond", status: 202 };
    case "hang":
      return { kind: "hang" };
    case "hang_midway":
      return { kind: "stream", as: "ndjson", events: half, ending: "hang" };
    case "crash":
      return { kind: "crash" };
    case "crash_midway":
      return { kind: "stream", as: "ndjson", events: half, ending: "end" };
    case "crash_quoting":
      return { kind: "respond", status: 500, body: `${words} ${secret}` };
    case "nonsense":
      return { kind: "respond", body: JSON.stringify({ parts: [{ type: words, [words]: secret }] }) };
    case "endless":
      return {
        kind: "flood",
        contentType: "application/x-ndjson",
        opening: "",
        piece: `{"type":"text_delta","markdown":"${"x".repeat(1_000)}"}\n`,
        sizeBytes: GIB,
      };
    case "flood":
      return {
        kind: "flood",
        contentType: "application/x-ndjson",
        opening: "",
        piece: '{"type":"part","part":{"type":"text","markdown":"x"}}\n',
        sizeBytes: 100_000 * 54,
      };
  }
}
