import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { type ApiServer, startApiServer, TOKEN } from "./api-server.ts";
import { AGENT, DEAD_LETTER, EXPLANATION, RECORDED_TURN, STATUS, USAGE, VERDICT } from "./recording-operations.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApiServer({ auth: { createSignInLink: async () => "http://127.0.0.1/sign-in#once" } });
});
afterAll(() => api.close());
beforeEach(() => {
  api.operations.calls.length = 0;
  api.operations.next.clear();
  api.logged.length = 0;
});

const WEBHOOK = {
  handle: "helper",
  name: "Helper",
  connector: { kind: "webhook", url: "https://agents.example.org/" },
};

describe("what operators can ask", () => {
  test.each<[string, string, unknown, number, unknown, unknown[]]>([
    ["GET", "/api/agents", undefined, 200, { agents: [AGENT] }, ["agents.list", "main"]],
    [
      "POST",
      "/api/agents/helper/pause",
      undefined,
      200,
      { agent: { ...AGENT, status: "paused" } },
      ["agents.pause", "main", "helper"],
    ],
    [
      "POST",
      "/api/agents/helper/resume",
      undefined,
      200,
      { agent: AGENT },
      ["switches.resumeAgent", "main", "helper", { by: "operator" }],
    ],
    [
      "POST",
      "/api/agents/helper/stop",
      { reason: "it answers oddly" },
      200,
      { agent: { ...AGENT, status: "stopped" }, stoppedTurns: 3, cancelledDeliveries: 4 },
      ["switches.stopAgent", "main", "helper", { reason: "it answers oddly", by: "operator" }],
    ],
    [
      "GET",
      "/api/organization",
      undefined,
      200,
      { organizationId: "acme", status: "active" },
      ["switches.organization", "main"],
    ],
    [
      "POST",
      "/api/organization/stop",
      { reason: "odd answers" },
      200,
      { organizationId: "acme", status: "stopped", reason: "odd answers", stoppedTurns: 3, cancelledDeliveries: 4 },
      ["switches.stopOrganization", "main", { reason: "odd answers", by: "operator" }],
    ],
    [
      "POST",
      "/api/organization/resume",
      undefined,
      200,
      { organizationId: "acme", status: "active" },
      ["switches.resumeOrganization", "main", { by: "operator" }],
    ],
    [
      "POST",
      "/api/agents/helper/check",
      undefined,
      200,
      { ok: false, detail: "connection refused" },
      ["agents.check", "main", "helper"],
    ],
    ["GET", "/api/agents/helper/usage", undefined, 200, { usage: USAGE }, ["agents.usage", "main", "helper"]],
    ["GET", "/api/usage", undefined, 200, { usage: [USAGE] }, ["agents.usage", "main"]],
    [
      "GET",
      "/api/dead-letters?state=open&limit=5",
      undefined,
      200,
      { deadLetters: [DEAD_LETTER] },
      ["deadLetters.list", "main", { state: "open", limit: 5 }],
    ],
    [
      "GET",
      "/api/dead-letters/d-1",
      undefined,
      200,
      { ...DEAD_LETTER, raw: "{}" },
      ["deadLetters.show", "main", "d-1"],
    ],
    [
      "POST",
      "/api/dead-letters/d-1/replay",
      undefined,
      200,
      { ...DEAD_LETTER, state: "replayed" },
      ["deadLetters.replay", "main", "d-1", { by: "operator" }],
    ],
    ["GET", "/api/dead-letters/d-1/replay", undefined, 200, VERDICT, ["deadLetters.weigh", "main", "d-1"]],
    [
      "GET",
      "/api/dead-letters?code=AGENT_CRASHED",
      undefined,
      200,
      { deadLetters: [DEAD_LETTER] },
      ["deadLetters.list", "main", { code: "AGENT_CRASHED" }],
    ],
    [
      "POST",
      "/api/dead-letters/d-1/discard",
      undefined,
      200,
      { ...DEAD_LETTER, state: "discarded" },
      ["deadLetters.discard", "main", "d-1"],
    ],
    [
      "GET",
      `/api/explain/${encodeURIComponent("$abc/d:example.org")}`,
      undefined,
      200,
      EXPLANATION,
      ["explain", "main", "$abc/d:example.org"],
    ],
    ["GET", "/api/turns/t-1/request", undefined, 200, RECORDED_TURN, ["turnAgain", "main", "t-1", { by: "operator" }]],
    [
      "POST",
      "/api/send",
      { agent: "helper", to: "web:general", text: "hi" },
      202,
      { deliveryIds: ["p-1", "p-2"] },
      ["send", { organizationId: "main", by: "operator", agent: "helper", to: "web:general", text: "hi" }],
    ],
    [
      "POST",
      "/api/stop",
      { conversationId: "c_0123456789abcdef01234567" },
      200,
      { stoppedTurns: 2 },
      ["stop", { organizationId: "main", conversationId: "c_0123456789abcdef01234567", requestedBy: "operator" }],
    ],
    ["GET", "/api/status", undefined, 200, STATUS, ["status"]],
  ])("%s %s", async (method, address, json, status, body, call) => {
    const answer = await api.request(address, { method, json });
    expect(await answer.json()).toEqual(body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(api.operations.calls).toEqual([call]);
  });

  test("adding an agent fills the defaults in and shows the secret once", async () => {
    const answer = await api.request("/api/agents", { method: "POST", json: WEBHOOK });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({ agent: AGENT, secret: "whsec_shown-once" });
    expect(api.operations.calls).toEqual([
      ["agents.add", "main", expect.objectContaining({ ...WEBHOOK, turnMode: "queue", channels: ["*"] })],
    ]);
  });

  test("removing an agent answers 204", async () => {
    const answer = await api.request("/api/agents/helper", { method: "DELETE" });
    expect([answer.status, await answer.text()]).toEqual([204, ""]);
  });

  test("a sign-in link is made anew", async () => {
    const answer = await api.request("/api/sign-in-links", { method: "POST" });
    expect([answer.status, await answer.json()]).toEqual([201, { link: "http://127.0.0.1/sign-in#once" }]);
  });

  test("fields that are no part of a view never leave", async () => {
    api.operations.next.set("agents.list", () => [
      { ...AGENT, secret: "whsec_hidden", connector: { url: "http://10.0.0.1" } },
    ]);
    expect(await (await api.request("/api/agents")).json()).toEqual({ agents: [AGENT] });
  });
});

describe("deferred replies", () => {
  test("need no token but the one in the address, and hand the body on as it is", async () => {
    const answer = await api.request("/api/replies/one-time", { method: "POST", token: null, json: { text: "done" } });
    expect([answer.status, await answer.json()]).toEqual([202, { turnId: "t-1" }]);
    expect(api.operations.calls).toEqual([["acceptDeferredReply", "one-time", { text: "done" }]]);
  });

  test("over 1 MiB are refused without being read", async () => {
    const answer = await api.request("/api/replies/one-time", {
      method: "POST",
      token: null,
      json: { text: "x".repeat(1_048_577) },
    });
    expect(answer.status).toBe(413);
    expect((await answer.json()).error.code).toBe("PAYLOAD_TOO_LARGE");
    expect(api.operations.calls).toEqual([]);
  });

  test("the address is never logged, not even when it fails", async () => {
    api.operations.next.set("acceptDeferredReply", () => Promise.reject(new Error("broken")));
    const answer = await api.request("/api/replies/very-secret-token-0123456789", {
      method: "POST",
      token: null,
      json: {},
    });
    expect(answer.status).toBe(500);
    expect(api.logged.join("")).toContain("/api/replies/:token");
    expect(api.logged.join("")).not.toContain("very-secret-token");
  });
});

describe("files of a turn", () => {
  test("need no token but the one in the address, leave as they are, and are never shown in place", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 200]);
    const asked: string[] = [];
    const files = await startApiServer({
      readFile: async (token) => {
        asked.push(token);
        if (token !== "tok-good") throw new ParleyError("NOT_FOUND");
        return { bytes, mediaType: "text/html", name: 'a "b"\r\né.html' };
      },
    });
    const answer = await files.request("/api/files/tok-good", { token: null });
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    expect(answer.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''a%20%22b%22%0D%0A%C3%A9.html");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect((await files.request("/api/files/tok-spent", { token: null })).status).toBe(404);
    expect(asked).toEqual(["tok-good", "tok-spent"]);
    expect(files.logged.join("")).not.toContain("tok-");
    await files.close();
    expect((await api.request("/api/files/tok-good", { token: null })).status).toBe(404);
  });
});

