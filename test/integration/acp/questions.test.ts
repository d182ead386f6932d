import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { RequestOutcome, RequestPart, TurnRequests } from "../../../src/contracts/turn-requests.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { acpScene } from "../../support/acp-agent/scene.ts";
import { codeOf, collect, summarize, textOf } from "../../support/agents/collect.ts";
import { turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

interface Asked {
  readonly part: RequestPart;
  readonly binding: unknown;
}

/** People who answer every question in one way; a decision is kept for the same question, as the contract says. */
function people(decide: (asked: Asked) => RequestOutcome | Promise<RequestOutcome>): TurnRequests & { asked: Asked[] } {
  const asked: Asked[] = [];
  const made = new Map<string, RequestOutcome>();
  return {
    asked,
    async ask(part, { binding, signal }) {
      const key = JSON.stringify([part, binding]);
      const known = made.get(key);
      if (known !== undefined) return known;
      asked.push({ part, binding });
      const aborted = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => aborted.reject(new ParleyError("TURN_CANCELLED")), { once: true });
      const outcome = await Promise.race([decide({ part, binding }), aborted.promise]);
      made.set(key, outcome);
      return outcome;
    },
  };
}

const by = { id: "u-ann", name: "Ann" };
function choose(label: string): (asked: Asked) => RequestOutcome {
  return ({ part }) => {
    const option = part.type === "approval_request" ? part.options.find((one) => one.label === label) : undefined;
    return { state: "decided", optionId: option?.id ?? "", effect: option?.effect ?? "neutral", fields: {}, by };
  };
}

describe("permission", () => {
  it.each([
    ["Allow", "yes-once", "ok"],
    ["Always allow", "yes-always", "ok"],
    ["Reject", "no-once", "denied"],
  ])("is asked of people, and %s reaches the agent as such", async (label, optionId, outcome) => {
    const { control, create, ask } = await acpScene();
    control.behave("permission");
    const requests = people(choose(label));
    const { events } = await ask(create({ offerAlways: true }), "clean up", { io: { requests } });
    expect(textOf(events)).toBe(`permission: ${optionId}.`);
    expect(
      events.flatMap((event) =>
        event.type === "part" && event.part.type === "tool_result" ? [event.part.outcome] : [],
      ),
    ).toEqual([outcome]);
    expect(requests.asked).toHaveLength(1);
    expect(requests.asked[0]).toMatchObject({
      part: {
        type: "approval_request",
        prompt: expect.stringContaining("rm -rf build"),
        subject: expect.stringContaining("rm -rf build"),
      },
      binding: { title: "rm -rf build", kind: "execute", rawInput: { command: "rm -rf build" } },
    });
  });

  it("is asked for once alone where nothing else is set", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("permission");
    const requests = people(choose("Allow"));
    expect(textOf((await ask(create(), "clean up", { io: { requests } })).events)).toBe("permission: yes-once.");
    const [asked] = requests.asked;
    expect(JSON.stringify(asked?.part)).not.toContain("Always");
  });

  it("is denied and people are told, unasked, where they could not see all of it", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("permission_long");
    const requests = people(choose("Allow"));
    const { events } = await ask(create(), "clean up", { io: { requests } });
    expect(textOf(events)).toMatch(/Denied without asking anybody: \*\*rm -rf build\*\*[\s\S]*permission: no-once\./);
    expect(requests.asked).toEqual([]);
  });

  it("is denied where nobody can be asked, when the question expires and when an option is named that does not exist", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("permission");
    const connector = create();
    expect(textOf((await ask(connector, "x")).events)).toBe("permission: no-once.");
    for (const outcome of [
      { state: "expired" },
      { state: "cancelled", reason: "gone" },
      { state: "decided", optionId: "o0", effect: "deny", fields: {}, by },
      { state: "decided", optionId: "o77", effect: "allow", fields: {}, by },
    ] satisfies RequestOutcome[]) {
      const { events } = await ask(connector, "x", { io: { requests: people(() => outcome) } });
      expect(textOf(events)).toBe("permission: no-once.");
    }
  });

  it("is given without people where the configuration says so, and refused where it says that", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("permission");
    const requests = people(choose("Always allow"));
    const allowed = await ask(create({ permissionMode: "allow" }), "x", { io: { requests } });
    const denied = await ask(create({ permissionMode: "deny" }), "x", { io: { requests } });
    expect([textOf(allowed.events), textOf(denied.events)]).toEqual(["permission: yes-once.", "permission: no-once."]);
    expect(requests.asked).toEqual([]);
  });

  it("counts once: the same action in one attempt is asked again, and in a later attempt its decisions stand", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("permission_twice");
    const requests = people(choose("Allow"));
    const request = { turnId: "turn-of-two-attempts" };
    await ask(create(), "x", { request, io: { requests } });
    expect(requests.asked).toHaveLength(2);
    const again = await ask(create(), "x", { request: { ...request, attempt: 2 }, io: { requests } });
    expect(textOf(again.events)).toBe("permission: yes-once.permission: yes-once.");
    expect(requests.asked).toHaveLength(2);
  });

  it("may take people longer than an agent may be silent", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("permission");
    const slow = people(async (asked) => {
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      return choose("Allow")(asked);
    });
    const { events } = await ask(create({}, { idleTimeoutMs: 400 }), "x", { io: { requests: slow } });
    expect(textOf(events)).toBe("permission: yes-once.");
  });

  it("that is still open when the turn is stopped is called off, with people and with the agent", async () => {
    const { control, create } = await acpScene();
    control.behave("permission");
    const io = turnIo();
    let signal: AbortSignal | undefined;
    const requests: TurnRequests = {
      ask: (_part, options) => {
        signal = options.signal;
        return new Promise((_resolve, reject) => {
          options.signal.addEventListener("abort", () => reject(new ParleyError("TURN_CANCELLED")), { once: true });
        });
      },
    };
    const running = collect(create().invoke(turnRequest(), { ...io, requests }));
    await vi.waitFor(() => expect(signal).toBeDefined(), { timeout: 5_000 });
    io.controller.abort();
    expect(codeOf(await running)).toBe("TURN_CANCELLED");
    expect(signal?.aborted).toBe(true);
    await vi.waitFor(() =>
      expect(control.of("answer")).toEqual([
        { type: "answer", to: "permission", answer: { outcome: { outcome: "cancelled" } } },
      ]),
    );
  });
});

