import assert from "node:assert/strict";
import { findEndFault } from "../../src/agent-checks/turn-outcome.ts";
import type { ConnectorEvent } from "../../src/contracts/connector.ts";
import { codeOf, summarize, textOf } from "../support/agents/collect.ts";
import { turnIo } from "../support/agents/turn-fixtures.ts";
import type { ConnectorCheckCase } from "./connector-checks.ts";
import type { Behaviour } from "./connector-harness.ts";
import { endOf, runTurn, withConnector } from "./connector-probe.ts";

const PARALLEL_TURNS = 8;

export const turnChecks: readonly ConnectorCheckCase[] = [
  {
    id: "CO-INV-01",
    title: "text and parts arrive in the agent's order and end with exactly one done",
    needs: ["answer"],
    async run(rig) {
      await rig.behave("answer");
      const outcome = await runTurn(rig, rig.requestFor("order"));
      assert.equal(codeOf(outcome), undefined);
      assert.deepEqual(summarize(outcome.events), rig.expectedAnswer("order"));
      assertOneEnd(outcome.events);
    },
  },
  {
    id: "CO-INV-01",
    title: "a reply that is put off ends the turn with exactly one deferred and the time that is left",
    needs: ["defer"],
    async run(rig) {
      await rig.behave("defer");
      const deadlineAt = new Date(Date.now() + 60_000).toISOString();
      const outcome = await runTurn(rig, { ...rig.requestFor("defer"), deadlineAt });
      assert.equal(codeOf(outcome), undefined);
      assertOneEnd(outcome.events);
      const [event] = outcome.events;
      assert.ok(
        event?.type === "deferred" && event.deadlineMs > 0 && event.deadlineMs <= 60_000,
        "the deferral reaches beyond the turn's deadline",
      );
    },
  },
  {
    id: "CO-INV-02",
    title: "turns at once never mix their events",
    needs: ["echo"],
    async run(rig) {
      await rig.behave("echo");
      const markers = Array.from({ length: PARALLEL_TURNS }, (_, index) => `marker-${index}-of-${PARALLEL_TURNS}`);
      await withConnector(rig, async (connector) => {
        const outcomes = await Promise.all(
          markers.map((marker) => endOf(connector, rig.requestFor(marker), turnIo({ tools: rig.tools }))),
        );
        outcomes.forEach((outcome, index) => {
          assert.equal(codeOf(outcome), undefined);
          assertOneEnd(outcome.events);
          const text = textOf(outcome.events);
          const seen = markers.filter((marker) => text.includes(marker));
          assert.deepEqual(seen, [markers[index]], `turn ${index} holds what belongs to others, or lacks its own`);
        });
      });
    },
  },
  {
    id: "CO-INV-03",
    title: "every attempt at a turn carries the same idempotency key, and no other turn does",
    needs: ["answer"],
    async run(rig) {
      await rig.behave("answer");
      const request = rig.requestFor("key");
      await runTurn(rig, request);
      const first = rig.turns()[0]?.idempotencyKey;
      const before = rig.turns().length;
      await runTurn(rig, { ...request, attempt: 2 });
      const second = rig.turns()[before]?.idempotencyKey;
      const beforeOther = rig.turns().length;
      await runTurn(rig, rig.requestFor("other key"));
      const other = rig.turns()[beforeOther]?.idempotencyKey;
      assert.ok(first !== undefined && first !== "", "the first attempt carries no key");
      assert.equal(second, first, "the second attempt carries another key");
      assert.ok(other !== undefined && other !== first, "another turn carries the same key");
    },
  },
  failureCheck("crash", "AGENT_CRASHED"),
  failureCheck("nonsense", "AGENT_REPLY_INVALID"),
  failureCheck("endless", "AGENT_REPLY_TOO_LARGE"),
  failureCheck("flood", "AGENT_REPLY_TOO_LARGE"),
  failureCheck("unreachable", "AGENT_UNAVAILABLE"),
  {
    id: "CO-ERR-01",
    title: "the check of an agent that cannot be reached says so and what is wrong, without throwing",
    needs: ["unreachable"],
    async run(rig) {
      await rig.behave("unreachable");
      const result = await withConnector(rig, (connector) => connector.check(AbortSignal.timeout(3_000)));
      assert.equal(result.ok, false);
      assert.notEqual(result.detail.trim(), "");
    },
  },
  {
    id: "CO-ERR-01",
    title: "the check of an agent that is there says so",
    needs: ["answer"],
    async run(rig) {
      await rig.behave("answer");
      const result = await withConnector(rig, (connector) => connector.check(AbortSignal.timeout(3_000)));
      assert.equal(result.ok, true, result.detail);
    },
  },
  {
    id: "CO-ERR-02",
    title: "a reply that was cut off is an error and no done",
    needs: ["crash_midway"],
    async run(rig) {
      await rig.behave("crash_midway");
      const outcome = await runTurn(rig, rig.requestFor("cut"));
      assert.ok(!outcome.events.some((event) => event.type === "done"), "half an answer ended as if it were whole");
      assert.equal(codeOf(outcome), "AGENT_CRASHED");
    },
  },
];

function failureCheck(behaviour: Behaviour, code: string): ConnectorCheckCase {
  return {
    id: "CO-ERR-01",
    title: `${behaviour} gives ${code}`,
    needs: [behaviour],
    async run(rig) {
      await rig.behave(behaviour);
      const outcome = await runTurn(rig, rig.requestFor("fails"));
      assert.equal(codeOf(outcome), code);
      assert.ok(!outcome.events.some((event) => event.type === "done"), "a failed turn ended with done");
    },
  };
}

function assertOneEnd(events: readonly ConnectorEvent[]): void {
  assert.equal(findEndFault(events), undefined);
}
