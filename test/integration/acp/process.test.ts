import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { acpScene, isAlive } from "../../support/acp-agent/scene.ts";
import { codeOf, collect, summarize, textOf } from "../../support/agents/collect.ts";
import { message, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const PARLEY_LIKE = fileURLToPath(new URL("../../support/acp-agent/host.ts", import.meta.url));

async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  await vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: timeoutMs, interval: 10 });
}

describe("the process of an ACP agent", () => {
  it("is given a clean environment: what is named, and nothing of this process", async () => {
    vi.stubEnv("SLACK_BOT_TOKEN", "xoxb-canary");
    vi.stubEnv("SOME_SETTING", "of-the-operator");
    const { control, create, ask, folder } = await acpScene();
    await ask(create({ env: { MY_KEY: "mine" } }), "hello");
    const [started] = control.of("started");
    // The shell that starts the agent adds PWD and the like, which say where it is and no more.
    const shells = ["PWD", "OLDPWD", "SHLVL", "_"];
    expect(
      Object.keys(started?.env ?? {})
        .filter((name) => !shells.includes(name))
        .sort(),
    ).toEqual(["HOME", "LANG", "MY_KEY", "PARLEY_AGENT_PROCESS", "PATH", "TMPDIR"]);
    expect(started).toMatchObject({ cwd: folder, env: { HOME: folder, MY_KEY: "mine" } });
  });

  it("serves all conversations, and is started again by the next turn after it died in the middle of one", async () => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    const inTwo = await Promise.all([
      ask(connector, "one", { request: { sessionKey: "one" } }),
      ask(connector, "two", { request: { sessionKey: "two" } }),
    ]);
    expect(inTwo.map(codeOf)).toEqual([undefined, undefined]);
    expect(control.of("started")).toHaveLength(1);
    control.behave("hang_midway");
    const running = ask(connector, "three");
    await eventually(() => control.openPrompts() === 1);
    process.kill(control.livePids[0] ?? 0, "SIGKILL");
    expect(codeOf(await running)).toBe("AGENT_CRASHED");
    control.behave("answer");
    expect(codeOf(await ask(connector, "four"))).toBeUndefined();
    expect(control.of("started")).toHaveLength(2);
  });

  it.each(["the turn is stopped and the agent does not stop", "the connector is closed", "the agent dies"])(
    "takes everything it started with it when %s",
    async (how) => {
      const { control, create } = await acpScene();
      control.behave("fork");
      const connector = create();
      const io = turnIo();
      const running = collect(connector.invoke(turnRequest(), io));
      await eventually(() => control.of("forked").length === 1);
      const [agent = 0] = control.livePids;
      const pids = [agent, ...(control.of("forked")[0]?.pids ?? [])];
      expect(pids).toHaveLength(4);
      for (const pid of pids) expect(await isAlive(pid)).toBe(true);
      if (how === "the agent dies") process.kill(agent, "SIGKILL");
      else if (how === "the connector is closed") await connector.close();
      else io.controller.abort();
      await running;
      for (const pid of pids) await eventually(async () => !(await isAlive(pid)), 3_000);
    },
  );

  it("does not outlive a Parley that is killed", { timeout: 30_000 }, async () => {
    const { control, folder } = await acpScene();
    control.behave("fork");
    const host = spawn(process.execPath, [PARLEY_LIKE, String(control.port), folder], { stdio: "ignore" });
    const exited = once(host, "exit");
    onTestFinished(() => void host.kill("SIGKILL"));
    await eventually(() => control.of("forked").length === 1, 15_000);
    const pids = [...control.livePids, ...(control.of("forked")[0]?.pids ?? [])];
    expect(pids).toHaveLength(4);
    for (const pid of pids) expect(await isAlive(pid)).toBe(true);
    host.kill("SIGKILL");
    await exited;
    for (const pid of pids) await eventually(async () => !(await isAlive(pid)), 10_000);
  });

  it.each([
    ["bomb", "AGENT_REPLY_INVALID"],
    ["long_line", "AGENT_REPLY_TOO_LARGE"],
  ])("is ended for a %s on its output, and the next turn has a new one", async (behaviour, code) => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    control.behave(behaviour);
    expect(codeOf(await ask(connector, "hello"))).toBe(code);
    control.behave("answer");
    expect(codeOf(await ask(connector, "hello"))).toBeUndefined();
    expect(control.of("started")).toHaveLength(2);
  });

  it("keeps its other conversations when one is stopped and lets go, and what it says too late reaches nobody", async () => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    control.behave("late");
    const io = turnIo();
    const running = collect(connector.invoke(turnRequest({ trigger: message({ text: "stop me" }) }), io));
    await eventually(() => control.openPrompts() === 1);
    io.controller.abort();
    expect(codeOf(await running)).toBe("TURN_CANCELLED");
    control.behave("echo");
    const next = await ask(connector, "the next");
    expect(textOf(next.events)).toBe("the next");
    expect(control.of("started")).toHaveLength(1);
    expect(control.of("method").map(({ method }) => method)).toContain("session/cancel");
  });

  it("may answer twice: what comes after the first answer reaches nobody", async () => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    control.behave("twice");
    const first = await ask(connector, "hello");
    expect(summarize(first.events)).toEqual(["text:once", "done:end"]);
    await eventually(() => control.of("answer").length === 1);
    control.behave("echo");
    const second = await ask(connector, "and now");
    expect(summarize(second.events)).toEqual(["text:and now", "done:end"]);
    expect(control.of("started")).toHaveLength(1);
  });

  it("is heard up to its answer and no further, also where more comes in the same breath", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("in_one_breath");
    const { events } = await ask(create(), "hello");
    expect(summarize(events)).toEqual(["text:once", "done:end"]);
  });

  it("is ended when a turn in it does not stop; another turn in it may be tried again", async () => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    control.behave("hang");
    const io = turnIo();
    const stopped = collect(connector.invoke(turnRequest({ sessionKey: "a" }), io));
    const other = ask(connector, "other", { request: { sessionKey: "b" } });
    await eventually(() => control.openPrompts() === 2);
    io.controller.abort();
    expect(codeOf(await stopped)).toBe("TURN_CANCELLED");
    expect(codeOf(await other)).toBe("AGENT_UNAVAILABLE");
  });

  it("gives a reply within its limits however many tools it uses", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("flood_of_tools");
    const { events, error } = await ask(create(), "work");
    expect(error).toBeUndefined();
    const parts = events.filter((event) => event.type === "part" && event.part.type !== "status");
    expect(parts.length).toBeLessThanOrEqual(50);
    expect(events.at(-1)).toMatchObject({ type: "done", stopReason: "end" });
  });

  it.each(["hang", "hang_midway"])(
    "may be silent for so long: then the turn ends, and with it the work (%s)",
    async (how) => {
      const { control, create, ask } = await acpScene();
      control.behave(how);
      const connector = create({}, { idleTimeoutMs: 300 });
      expect((await connector.check(AbortSignal.timeout(10_000))).ok).toBe(true);
      expect(codeOf(await ask(connector, "hello"))).toBe("AGENT_TIMEOUT");
      await eventually(() => control.openPrompts() === 0, 2_000);
    },
  );
});