describe("elicitation", () => {
  const form = (properties: object, required: string[] = []) =>
    `elicit:${JSON.stringify({ mode: "form", message: "Where to?", requestedSchema: { type: "object", properties, required } })}`;

  it("by a form is filled in by people, with the types that the agent asked for", async () => {
    const { control, create, ask } = await acpScene();
    control.behave(
      form(
        {
          env: { type: "string", enum: ["staging", "production"] },
          count: { type: "integer" },
          force: { type: "boolean" },
          note: { type: "string" },
        },
        ["env"],
      ),
    );
    const requests = people(() => ({ state: "decided", fields: { f0: "c1", f1: "3", f2: "true" }, by }));
    const { events } = await ask(create(), "deploy", { io: { requests } });
    expect(JSON.parse(textOf(events))).toEqual({
      action: "accept",
      content: { env: "production", count: 3, force: true },
    });
    expect(requests.asked[0]?.part).toMatchObject({
      type: "input_request",
      prompt: "Where to?",
      fields: [{ kind: "choice", required: true }, { kind: "number" }, { kind: "boolean" }, { kind: "text" }],
    });
  });

  it.each(["password", "apiKey", "api_token", "clientSecret", "key", "passphrase", "PIN"])(
    "that asks for a %s is declined unseen",
    async (name) => {
      const { control, create, ask } = await acpScene();
      control.behave(form({ [name]: { type: "string" } }));
      const requests = people(() => ({ state: "decided", fields: { f0: "x" }, by }));
      const { events } = await ask(create(), "x", { io: { requests } });
      expect(JSON.parse(textOf(events))).toEqual({ action: "decline" });
      expect(requests.asked).toEqual([]);
    },
  );

  it("by an address of the web is shown as one; another address is declined", async () => {
    const { control, create, ask } = await acpScene();
    const connector = create();
    const requests = people(() => ({ state: "decided", fields: { done: "yes" }, by }));
    const at = (url: string) =>
      `elicit:${JSON.stringify({ mode: "url", message: "Sign in", url, elicitationId: "e1" })}`;
    control.behave(at("https://login.example/start"));
    expect(JSON.parse(textOf((await ask(connector, "x", { io: { requests } })).events))).toEqual({ action: "accept" });
    expect(requests.asked[0]?.part).toMatchObject({ prompt: "Sign in\n\nhttps://login.example/start" });
    control.behave(at("file:///etc/passwd"));
    expect(JSON.parse(textOf((await ask(connector, "x", { io: { requests } })).events))).toEqual({ action: "decline" });
  });
});

it("a scripted agent does in each turn what it was told just before", async () => {
  const { control, create, ask } = await acpScene();
  const connector = create();
  const requests = people(() => ({ state: "decided", fields: { done: "yes" }, by }));
  for (let turn = 0; turn < 20; turn += 1) {
    const url = turn % 2 === 0 ? "https://login.example/start" : "file:///etc/passwd";
    control.behave(`elicit:${JSON.stringify({ mode: "url", message: "Sign in", url, elicitationId: "e1" })}`);
    const { events } = await ask(connector, "x", { io: { requests } });
    expect(JSON.parse(textOf(events))).toEqual({ action: turn % 2 === 0 ? "accept" : "decline" });
  }
});

