import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createFunctionConnector } from "../../../agents/function/index.ts";
import type { AgentFunction } from "../../../agents/shared/agent-function.ts";
import { AGENT_CHECKS } from "../../../src/agent-checks/checks.ts";
import { notCheckable } from "../../../src/agent-checks/end-checks.ts";
import type { AgentProbe } from "../../../src/agent-checks/probe-turn.ts";
import { type CheckResult, runAgentChecks } from "../../../src/agent-checks/run-checks.ts";
import type { AgentConnector } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

const echo: AgentFunction = async function* ({ trigger }, io) {
  if (trigger.text.includes("story")) await delay(300, undefined, { signal: io.signal });
  if (trigger.text.length > 10_000) return yield* [trigger.text.slice(0, 10_000), trigger.text.slice(10_000)];
  for (const word of trigger.text.split(" ")) {
    yield `${word} `;
    await delay(5, undefined, { signal: io.signal });
  }
};

/** What is said of an agent that answers before it can be stopped. */
const NOT_STOPPED = ["CO-STOP-01 skipped", "CO-STOP-01 skipped"];

/** The results of all checks by title, for an agent that is a function or a connector of its own. */
async function resultsOf(
  run: AgentFunction,
  change: (connector: AgentConnector) => AgentConnector = (same) => same,
  more: Partial<AgentProbe> = {},
): Promise<readonly CheckResult[]> {
  const connector = createFunctionConnector({ kind: "function", run });
  try {
    const results: CheckResult[] = [];
    for await (const result of runAgentChecks({ connector: change(connector), timeoutMs: 2_000, ...more }))
      results.push(result);
    return results;
  } finally {
    await connector.close();
  }
}

function notOk(results: readonly CheckResult[]): string[] {
  return results.filter(({ state }) => state !== "ok").map(({ id, state }) => `${id} ${state}`);
}

