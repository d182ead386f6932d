import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CLOSE_CODES, MAX_FRAME_BYTES } from "../../../src/contracts/dial-in-protocol.ts";
import { type GateConnection, ScriptedGate, textOfEvents, turnStart } from "../../support/agents/scripted-gate.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";

/** The Python example as it is, over a network that breaks: what its readers will copy. */
const EXAMPLE = fileURLToPath(new URL("../../../deploy/examples/python/parley_agent.py", import.meta.url));
const WORDS = "one two three four five six seven eight";

let gate: ScriptedGate;
let child: ChildProcess;
let connection: GateConnection;

beforeEach(async () => {
  gate = await ScriptedGate.start();
  child = spawn("python3", [EXAMPLE], {
    env: { PATH: process.env["PATH"] ?? "", PARLEY_URL: gate.url, PARLEY_TOKEN: "t-1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  ({ connection } = await gate.welcomed());
});
afterEach(async () => {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  await gate.stop();
});

const question = () => turnRequest({ turnId: "t1", trigger: message({ text: WORDS }) });

it("says again what had not arrived, and nothing else", async () => {
  connection.send(turnStart(question()));
  await connection.next("event");
  await connection.next("event");
  connection.drop();
  const { connection: second, hello } = await gate.welcomed([{ turnId: "t1", state: "continue", received: 1 }]);
  expect(hello.turns).toMatchObject([{ turnId: "t1", attempt: 1 }]);
  const events = await second.reply("t1");
  expect(events.map(({ n }) => n)).toEqual(events.map((_, index) => index + 2));
  expect(textOfEvents(events).trim()).toBe(WORDS.replace("one ", ""));
});

it("gives the same reply to a turn that is given again, and forgets what Parley has ended", async () => {
  connection.send(turnStart(question()));
  const first = await connection.reply("t1");
  connection.send({ type: "turn_end", turnId: "t1" });
  connection.drop();
  const { connection: second, hello } = await gate.welcomed();
  expect(hello.turns).toEqual([]);
  second.send(turnStart({ ...question(), attempt: 2 }));
  const again = await second.reply("t1");
  expect(textOfEvents(again)).toBe(textOfEvents(first));
  expect(again.every(({ attempt }) => attempt === 2)).toBe(true);
});

it("says a long text in events that fit a frame each", async () => {
  const long = "é".repeat(400_000);
  connection.send(turnStart(turnRequest({ turnId: "t1", trigger: message({ text: long }) })));
  const events = await connection.reply("t1");
  expect(textOfEvents(events).trim()).toBe(long);
  // As Python writes it: each such letter takes six bytes.
  const sizes = events.map((frame) => JSON.stringify(frame).replaceAll("é", "\\u00e9").length);
  expect(Math.max(...sizes)).toBeLessThan(MAX_FRAME_BYTES);
});

it("stops a turn that is cancelled", async () => {
  connection.send(turnStart(question()));
  await connection.next("event");
  connection.send({ type: "turn_cancel", turnId: "t1", reason: "stopped" });
  connection.send(turnStart(turnRequest({ turnId: "t2", trigger: message({ text: WORDS }) })));
  await connection.reply("t2");
  expect(
    connection.frames.some((frame) => frame.type === "event" && frame.turnId === "t1" && frame.event.type === "done"),
  ).toBe(false);
});

it("answers pings, and dials in again at once when the process behind it is about to end", async () => {
  connection.send({ type: "ping", at: 5 });
  expect(await connection.next("pong")).toEqual({ type: "pong", at: 5 });
  const startedMs = performance.now();
  connection.close(CLOSE_CODES.draining, "draining");
  await gate.welcomed();
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

it("ends with a clear word when another has its place", async () => {
  const said = text(child.stderr ?? Readable.from([]));
  connection.close(CLOSE_CODES.replaced, "the same token has dialled in again");
  const [code] = await once(child, "exit");
  expect(code).toBe(1);
  expect(await said).toContain("replaced. the same token has dialled in again");
  expect(gate.connectionCount).toBe(1);
});
