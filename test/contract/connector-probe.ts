import assert from "node:assert/strict";
import type { AgentConnector, TurnRequest } from "../../src/contracts/connector.ts";
import { collect, type Outcome } from "../support/agents/collect.ts";
import { type TestIo, turnIo } from "../support/agents/turn-fixtures.ts";
import type { ConnectorRig } from "./connector-harness.ts";

/** Longest time a check waits for something that should happen, in ms. */
export const PATIENCE_MS = 4_000;

/** Runs one turn to its end with a new connector, and closes it. Fails when the turn never ends. */
export async function runTurn(
  rig: ConnectorRig,
  request: TurnRequest,
  io: TestIo = turnIo({ tools: rig.tools }),
): Promise<Outcome> {
  return withConnector(rig, (connector) => endOf(connector, request, io));
}

/** The end of a turn, or a failed check when there is none within patience. */
export async function endOf(connector: AgentConnector, request: TurnRequest, io: TestIo): Promise<Outcome> {
  return within(collect(connector.invoke(request, io)), PATIENCE_MS, "the turn did not end");
}

export async function withConnector<T>(rig: ConnectorRig, use: (connector: AgentConnector) => Promise<T>): Promise<T> {
  const connector = rig.create();
  try {
    return await use(connector);
  } finally {
    await connector.close();
  }
}

/** Resolves as the promise does, or fails after a time. */
export async function within<T>(pending: Promise<T>, timeoutMs: number, complaint: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${complaint} within ${timeoutMs} ms` })),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([pending, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a condition holds; fails when it does not within a time. */
export async function until(
  condition: () => boolean,
  complaint: string,
  timeoutMs: number = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, `${complaint} within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
