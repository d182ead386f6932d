import assert from "node:assert/strict";
import { inspect } from "node:util";
import { vi } from "vitest";
import type { ConnectorEvent } from "../../src/contracts/connector.ts";
import { MAX_REPLY_BYTES, MAX_REPLY_PARTS } from "../../src/envelope/reply.ts";
import { collect } from "../support/agents/collect.ts";
import { turnIo } from "../support/agents/turn-fixtures.ts";
import type { ConnectorCheckCase } from "./connector-checks.ts";
import type { Behaviour, ConnectorRig } from "./connector-harness.ts";
import { endOf, PATIENCE_MS, runTurn, until, withConnector, within } from "./connector-probe.ts";

/** Most bytes an agent may get rid of before it is stopped: an artifact's worth, and what lies in the buffers of sockets. */
const MAX_TAKEN_BYTES = 48 * 1_048_576;
/** Secrets that a process like Parley's has around; none of them is any agent's business. */
const FOREIGN_SECRETS: Readonly<Record<string, string>> = {
  SLACK_BOT_TOKEN: "xoxb-000000000000-canary-slack-bot",
  SLACK_SIGNING_SECRET: "canary0signing0secret0of0slack00",
  PARLEY_SECRET_KEY: "canary-secret-key-of-parley-itself",
  OPENAI_API_KEY: "sk-canary-of-another-agent-openai",
  ANTHROPIC_API_KEY: "sk-ant-canary-of-another-agent",
};

export const safetyChecks: readonly ConnectorCheckCase[] = [
  sizeCheck("endless", "text without end"),
  sizeCheck("flood", "100 000 parts"),
  {
    id: "CO-SEC-01",
    title: "the agent is given this turn alone: no secret of others, nothing of another turn",
    needs: ["answer"],
    async run(rig) {
      await rig.behave("answer");
      await withEnvironment(FOREIGN_SECRETS, () =>
        withConnector(rig, async (connector) => {
          await endOf(connector, rig.requestFor("words-of-the-first-turn"), turnIo({ tools: rig.tools }));
          const before = rig.turns().length;
          await endOf(connector, rig.requestFor("words-of-the-second-turn"), turnIo({ tools: rig.tools }));
          assert.ok(rig.turns().length > before, "the second turn did not reach the agent");
          for (const turn of rig.turns()) assertNoSecrets(rig, turn.everything);
          for (const turn of rig.turns().slice(before))
            assert.ok(!turn.everything.includes("words-of-the-first-turn"), "words of another turn reached the agent");
        }),
      );
    },
  },
  ...(["answer", "crash", "crash_quoting", "nonsense", "unreachable"] as const).map(logCheck),
];

function assertNoSecrets(rig: ConnectorRig, everything: string): void {
  for (const [name, secret] of Object.entries(FOREIGN_SECRETS))
    assert.ok(!everything.includes(secret), `${name} reached the agent`);
  if (rig.secretsReachAgent) return;
  for (const secret of rig.secrets) assert.ok(!everything.includes(secret), "a secret that only signs was sent along");
}

function sizeCheck(behaviour: Behaviour, what: string): ConnectorCheckCase {
  return {
    id: "CO-SIZE-01",
    title: `of ${what} no more than the limits is taken and handed on`,
    needs: [behaviour],
    async run(rig) {
      await rig.behave(behaviour);
      await withConnector(rig, async (connector) => {
        const io = turnIo({ tools: rig.tools });
        const limit = abortWhen(() => rig.sentBytes() > 2 * MAX_TAKEN_BYTES && io.controller.abort());
        let textBytes = 0;
        let parts = 0;
        const count = (event: ConnectorEvent) => {
          if (event.type === "text_delta") textBytes += Buffer.byteLength(event.markdown);
          if (event.type === "part" && event.part.type !== "status") parts += 1;
        };
        await within(collect(connector.invoke(rig.requestFor("size"), io), count), 15_000, "the turn did not end");
        limit.stop();
        assert.ok(textBytes <= MAX_REPLY_BYTES, `${textBytes} bytes of text were handed on`);
        assert.ok(parts <= MAX_REPLY_PARTS, `${parts} parts were handed on`);
        assert.ok(rig.sentBytes() <= MAX_TAKEN_BYTES, `${rig.sentBytes()} bytes were taken from the agent`);
        await until(() => rig.open() === 0, "the refused agent stayed connected");
      });
    },
  };
}

function abortWhen(look: () => void): { stop(): void } {
  const timer = setInterval(look, 5);
  return { stop: () => clearInterval(timer) };
}

function logCheck(behaviour: Behaviour): ConnectorCheckCase {
  return {
    id: "CO-LOG-01",
    title: `neither secrets nor message text appear in logs or errors (${behaviour})`,
    needs: [behaviour],
    async run(rig) {
      await rig.behave(behaviour);
      const words = "canary-words-of-the-message";
      const io = turnIo({ tools: rig.tools });
      const printed = await whilePrinting(async () => {
        const outcome = await runTurn(rig, rig.requestFor(words), io);
        const health = await withConnector(rig, (connector) => connector.check(AbortSignal.timeout(PATIENCE_MS))).catch(
          tellError,
        );
        return [tellError(outcome.error), inspect(health)];
      });
      const told = [...printed, inspect(io.logger.records, { depth: 10 })].join("\n");
      for (const canary of [words, ...rig.secrets]) assert.ok(!told.includes(canary), "a secret or a message was told");
    },
  };
}

/** Everything a logger or a reader could find in an error, its causes and hidden fields included. */
function tellError(error: unknown): string {
  return error === undefined ? "" : `${inspect(error, { depth: 10, showHidden: true })}\n${JSON.stringify(error)}`;
}

/** Runs something and gives what it returned, with everything that was printed meanwhile. */
async function whilePrinting(run: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const printed: string[] = [];
  const keep = (...values: unknown[]) => {
    printed.push(values.map((value) => (typeof value === "string" ? value : inspect(value, { depth: 10 }))).join(" "));
    return true;
  };
  const spies = [
    ...[process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write").mockImplementation(keep)),
    ...(["log", "info", "warn", "error", "debug"] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(keep),
    ),
  ];
  try {
    return [...(await run()), ...printed];
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

async function withEnvironment<T>(variables: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
