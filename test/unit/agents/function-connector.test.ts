import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFunctionConnector } from "../../../agents/function/index.ts";
import { type AgentFunction, defineAgent } from "../../../agents/shared/agent-function.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { codeOf, collect, summarize } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const run = (agent: AgentFunction, io = turnIo(), idleTimeoutMs = 5_000) =>
  collect(createFunctionConnector({ kind: "function", run: agent }, { idleTimeoutMs }).invoke(turnRequest(), io));

describe("what a function may answer with", () => {
  const cases: readonly (readonly [string, AgentFunction, readonly string[]])[] = [
    ["a text that is returned", () => "Hello", ["text:Hello"]],
    ["a promise of a text", async () => "Hello", ["text:Hello"]],
    ["nothing", async () => undefined, []],
    [
      "a whole reply",
      async () => ({
        parts: [
          { type: "text", markdown: "one" },
          { type: "status", text: "two" },
        ],
      }),
      ["text:one", "status"],
    ],
    ["one part", () => ({ type: "status", text: "busy" }), ["status"]],
    [
      "pieces of text",
      async function* () {
        yield "Hel";
        yield "lo";
      },
      ["text:Hello"],
    ],
    [
      "pieces and a last one that is returned",
      async function* () {
        yield "Hel";
        return "lo";
      },
      ["text:Hello"],
    ],
    [
      "text and parts by turns",
      async function* () {
        yield "a";
        yield { type: "status", text: "s" };
        yield "b";
        return { parts: [{ type: "text", markdown: "c" }] };
      },
      ["text:a", "status", "text:b", "text:c"],
    ],
    [
      "a generator that is not asynchronous",
      function* () {
        yield "a";
        return "b";
      },
      ["text:ab"],
    ],
    ["a list of parts", () => ["a", { type: "text", markdown: "b" }], ["text:a", "text:b"]],
  ];

  it.each(cases)("is %s", async (_case, agent, expected) => {
    expect(summarize((await run(defineAgent(agent))).events)).toEqual([...expected, "done:end"]);
  });

  it("is an end of its own", async () => {
    const outcome = await run(async function* () {
      yield "x";
      yield { type: "done", stopReason: "refused" };
      yield "y";
    });
    expect(summarize(outcome.events)).toEqual(["text:x", "done:refused"]);
  });

  it("is a deferral", async () => {
    expect(summarize((await run(() => ({ type: "deferred", deadlineMs: 1_000 }))).events)).toEqual(["deferred"]);
  });

  it.each([
    ["a number", 5],
    ["an unknown part", { type: "shell", command: "ls" }],
    ["a reply with fields that do not exist", { parts: [{ type: "text", markdown: "x", channel: "C1" }] }],
  ])("is not %s", async (_case, value) => {
    // What a function written without types may return.
    expect(codeOf(await run(() => value as unknown as string))).toBe("AGENT_REPLY_INVALID");
  });
});

describe("a function that fails", () => {
  it.each<readonly [string, AgentFunction]>([
    [
      "at once",
      () => {
        throw new TypeError("secret words");
      },
    ],
    ["in its promise", () => Promise.reject(new TypeError("secret words"))],
    [
      "in its generator",
      async function* () {
        yield "x";
        throw new TypeError("secret words");
      },
    ],
    [
      "with what is no error",
      () => {
        throw "secret words";
      },
    ],
    [
      "with an error of Parley's own insides",
      () => {
        throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "secret words" });
      },
    ],
  ])("%s crashed, and its words are not told", async (_case, agent) => {
    const outcome = await run(agent);
    expect(codeOf(outcome)).toBe("AGENT_CRASHED");
    expect(String(outcome.error)).not.toContain("secret");
  });

  it("is told by class and place, so that its author finds it", async () => {
    const { error } = await run(() => {
      throw new TypeError("secret words");
    });
    expect(String(error)).toMatch(/TypeError at function-connector\.test\.ts:\d+/);
  });

  it("may say itself what kind of failure it is", async () => {
    expect(
      codeOf(
        await run(() => {
          throw new ParleyError("AGENT_REFUSED");
        }),
      ),
    ).toBe("AGENT_REFUSED");
  });
});

