import assert from "node:assert/strict";
import { codeOf, collect } from "../support/agents/collect.ts";
import { turnIo } from "../support/agents/turn-fixtures.ts";
import type { ConnectorCheckCase } from "./connector-checks.ts";
import type { Behaviour, ConnectorRig } from "./connector-harness.ts";
import { endOf, PATIENCE_MS, until, withConnector, within } from "./connector-probe.ts";

/** How long an aborted turn may take to end, in ms; the contract says a second. */
const STOP_MS = 1_000;
/** Time in which a connector that contacts its agent unasked would have done so, in ms. */
const QUIET_MS = 100;

export const lifecycleChecks: readonly ConnectorCheckCase[] = [
  {
    id: "CO-LIFE-01",
    title: "creating a connector contacts nobody",
    needs: [],
    async run(rig) {
      await withConnector(rig, async () => {
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        assert.equal(rig.contacts(), 0, "the agent was contacted before any turn or check");
      });
    },
  },
  {
    id: "CO-LIFE-01",
    title: "close may be called twice, also of a connector that was used",
    needs: ["answer"],
    async run(rig) {
      await rig.behave("answer");
      const connector = rig.create();
      await endOf(connector, rig.requestFor("close"), turnIo({ tools: rig.tools }));
      await connector.close();
      await connector.close();
      const unused = rig.create();
      await unused.close();
      await unused.close();
    },
  },
  {
    id: "CO-LIFE-01",
    title: "close ends the turns that run",
    needs: ["hang"],
    async run(rig) {
      await rig.behave("hang");
      const connector = rig.create();
      const io = turnIo({ tools: rig.tools });
      const running = collect(connector.invoke(rig.requestFor("close"), io));
      await until(() => rig.turns().length > 0, "the turn did not reach the agent");
      await within(connector.close(), PATIENCE_MS, "close did not resolve");
      const outcome = await within(running, PATIENCE_MS, "the turn outlived its connector");
      assert.equal(codeOf(outcome), "AGENT_UNAVAILABLE");
      await until(() => rig.open() === 0, "something stayed open");
    },
  },
  stopCheck("hang", "that waits for its agent"),
  stopCheck("hang_midway", "in the middle of an answer"),
  {
    id: "CO-STOP-01",
    title: "a turn whose signal has aborted before it begins does not reach the agent",
    needs: ["answer"],
    async run(rig) {
      await rig.behave("answer");
      await withConnector(rig, async (connector) => {
        const io = turnIo({ tools: rig.tools });
        io.controller.abort();
        const outcome = await endOf(connector, rig.requestFor("aborted"), io);
        assert.equal(codeOf(outcome), "TURN_CANCELLED");
        assert.equal(rig.turns().length, 0);
      });
    },
  },
  {
    id: "CO-STOP-01",
    title: "the error says whether the deadline or somebody ended it",
    needs: ["hang"],
    async run(rig) {
      await rig.behave("hang");
      const io = turnIo({ tools: rig.tools });
      const outcome = await abortedTurn(rig, io, () =>
        io.controller.abort(new DOMException("the deadline", "TimeoutError")),
      );
      assert.equal(codeOf(outcome), "AGENT_TIMEOUT");
    },
  },
];

function stopCheck(behaviour: Behaviour, when: string): ConnectorCheckCase {
  return {
    id: "CO-STOP-01",
    title: `aborting a turn ${when} ends it within a second and leaves nothing open`,
    needs: [behaviour],
    async run(rig) {
      await rig.behave(behaviour);
      const io = turnIo({ tools: rig.tools });
      const outcome = await abortedTurn(rig, io, () => io.controller.abort());
      assert.equal(codeOf(outcome), "TURN_CANCELLED");
    },
  };
}

async function abortedTurn(rig: ConnectorRig, io: ReturnType<typeof turnIo>, abort: () => void) {
  return withConnector(rig, async (connector) => {
    const running = collect(connector.invoke(rig.requestFor("stop"), io));
    await until(() => rig.turns().length > 0, "the turn did not reach the agent");
    abort();
    const outcome = await within(running, STOP_MS, "the aborted turn did not end");
    assert.ok(!outcome.events.some((event) => event.type === "done"), "an aborted turn ended as if it were complete");
    await until(() => rig.open() === 0, "a connection or run of the aborted turn stayed open", STOP_MS);
    return outcome;
  });
}
