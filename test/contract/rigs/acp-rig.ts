import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AcpConfig, type createAcpConnector } from "../../../agents/acp/index.ts";
import { AcpAgentControl } from "../../support/acp-agent/control.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";
import type { ConnectorHarness, ConnectorRig } from "../connector-harness.ts";
import { GOOD_SUMMARY, LOOKUP_TOOL } from "./answers.ts";

const AGENT = fileURLToPath(new URL("../../support/acp-agent/main.ts", import.meta.url));
const SECRET = "canary-secret-of-the-acp-agent";

/** An ACP connector with a real process of a scripted agent behind it. */
export function acpHarness(create: typeof createAcpConnector): ConnectorHarness {
  return {
    name: "the ACP connector",
    impossible: { defer: "ACP answers a prompt while it is open; there is no answer that comes later" },
    start: () => startAcpRig(create),
  };
}

async function startAcpRig(create: typeof createAcpConnector): Promise<ConnectorRig> {
  const control = await AcpAgentControl.start();
  const cwd = await mkdtemp(join(tmpdir(), "parley-acp-"));
  const starts = join(cwd, "starts");
  let isThere = true;
  return {
    create: () =>
      create(
        AcpConfig.parse({
          kind: "acp",
          // A start is written down by a shell, long before the agent itself can tell of it.
          command: isThere ? "/bin/sh" : join(cwd, "no-such-agent"),
          args: ["-c", 'echo >>"$0"; exec "$@"', starts, process.execPath, AGENT, String(control.port)],
          cwd,
          env: { AGENT_KEY: SECRET },
        }),
      ),
    behave(behaviour) {
      isThere = behaviour !== "unreachable";
      control.behave(behaviour);
    },
    contacts: () => (existsSync(starts) ? readFileSync(starts, "utf8").split("\n").length - 1 : 0),
    turns: () =>
      control.of("prompt").map(({ params }) => ({
        idempotencyKey: String((params as { _meta?: Record<string, unknown> })._meta?.["parley/turnId"]), // as the agent got it
        everything: JSON.stringify([params, control.of("started").map(({ env }) => ({ ...env, AGENT_KEY: "" }))]),
      })),
    open: () => control.openPrompts(),
    sentBytes: () => control.sentBytes,
    expectedAnswer: () => GOOD_SUMMARY,
    tools: [LOOKUP_TOOL],
    requestFor: (marker) => turnRequest({ sessionKey: `s_${marker}`, trigger: message({ text: marker }) }),
    secrets: [SECRET],
    secretsReachAgent: false,
    async stop() {
      await control.stop();
      await rm(cwd, { recursive: true, force: true });
    },
  };
}