describe("a function that does not end", () => {
  it("is abandoned when the turn is aborted, and its generator told to return", async () => {
    let hasReturned = false;
    const io = turnIo();
    const release = Promise.withResolvers<void>();
    const running = run(async function* () {
      try {
        yield "x";
        await release.promise;
      } finally {
        hasReturned = true;
      }
    }, io);
    setTimeout(() => io.controller.abort(), 10);
    expect(codeOf(await running)).toBe("TURN_CANCELLED");
    release.resolve();
    await expect.poll(() => hasReturned).toBe(true);
  });

  it("times out when it is silent for too long", async () => {
    expect(codeOf(await run(() => new Promise(() => undefined), turnIo(), 50))).toBe("AGENT_TIMEOUT");
  });

  it.each<readonly [string, AgentFunction]>([
    [
      "text",
      async function* () {
        for (;;) yield "x";
      },
    ],
    [
      "empty text",
      function* () {
        for (;;) yield "";
      },
    ],
    [
      "parts",
      function* () {
        for (;;) yield { type: "text", markdown: "x" };
      },
    ],
  ])("is stopped when it floods with %s", async (_case, agent) => {
    expect(codeOf(await run(agent))).toBe("AGENT_REPLY_TOO_LARGE");
  });

  it("sees its signal abort when it is over", async () => {
    let signal: AbortSignal | undefined;
    await run((_request, io) => {
      signal = io.signal;
      return "x";
    });
    expect(signal?.aborted).toBe(true);
  });
});

describe("a function in a module", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "agent-"));
    await writeFile(
      join(folder, "good.mjs"),
      "export default async function* (request) { yield `Hello ${request.trigger.sender.name}`; }",
    );
    await writeFile(join(folder, "empty.mjs"), "export const agent = 1;");
    await writeFile(join(folder, "broken.mjs"), "throw new Error('secret words');");
  });

  afterAll(() => rm(folder, { recursive: true }));

  const load = (module: string) => createFunctionConnector({ kind: "function", module }, { folder });

  it("is found from the folder of the configuration, or by its URL", async () => {
    for (const module of ["./good.mjs", pathToFileURL(join(folder, "good.mjs")).href]) {
      expect(summarize((await collect(load(module).invoke(turnRequest(), turnIo()))).events)).toEqual([
        "text:Hello Ann",
        "done:end",
      ]);
      expect(await load(module).check(AbortSignal.timeout(1_000))).toMatchObject({ ok: true });
    }
  });

  it.each([
    ["./missing.mjs", "AGENT_UNAVAILABLE", "does not exist"],
    ["./empty.mjs", "AGENT_NOT_CONFIGURED", "default export"],
    ["./broken.mjs", "AGENT_CRASHED", "broken.mjs"],
  ])("%s gives %s and says why", async (module, code, words) => {
    const connector = load(module);
    expect(codeOf(await collect(connector.invoke(turnRequest(), turnIo())))).toBe(code);
    const result = await connector.check(AbortSignal.timeout(1_000));
    expect(result).toMatchObject({ ok: false, detail: expect.stringContaining(words) as string });
    expect(result.detail).not.toContain("secret");
  });

  it("that is put in its place later is found", async () => {
    const connector = load("./late.mjs");
    expect(codeOf(await collect(connector.invoke(turnRequest(), turnIo())))).toBe("AGENT_UNAVAILABLE");
    await writeFile(join(folder, "late.mjs"), "export default () => 'here'");
    expect(summarize((await collect(connector.invoke(turnRequest(), turnIo()))).events)).toEqual([
      "text:here",
      "done:end",
    ]);
  });
});