describe("the checks of any agent", () => {
  it("do not pass one that could not be stopped, and say how that is found out", async () => {
    const results = await resultsOf(function* ({ trigger }) {
      yield "You said: ";
      yield trigger.text;
    });
    expect(notOk(results)).toEqual(NOT_STOPPED);
    const [skipped] = results.filter(({ state }) => state === "skipped");
    expect(skipped).toMatchObject({
      detail: expect.stringContaining("before it can be stopped"),
      mend: expect.stringContaining("an agent that works for longer"),
    });
  });

  it("find an agent that fails at what is odd, long or said again", async () => {
    const failing = async (isTooMuch: (turn: Parameters<AgentFunction>[0]) => boolean) => {
      const results = await resultsOf(async function* (request, io) {
        if (isTooMuch(request)) throw new Error("too much");
        yield* echo(request, io) as AsyncIterable<string>; // what echo is
      });
      return results.flatMap(({ state, title }) => (state === "failed" ? [title] : []));
    };
    expect(await failing(({ trigger }) => trigger.text.includes("שלום"))).toEqual([
      "an odd message does not make it fail",
    ]);
    expect(await failing(({ trigger }) => trigger.text.length > 30_000)).toEqual(["it takes a long message"]);
    expect(await failing(({ transcript }) => transcript.length === 2)).toEqual([
      "it answers the next message of a conversation, too",
    ]);
  });

  it("find an agent that tells in one conversation what it heard in another", async () => {
    let heard = "";
    const telling: AgentFunction = async function* (request, io) {
      yield* echo(request, io) as AsyncIterable<string>; // what echo is
      yield heard;
      heard = request.trigger.text.includes("remember the word") ? request.trigger.text : "";
    };
    expect(notOk(await resultsOf(telling))).toEqual(["CO-SEC-01 failed"]);
  });

  it("find an agent whose other turns end with one that is stopped", async () => {
    const all = new Set<AbortController>();
    const together: AgentFunction = async function* (request, io) {
      const own = new AbortController();
      all.add(own);
      const endAll = () => all.has(own) && all.forEach((one) => one.abort());
      io.signal.addEventListener("abort", endAll, { once: true });
      yield "At ";
      await delay(300, undefined, { signal: own.signal });
      yield request.trigger.text;
      all.delete(own);
    };
    const results = await resultsOf(together);
    expect(results.flatMap(({ state, title }) => (state === "failed" ? [title] : []))).toEqual([
      "stopping one turn leaves another alone",
    ]);
  }, 20_000);

  it("find nothing to mend in one that keeps its part", async () => {
    const results = await resultsOf(echo);
    expect(notOk(results)).toEqual([]);
    expect(results).toHaveLength(AGENT_CHECKS.filter(({ id }) => id !== "CO-LIFE-01" && id !== "CO-ERR-02").length);
  });

  it("find a connection whose end leaves its turn at work, or ends all others", async () => {
    const titles = async (run: AgentFunction, change: (connector: AgentConnector) => AgentConnector) => {
      const open = async () => change(createFunctionConnector({ kind: "function", run }));
      const results = await resultsOf(run, (same) => same, {
        open: async () => {
          const connector = await open();
          return { connector, close: () => connector.close() };
        },
      });
      return results.filter(({ id }) => id === "CO-LIFE-01").map(({ state, detail }) => `${state}: ${detail}`);
    };
    expect(await titles(echo, (same) => same)).toEqual([expect.stringMatching(/^ok: in \d+ ms$/)]);
    const deaf = (connector: AgentConnector): AgentConnector => ({
      ...passOn(connector),
      close: async () => undefined,
    });
    const slow: AgentFunction = async function* (request, io) {
      if (request.trigger.text.includes("story")) await delay(1_400, undefined, { signal: io.signal });
      yield* echo(request, io) as AsyncIterable<string>; // what echo is
    };
    expect(await titles(slow, deaf)).toEqual([expect.stringMatching(/^failed: it took \d+ ms$/)]);
  }, 20_000);

  it("find a killed process whose half answer is taken for one", async () => {
    const verdict = async (end: "fails" | "is taken for an answer") => {
      const killed = new AbortController();
      const half: AgentConnector["invoke"] = async function* (request) {
        yield { type: "text_delta", markdown: "Once upon" };
        if (request.trigger.text.includes("story"))
          await delay(5_000, undefined, { signal: killed.signal }).catch(() => undefined);
        if (killed.signal.aborted) await delay(200);
        if (end === "fails" && killed.signal.aborted) throw new ParleyError("AGENT_CRASHED");
        yield { type: "done", stopReason: "end" };
      };
      const results = await resultsOf(echo, (same) => same, {
        crashes: true,
        open: async () => {
          const connector = createFunctionConnector({ kind: "function", run: echo });
          const broken = { ...passOn(connector), invoke: half };
          return { connector: broken, crash: () => killed.abort(), close: () => connector.close() };
        },
      });
      return results.find(({ id }) => id === "CO-ERR-02")?.state;
    };
    expect(await verdict("fails")).toBe("ok");
    expect(await verdict("is taken for an answer")).toBe("failed");
  }, 20_000);

  it("find secrets and words of people in errors and in what a process writes", async () => {
    const states = async (run: AgentFunction, more: Partial<AgentProbe> = {}) =>
      (await resultsOf(run, (same) => same, more)).filter(({ id }) => id === "CO-LOG-01").map(({ state }) => state);
    const secrets = ["the-token-of-this-agent"];
    expect(await states(echo, { secrets, output: () => ["ready"] })).toEqual(["ok"]);
    expect(await states(echo, { secrets, output: () => [`dials in with ${secrets[0]}`] })).toEqual(["failed"]);
    expect(await states(echo, { output: () => ["asked: repeat parley-0123abcd"] })).toEqual(["advice"]);
    const telling: AgentFunction = async function* (request, io) {
      if (request.trigger.text.includes("repeat this word"))
        throw new ParleyError("AGENT_CRASHED", { detail: `cannot do ${request.trigger.text}` });
      yield* echo(request, io) as AsyncIterable<string>; // what echo is
    };
    expect(await states(telling)).toEqual(["failed"]);
  });

  it("name what cannot be seen of an agent, each with the reason", () => {
    const connector = createFunctionConnector({ kind: "function", run: echo });
    const address = notCheckable({ connector, timeoutMs: 1_000 });
    const command = notCheckable({ connector, timeoutMs: 1_000, crashes: true, output: () => [] });
    for (const named of [address, command]) {
      expect(named.map(({ id }) => id)).toEqual(["CO-LIFE-01", "CO-ERR-02", "CO-LOG-01"]);
      for (const { why } of named) expect(why.length).toBeGreaterThan(20);
    }
    expect(command[1]?.what).not.toBe(address[1]?.what);
  });

  it("say how to mend what they find", async () => {
    const results = await resultsOf(() => {
      throw new Error("broken");
    });
    const failed = results.find(({ state }) => state === "failed");
    expect(failed).toMatchObject({ id: "CO-INV-01", detail: expect.stringContaining("AGENT_CRASHED") });
    expect(failed).toHaveProperty("mend", expect.stringContaining("error part"));
    expect(results.at(-1)).toMatchObject({ state: "skipped" });
  });

  it("find an agent that is not there", async () => {
    const away = (connector: AgentConnector): AgentConnector => ({
      ...passOn(connector),
      check: async () => ({ ok: false, detail: "nobody listens" }),
    });
    const [first, ...rest] = await resultsOf(echo, away);
    expect(first).toMatchObject({ id: "CO-ERR-01", state: "failed", detail: "nobody listens" });
    expect(rest.every(({ state }) => state === "skipped")).toBe(true);
  });

  it("find an empty reply", async () => {
    expect(notOk(await resultsOf(() => undefined))).toContain("CO-INV-01 failed");
  });

  it("find an agent that shows nothing while it works, and only advise", async () => {
    expect(notOk(await resultsOf(({ trigger }) => trigger.text))).toEqual(["CO-INV-01 advice", ...NOT_STOPPED]);
  });

  it("find an agent that keeps a turn's words where all turns can see them", async () => {
    let words = "";
    const mixing: AgentFunction = async function* ({ trigger }, io) {
      words = trigger.text;
      await delay(20, undefined, { signal: io.signal });
      yield* words.match(/.{1,8}/gs) ?? [];
    };
    expect(notOk(await resultsOf(mixing))).toEqual(["CO-INV-02 failed", ...NOT_STOPPED]);
  });

  it("find an agent that does its work twice when a turn is given again", async () => {
    let runs = 0;
    const counting: AgentFunction = function* ({ trigger }) {
      runs += 1;
      yield `${runs}`;
      yield trigger.text;
    };
    expect(notOk(await resultsOf(counting))).toEqual(["CO-INV-03 advice", ...NOT_STOPPED]);
  });

  it("find an agent that does not stop", async () => {
    const slow: AgentFunction = async function* ({ trigger }) {
      yield "At ";
      if (trigger.text.includes("story")) await delay(1_400);
      yield "work";
    };
    const deaf = (connector: AgentConnector): AgentConnector => ({
      ...passOn(connector),
      invoke: (request, io) => connector.invoke(request, { ...io, signal: AbortSignal.any([]) }),
    });
    const late = (connector: AgentConnector): AgentConnector => ({
      ...passOn(connector),
      async *invoke(request, io) {
        yield* deaf(connector).invoke(request, io);
        io.signal.throwIfAborted();
      },
    });
    expect(notOk(await resultsOf(slow, late))).toEqual(["CO-STOP-01 failed"]);
  });

  it("find an agent that is gone after a stop", async () => {
    let stopped = false;
    const fragile: AgentFunction = async function* ({ trigger }, io) {
      if (stopped) throw new Error("gone");
      io.signal.addEventListener("abort", () => {
        stopped = trigger.text.includes("story");
      });
      yield "At ";
      await delay(300, undefined, { signal: io.signal }).catch(() => undefined);
      yield "work";
    };
    expect(notOk(await resultsOf(fragile))).toContain("CO-STOP-01 failed");
  });

  it("find an agent that cannot take a long conversation", async () => {
    const small: AgentFunction = async function* (request, io) {
      if (JSON.stringify(request).length > 100_000) throw new Error("too long");
      yield* echo(request, io) as AsyncIterable<string>; // what echo is
    };
    expect(notOk(await resultsOf(small))).toEqual(["CO-SIZE-01 failed"]);
  });
});

/** The members of a connector, which may be an object of a class. */
function passOn(connector: AgentConnector): AgentConnector {
  return {
    kind: connector.kind,
    features: connector.features,
    invoke: (request, io) => connector.invoke(request, io),
    check: (signal) => connector.check(signal),
    close: () => connector.close(),
  };
}
