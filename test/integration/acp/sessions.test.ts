import { describe, expect, it } from "vitest";
import type { AcpAgentControl } from "../../support/acp-agent/control.ts";
import { acpScene, keptSession } from "../../support/acp-agent/scene.ts";
import { codeOf, textOf } from "../../support/agents/collect.ts";
import { message } from "../../support/agents/turn-fixtures.ts";

const methodsOf = (control: AcpAgentControl) => control.of("method").map(({ method }) => method);
const promptsOf = (control: AcpAgentControl) => control.of("prompt").map(({ params }) => JSON.stringify(params));
const earlier = [
  message({ messageId: "m-0", text: "what was said before" }),
  message({
    messageId: "m-00",
    text: "and the answer",
    sender: { id: "a-1", kind: "agent", name: "Helper", agent: "helper" },
  }),
];

describe("sessions of an ACP agent", () => {
  it("are one per conversation, and each is told what it has not seen and no more", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("history");
    const connector = create();
    const session = keptSession();
    const first = await ask(connector, "first", { request: { transcript: earlier }, io: { session } });
    expect(textOf(first.events)).toBe("turn 1; first");
    const transcript = [
      ...earlier,
      message({ messageId: "m-1", text: "first" }),
      message({
        messageId: "m-2",
        text: "turn 1; first",
        sender: { id: "a-1", kind: "agent", name: "Helper", agent: "helper" },
      }),
      message({ messageId: "m-3", text: "said in between" }),
    ];
    const second = await ask(connector, "second", { request: { transcript }, io: { session } });
    expect(textOf(second.events)).toBe("turn 2; second");
    await ask(connector, "elsewhere", { request: { sessionKey: "s_2" }, io: { session: keptSession() } });
    expect(methodsOf(control).filter((method) => method === "session/new")).toHaveLength(2);
    const [one, two, three] = promptsOf(control);
    expect(one).toContain("what was said before");
    expect(one).toContain("and the answer");
    expect(one).toContain("Who is here");
    expect(two).toContain("said in between");
    expect(two).not.toContain("what was said before");
    expect(two).not.toContain("turn 1; first");
    expect(two).not.toContain("Who is here");
    expect(three).not.toMatch(/first|second|before/);
  });

  it("are handed an edited message again", async () => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    const session = keptSession();
    await ask(connector, "first", { request: { transcript: earlier }, io: { session } });
    const edited = message({ messageId: "m-0", text: "what was meant", edited: true });
    await ask(connector, "second", { request: { transcript: [edited] }, io: { session } });
    expect(promptsOf(control)[1]).toContain("what was meant");
  });

  it.each([
    ["session/load", { loadSession: true }],
    ["session/resume", { loadSession: true, sessionCapabilities: { resume: {} } }],
  ])(
    "are taken up again by %s after a restart, and what is replayed is not said again",
    async (method, capabilities) => {
      const { control, create, ask } = await acpScene(capabilities);
      control.behave("history");
      const session = keptSession();
      const before = create();
      await ask(before, "first", { request: { transcript: earlier }, io: { session } });
      await before.close();
      const after = await ask(create(), "second", { request: { transcript: earlier }, io: { session } });
      expect(textOf(after.events)).toBe("turn 2; second");
      expect(methodsOf(control).filter((name) => name.startsWith("session/"))).toEqual(["session/new", method]);
      expect(promptsOf(control)[1]).not.toContain("what was said before");
    },
  );

  it("are new after a restart where the agent cannot take them up, and are told everything again", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("history");
    const session = keptSession();
    await ask(create(), "first", { request: { transcript: earlier }, io: { session } });
    const after = await ask(create(), "second", { request: { transcript: earlier }, io: { session } });
    expect(textOf(after.events)).toBe("turn 1; second");
    expect(promptsOf(control)[1]).toContain("what was said before");
  });

  it("are new when the agent does not know the one that is remembered", async () => {
    const { create, ask, control } = await acpScene({ loadSession: true });
    control.behave("history");
    const session = keptSession();
    await ask(create(), "first", { io: { session } });
    await session.write((session.written() ?? "").replace(/session-[0-9a-f-]+/, "session-gone"));
    const after = await ask(create(), "second", { io: { session } });
    expect(textOf(after.events)).toBe("turn 1; second");
  });

  it("of another program are not asked for", async () => {
    const { create, ask, control } = await acpScene({ loadSession: true });
    const session = keptSession();
    await ask(create(), "first", { io: { session } });
    await ask(create({ cwd: "/tmp" }), "second", { io: { session } });
    expect(methodsOf(control)).not.toContain("session/load");
  });

  it("keep turns of one conversation one after the other", async () => {
    const { create, ask, control } = await acpScene();
    control.behave("history");
    const connector = create();
    const outcomes = await Promise.all(["a", "b", "c"].map((text) => ask(connector, text)));
    expect(outcomes.map(({ events }) => textOf(events))).toEqual(["turn 1; a", "turn 2; b", "turn 3; c"]);
  });

  it("begin in the mode and after the sign-in that are configured; what the agent refuses is said", async () => {
    const { create, ask, control } = await acpScene();
    expect(codeOf(await ask(create({ sessionMode: "plan", authMethod: "a-key" }), "hello"))).toBeUndefined();
    expect(methodsOf(control)).toEqual(["initialize", "authenticate", "session/new", "session/set_mode"]);
    expect(codeOf(await ask(create({ sessionMode: "none" }), "hello"))).toBe("AGENT_NOT_CONFIGURED");
    const { error } = await ask(create({ authMethod: "no-such" }), "hello");
    expect(error).toMatchObject({ code: "AGENT_NOT_CONFIGURED", detail: expect.stringContaining("a-key") });
    control.behave("auth_required");
    const wantsLogin = await ask(create(), "hello");
    expect(wantsLogin.error).toMatchObject({
      code: "AGENT_NOT_CONFIGURED",
      detail: expect.stringContaining("sign in"),
    });
  });
});