describe("what an ACP agent asks of its client beside", () => {
  it.each(["fs/read_text_file", "fs/write_text_file", "terminal/create"])("%s is declined", async (method) => {
    const { control, create, ask } = await acpScene();
    control.behave(`call:${method}`);
    await ask(create(), "x");
    expect(control.of("answer")).toEqual([{ type: "answer", to: method, answer: { refused: -32_601 } }]);
    expect(control.of("method")[0]?.params).toMatchObject({
      clientCapabilities: {
        fs: { readTextFile: false, writeTextFile: false },
        terminal: false,
        elicitation: { form: {}, url: {} },
      },
    });
  });
});

describe("Parley's tools for an ACP agent", () => {
  it("are one server per session that leads to the turn under way, and to nothing between turns", async () => {
    const calls: (string | undefined)[] = [];
    const tools = createServer((request, response) => {
      calls.push(request.headers.authorization);
      request.resume();
      response.writeHead(200, { "content-type": "application/json" }).end(`{"ok":true}`);
    }).listen(0, "127.0.0.1");
    await once(tools, "listening");
    onTestFinished(() => void tools.close());
    const url = `http://127.0.0.1:${(tools.address() as AddressInfo).port}/mcp`;
    const access = (token: string) => ({
      toolAccess: () => ({ url, token, expiresAt: new Date(Date.now() + 60_000).toISOString() }),
    });
    const { control, create } = await acpScene({ mcpCapabilities: { http: true } });
    control.behave("late");
    const connector = create();
    const server = () => {
      const created = control.of("method").find(({ method }) => method === "session/new");
      const { mcpServers } = (created?.params ?? { mcpServers: [] }) as {
        mcpServers: { url: string; headers: { value: string }[] }[];
      }; // as the agent got it
      return { url: mcpServers[0]?.url ?? "", authorization: mcpServers[0]?.headers[0]?.value ?? "" };
    };
    const call = (authorization = server().authorization) =>
      fetch(server().url, { method: "POST", body: "{}", headers: { authorization } });
    for (const token of ["token-of-turn-1", "token-of-turn-2"]) {
      const io = turnIo();
      const running = collect(connector.invoke(turnRequest(), { ...io, ...access(token) }));
      await vi.waitFor(() => expect(control.openPrompts()).toBe(1), { timeout: 5_000 });
      expect((await call()).status).toBe(200);
      expect((await call("Bearer another")).status).toBe(401);
      io.controller.abort();
      await running;
      await vi.waitFor(() => expect(control.openPrompts()).toBe(0), { timeout: 5_000 });
      expect((await call()).status).toBe(403);
    }
    expect(calls).toEqual(["Bearer token-of-turn-1", "Bearer token-of-turn-2"]);
    expect(JSON.stringify(control.reports)).not.toContain("token-of-turn");
    expect(control.of("method").filter(({ method }) => method === "session/new")).toHaveLength(1);
    await connector.close();
    await expect(call()).rejects.toThrow("fetch failed");
  });

  it("may work longer than an agent may be silent", async () => {
    const tools = createServer((request, response) => {
      request.resume();
      setTimeout(() => response.end("somebody has answered"), 1_200);
    }).listen(0, "127.0.0.1");
    await once(tools, "listening");
    onTestFinished(() => void tools.close());
    const url = `http://127.0.0.1:${(tools.address() as AddressInfo).port}/mcp`; // it listens on a port
    const { control, create, ask } = await acpScene({ mcpCapabilities: { http: true } });
    control.behave("tools");
    const toolAccess = () => ({ url, token: "t", expiresAt: "" });
    const { events } = await ask(create({}, { idleTimeoutMs: 500 }), "x", { io: { toolAccess } });
    expect(textOf(events)).toBe("200: somebody has answered");
  });

  it("are not named to an agent that takes no servers by HTTP; those of the configuration are, as far as it takes them", async () => {
    const { control, create, ask } = await acpScene();
    const own = { name: "files", command: "/usr/bin/files-server" };
    const toolAccess = () => ({ url: "http://127.0.0.1:1/mcp", token: "t", expiresAt: "" });
    const connector = create({ mcpServers: [own, { type: "http", name: "web", url: "https://tools.example/mcp" }] });
    await ask(connector, "x", { io: { toolAccess } });
    const created = control.of("method").find(({ method }) => method === "session/new");
    expect(created?.params).toMatchObject({ mcpServers: [{ ...own, args: [], env: [] }] });
  });
});

describe("the end of a turn", () => {
  it.each([
    ["end_turn", "end"],
    ["max_tokens", "limit"],
    ["max_turn_requests", "limit"],
    ["refusal", "refused"],
    ["cancelled", "cancelled"],
  ])("%s is %s", async (theirs, ours) => {
    const { control, create, ask } = await acpScene();
    control.behave(`stop:${theirs}`);
    expect(summarize((await ask(create(), "x")).events)).toEqual([`done:${ours}`]);
  });

  it("for a reason that is not in the protocol is no answer", async () => {
    const { control, create, ask } = await acpScene();
    control.behave("stop:whatever");
    expect(codeOf(await ask(create(), "x"))).toBe("AGENT_REPLY_INVALID");
  });
});