describe("failures", () => {
  const failure = async (answer: Response) => ({ status: answer.status, ...(await answer.json()).error });

  test("name every fault of a request with its place", async () => {
    const json = { handle: "Bad Handle", name: "", connector: {}, surprise: 1 };
    const { status, code, detail } = await failure(await api.request("/api/agents", { method: "POST", json }));
    expect([status, code]).toEqual([400, "REQUEST_INVALID"]);
    for (const place of ["body.handle", "body.name", "body.connector.kind", "surprise"])
      expect(detail).toContain(place);
    expect(api.operations.calls).toEqual([]);
  });

  test.each([
    ["CONFLICT", 409],
    ["NOT_FOUND", 404],
    ["LEDGER_UNAVAILABLE", 503],
    ["PERMISSION_DENIED", 403],
  ] as const)("of the code %s have the table's status and their detail", async (code, status) => {
    api.operations.next.set("agents.remove", () => Promise.reject(new ParleyError(code, { detail: "the reason" })));
    const answer = await failure(await api.request("/api/agents/helper", { method: "DELETE" }));
    expect(answer).toMatchObject({ status, code, detail: "the reason" });
  });

  test("a definition that the connector refuses is the request's fault", async () => {
    api.operations.next.set("agents.add", () =>
      Promise.reject(new ParleyError("CONFIG_INVALID", { detail: "connector.url: missing" })),
    );
    expect(await failure(await api.request("/api/agents", { method: "POST", json: WEBHOOK }))).toMatchObject({
      status: 400,
      detail: "connector.url: missing",
    });
  });

  test.each(["http://127.0.0.1:9000/", "http://localhost/turns", "https://[::1]/", "http://192.168.1.7:8080/"])(
    "an agent at %s is refused at once, with the setting that allows it",
    async (url) => {
      const json = { ...WEBHOOK, connector: { kind: "webhook", url } };
      expect(await failure(await api.request("/api/agents", { method: "POST", json }))).toMatchObject({
        status: 400,
        code: "REQUEST_INVALID",
        detail: expect.stringContaining("PARLEY_ALLOW_PRIVATE_AGENTS=on"),
      });
      expect(api.operations.calls).toEqual([]);
      const open = await startApiServer({ env: { PARLEY_ALLOW_PRIVATE_AGENTS: "on" } });
      expect((await open.request("/api/agents", { method: "POST", json })).status).toBe(201);
      await open.close();
    },
  );

  test.each(["http://169.254.169.254/latest", "https://100.64.0.1/", "http://0.0.0.0:8080/", "https://[fe80::1]/"])(
    "an agent at %s is refused whatever is allowed",
    async (url) => {
      const json = { ...WEBHOOK, connector: { kind: "webhook", url } };
      const open = await startApiServer({ env: { PARLEY_ALLOW_PRIVATE_AGENTS: "on" } });
      for (const one of [api, open])
        expect(await failure(await one.request("/api/agents", { method: "POST", json }))).toMatchObject({
          status: 400,
          code: "REQUEST_INVALID",
          detail: expect.stringContaining("is an address of special use") as string,
        });
      expect(open.operations.calls).toEqual([]);
      await open.close();
    },
  );

  test("a model whose tools come from a private address is refused, and one whose servers are public is not", async () => {
    const withServers = (...urls: string[]) => ({
      ...WEBHOOK,
      connector: { kind: "model", mcpServers: urls.map((url) => ({ name: "tools", url })) },
    });
    const post = (json: unknown) => api.request("/api/agents", { method: "POST", json });
    expect(await failure(await post(withServers("https://mcp.example.org/mcp", "http://10.0.0.8/mcp")))).toMatchObject({
      status: 400,
      detail: expect.stringContaining("connector.mcpServers.1.url: 10.0.0.8 is this machine or a private network"),
    });
    expect((await post(withServers("https://mcp.example.org/mcp"))).status).toBe(201);
  });

  test.each(["(?=x)y", "(a)\\1", "(", "(a{0,99}){0,99}"])(
    "a subscription whose matching a message could make slow is refused: %s",
    async (pattern) => {
      const json = { ...WEBHOOK, subscriptions: [{ pattern: "^deploy" }, { pattern }] };
      expect(await failure(await api.request("/api/agents", { method: "POST", json }))).toMatchObject({
        status: 400,
        detail: expect.stringContaining("subscriptions.1.pattern: "),
      });
      expect(api.operations.calls).toEqual([]);
    },
  );

  test.each([
    { name: "a\u0000b" },
    { description: "half \ud800" },
    { connector: { kind: "webhook", url: "https://x.example/", secret: "\udc00" } },
  ])("a definition that no ledger can keep is refused: %j", async (more) => {
    const json = { ...WEBHOOK, ...more };
    expect((await api.request("/api/agents", { method: "POST", json })).status).toBe(400);
    expect(api.operations.calls).toEqual([]);
  });

  test("a definition may speak of such characters", async () => {
    const json = { ...WEBHOOK, description: "knows \\u0000 and \\ud800" };
    expect((await api.request("/api/agents", { method: "POST", json })).status).toBe(201);
  });

  test("stopping a conversation that cannot be one is no success", async () => {
    const json = { conversationId: "nowhere" };
    expect(await failure(await api.request("/api/stop", { method: "POST", json }))).toMatchObject({
      status: 404,
      detail: expect.stringContaining("no such conversation"),
    });
  });

  test("unknown errors show neither their message nor a stack", async () => {
    api.operations.next.set("status", () => Promise.reject(new Error("password=hunter22 at line 5")));
    const answer = await api.request("/api/status");
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: { code: "INVARIANT_BROKEN", message: "Something went wrong inside Parley." },
    });
    expect(api.logged.join("")).toContain("request failed");
    expect(api.logged.join("")).not.toContain("hunter22");
  });

  test("an answer that does not fit its schema is no success", async () => {
    api.operations.next.set("agents.list", () => [{ handle: 5 }]);
    expect(await failure(await api.request("/api/agents"))).toMatchObject({ status: 500, code: "INVARIANT_BROKEN" });
  });

  test.each<[string, RequestInit, number, string]>([
    ["/api/nothing", {}, 404, "NOT_FOUND"],
    ["/api/explain/none", {}, 404, "NOT_FOUND"],
    [
      "/api/send",
      { method: "POST", body: "{", headers: { "content-type": "application/json" } },
      400,
      "PAYLOAD_MALFORMED",
    ],
    [
      "/api/send",
      { method: "POST", body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
      400,
      "PAYLOAD_MALFORMED",
    ],
    [
      "/api/send",
      { method: "POST", body: '{"__proto__":{"x":1}}', headers: { "content-type": "application/json" } },
      400,
      "PAYLOAD_MALFORMED",
    ],
    [`/api/explain/${"x".repeat(2_000)}`, {}, 400, "REQUEST_INVALID"],
    ["/api/explain/%zz", {}, 400, "PAYLOAD_MALFORMED"],
    ["/api/explain/m%00", {}, 400, "REQUEST_INVALID"],
    ["/api/dead-letters/d%00", {}, 400, "REQUEST_INVALID"],
    ["/api/dead-letters?limit=0", {}, 400, "REQUEST_INVALID"],
    ["/api/dead-letters?unknown=1", {}, 400, "REQUEST_INVALID"],
  ])("%s is refused", async (address, init, status, code) => {
    api.operations.next.set("explain", () => undefined);
    const answer = await api.request(address, init);
    expect({ status: answer.status, code: (await answer.json()).error.code }).toEqual({ status, code });
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  });
});

test("the description names every API route and says how to authenticate", async () => {
  const description = await (await api.request("/openapi.json", { token: null })).json();
  const described = Object.entries<Record<string, unknown>>(description.paths).flatMap(([address, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${address.replace(/\{(\w+)\}/g, ":$1")}`),
  );
  const registered = api.server.routeTable
    .filter((route) => route.url.startsWith("/api/") && route.method !== "HEAD")
    .map((route) => `${route.method} ${route.url}`);
  expect(described.sort()).toEqual(registered.sort());
  expect(description.openapi).toBe("3.1.0");
  expect(description.paths["/api/agents"].get.security).toEqual([{ operator: [] }]);
  expect(JSON.stringify(description)).not.toContain(TOKEN);
});
