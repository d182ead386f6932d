import { createA2aConnector } from "../../../agents/a2a/index.ts";
import { createAcpConnector } from "../../../agents/acp/index.ts";
import { createAguiConnector } from "../../../agents/agui/index.ts";
import { connectAgent } from "../../../agents/client/index.ts";
import { createFunctionConnector } from "../../../agents/function/index.ts";
import { createModelConnector, ModelConfig } from "../../../agents/model/index.ts";
import { createSocketConnector } from "../../../agents/socket/index.ts";
import { createWebhookConnector } from "../../../agents/webhook/index.ts";
import { collect } from "../../../src/agent-checks/turn-outcome.ts";
import type { ConnectorHarness } from "../../contract/connector-harness.ts";
import { a2aHarness } from "../../contract/rigs/a2a-rig.ts";
import { acpHarness } from "../../contract/rigs/acp-rig.ts";
import { aguiHarness } from "../../contract/rigs/agui-rig.ts";
import { clientHarness } from "../../contract/rigs/dial-in-author-rig.ts";
import { functionHarness } from "../../contract/rigs/function-rig.ts";
import { modelHarness } from "../../contract/rigs/model-rig.ts";
import { n8nHarness } from "../../contract/rigs/n8n-rig.ts";
import { socketHarness } from "../../contract/rigs/socket-rig.ts";
import { webhookHarness } from "../../contract/rigs/webhook-rig.ts";
import { turnIo } from "../../support/agents/turn-fixtures.ts";
import { median, percentile } from "../statistics.ts";
import { round } from "../targets.ts";
import type { PartOptions, PartResult } from "./peers.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const ROUNDS = 5;
const TURNS = 40;

const HARNESSES: Readonly<Record<string, () => ConnectorHarness>> = {
  function: () => functionHarness(createFunctionConnector),
  webhook: () => webhookHarness(createWebhookConnector),
  "webhook, n8n": () => n8nHarness(),
  "socket, raw frames": () => socketHarness(createSocketConnector),
  "socket, parley/agent": () => clientHarness(connectAgent),
  acp: () => acpHarness(createAcpConnector),
  "a2a 1.0": () => a2aHarness(createA2aConnector, "1.0"),
  "a2a 0.3": () => a2aHarness(createA2aConnector, "0.3"),
  agui: () => aguiHarness(createAguiConnector),
  model: () =>
    modelHarness("the model connector", (endpoint) =>
      createModelConnector(ModelConfig.parse({ kind: "model", provider: "openai-compatible", ...endpoint }), {
        network: LOOPBACK,
      }),
    ),
};

/**
 * What a turn costs beyond what its agent does: the same short answer by every connector, one turn after another, in interleaved rounds.
 *
 * The agents are real peers on loopback; where they live in this process their own work is in the figure too.
 */
export async function measureConnectors({ quick, say }: PartOptions): Promise<PartResult> {
  const names = Object.keys(HARNESSES);
  const spent = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let number = 1; number <= (quick ? 2 : ROUNDS); number += 1) {
    for (const name of names) spent.get(name)?.push(...(await timesOf(name, quick ? TURNS / 2 : TURNS)));
    say(`round ${number}`);
  }
  const base = median(spent.get("function") ?? []);
  const table = names.map((name) => {
    const times = spent.get(name) ?? [];
    const overhead = median(times) - base;
    return `${name.padEnd(22)} p50 ${round(median(times)).padStart(6)} ms   p95 ${round(percentile(times, 95)).padStart(6)} ms   over a function ${round(overhead).padStart(6)} ms`;
  });
  return { table, findings: [] };
}

async function timesOf(name: string, turns: number): Promise<number[]> {
  const rig = await HARNESSES[name]?.().start();
  if (rig === undefined) throw new Error(`there is no connector ${name}`);
  const connector = rig.create();
  const times: number[] = [];
  try {
    await rig.behave("answer");
    for (let turn = 0; turn <= turns; turn += 1) {
      const request = rig.requestFor(`turn-${turn}`);
      const beganMs = performance.now();
      const { error } = await collect(connector.invoke(request, turnIo({ tools: rig.tools })));
      if (error !== undefined) throw error;
      // The first one starts processes and connections.
      if (turn > 0) times.push(performance.now() - beganMs);
    }
  } finally {
    await connector.close();
    await rig.stop();
  }
  return times;
}
