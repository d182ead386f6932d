import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { AcpAgentControl } from "../../acp-agent/control.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, ODD, SEEN_MS } from "./fault.ts";

const AGENT = fileURLToPath(new URL("../../acp-agent/main.ts", import.meta.url));

const says = (text: unknown): string =>
  `updates:${JSON.stringify([{ sessionUpdate: "agent_message_chunk", content: { type: "text", text } }])}`;

/** Each fault as a scene of the scripted agent. */
const SCENES: Readonly<Record<Fault, string>> = {
  hang: "hang",
  drip: `drip:${DRIP_MS}`,
  crash_midway: `die_after:${SEEN_MS}`,
  bad_json: "nonsense",
  bad_schema: says(7),
  odd_characters: says(ODD),
  many_parts: "flood",
  nesting: "bomb",
  endless: "endless",
  twice: "twice",
  late: "late",
  other_turn: "other_session:once",
  poison: "crash",
};

export const faultyAcp: FaultyKind = {
  impossible: {},
  sees: {},
  turnTimeoutMs: 20_000,
  idleTimeoutMs: 10_000,
  async start(fault) {
    const control = await AcpAgentControl.start();
    control.behave(SCENES[fault]);
    return {
      connector: { kind: "acp", command: process.execPath, args: [AGENT, String(control.port)], cwd: tmpdir() },
      recover: () => control.behave(says(FINE)),
      asked: () => control.of("prompt").length,
      open: () => control.openPrompts(),
      stop: () => control.stop(),
    };
  },
};
