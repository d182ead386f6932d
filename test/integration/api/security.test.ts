import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { inspect } from "node:util";
import { type FastifyInstance, fastify } from "fastify";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { newAgentToken } from "../../../src/access/api-token-text.ts";
import { AUTH_POLICIES, enforceAuthPolicies } from "../../../src/api/auth-policy.ts";
import { API_SCOPES, type ApiScope } from "../../../src/contracts/api-token.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { type ApiServer, startApiServer, TOKEN } from "./api-server.ts";

const mount = async (server: FastifyInstance) => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.post("/slack/events", async (request, reply) =>
    reply.code(request.headers["x-signed"] === "yes" ? 200 : 401).send(String(request.body)),
  );
};

const running: ApiServer[] = [];
const start = async (...args: Parameters<typeof startApiServer>) => {
  const api = await startApiServer(...args);
  running.push(api);
  return api;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

/** An address that a route answers to. */
const concrete = (url: string) => url.replace(/:\w+/g, "x").replace(/\*$/, "index.html");

describe("every route", () => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await startApiServer({ mounts: [mount], env: { PARLEY_PUBLIC_URL: "https://parley.example.org" } });
  });
  afterAll(() => api.close());

  test("declares a policy that exists", () => {
    expect(api.server.routeTable.length).toBeGreaterThan(25);
    expect(AUTH_POLICIES).toEqual(expect.arrayContaining(api.server.routeTable.map((route) => route.auth)));
    const open = api.server.routeTable
      .filter((route) => route.auth === "public" && route.method === "GET")
      .map((route) => route.url);
    expect(open.sort()).toEqual(["/", "/healthz", "/readyz", "/sign-in"]);
    const capability = api.server.routeTable.filter((route) => route.auth === "capability").map((route) => route.url);
    expect(capability).toEqual(["/api/replies/:token"]);
    expect(api.server.routeTable.filter((route) => route.auth === "adapter").map((route) => route.url)).toEqual([
      "/slack/events",
    ]);
  });

  test("that is for operators refuses strangers, wrong tokens and almost-tokens before it reads a body", async () => {
    const guarded = api.server.routeTable.filter(
      (route) => route.auth === "operator" || route.auth === "local_or_operator",
    );
    expect(guarded.length).toBeGreaterThan(20);
    const wrong = [null, "", "wrong", `${TOKEN}x`, TOKEN.slice(0, -1), TOKEN.toLowerCase()];
    const admitted: string[] = [];
    for (const { method, url } of guarded) {
      for (const token of wrong) {
        const body = method === "POST" ? "{ this is not even JSON" : null;
        const headers = { "content-type": "application/json" };
        const answer = await api.request(concrete(url), { method, token, body, headers });
        const refused = answer.status === 401 && answer.headers.get("www-authenticate") === "Bearer";
        if (!refused) admitted.push(`${method} ${url} with ${token}: ${answer.status}`);
      }
    }
    expect(admitted).toEqual([]);
    expect(api.operations.calls).toEqual([]);
  });

  test("tells whoever sends an agent's token what it is good for, and lets nobody in by it", async () => {
    for (const token of [newAgentToken(), "prl_agent_cut-sho"]) {
      const answer = await api.request("/api/agents", { token });
      expect(answer.status).toBe(401);
      const told = await answer.text();
      expect(told).toMatch(/an agent's token.*unset PARLEY_TOKEN/);
      expect(told).not.toContain(token);
    }
    const other = await api.request("/api/agents", { token: "wrong" });
    expect(await other.text()).toContain("the bearer token is not valid");
  });

  test("has the security headers on its answers, good and bad", async () => {
    const addresses = api.server.routeTable.map((route) => ({ method: route.method, url: concrete(route.url) }));
    const faults: string[] = [];
    for (const { method, url } of [...addresses, { method: "GET", url: "/none" }, { method: "GET", url: "/%zz" }]) {
      for (const token of [TOKEN, null]) {
        const answer = await api.request(url, { method, token });
        const names = headerFaults(answer, url === "/%zz");
        if (names.length > 0) faults.push(`${method} ${url} (${answer.status}): ${names.join(", ")}`);
      }
    }
    expect(faults).toEqual([]);
  });

  test("that is a page may load its own scripts and styles, and one that is not may load nothing", async () => {
    const policy = async (url: string) => (await api.request(url)).headers.get("content-security-policy");
    for (const url of ["/", "/docs", "/api/agents"])
      expect(await policy(url)).toContain("script-src 'self';style-src 'self'");
    expect(await policy("/slack/events")).toBe("default-src 'none';frame-ancestors 'none'");
  });
});

/** Names of the headers that are missing or wrong. */
function headerFaults(answer: Response, unrouted: boolean): string[] {
  const expected: Record<string, RegExp> = {
    "content-security-policy": /^default-src 'none';(?=.*frame-ancestors 'none')(?!.*(unsafe|\*|https?:))/,
    "x-content-type-options": /^nosniff$/,
    "referrer-policy": /^no-referrer$/,
    "cross-origin-opener-policy": /^same-origin$/,
    "cross-origin-resource-policy": /^same-origin$/,
    "x-frame-options": /^DENY$/,
    "strict-transport-security": unrouted ? /^/ : /^max-age=31536000/,
    "access-control-allow-origin": /^$/,
    "x-powered-by": /^$/,
  };
  return Object.entries(expected).flatMap(([name, pattern]) =>
    pattern.test(answer.headers.get(name) ?? "") ? [] : [name],
  );
}

test("a token reaches a route by the scope that the route declares, and by no other", async () => {
  const scopesOf = (token: string): ApiScope[] => API_SCOPES.filter((scope) => token.split("+").includes(scope));
  const unused = async () => Promise.reject(new Error("not asked for here"));
  const denials: string[] = [];
  const nothing = async () => Promise.reject(new ParleyError("NOT_FOUND"));
  const api = await start({
    limits: { requestsPerMinute: 100_000 },
    a2a: {
      tasks: {
        targets: async () => [],
        target: nothing,
        send: nothing,
        read: nothing,
        list: nothing,
        cancel: nothing,
        watch: () => ({ [Symbol.asyncIterator]: () => ({ next: nothing }) }),
        pushes: nothing,
        setPushes: nothing,
        file: nothing,
      },
      baseUrl: () => "http://127.0.0.1",
      checkPushUrl: () => undefined,
      newId: () => "n",
      denied: async () => undefined,
    },
    auth: {
      tokens: {
        list: async () => [],
        create: unused,
        rotate: unused,
        revoke: unused,
        verify: async (token) => ({
          id: `token:${token}`,
          organizationId: "main",
          scopes: new Set(scopesOf(token)),
          personId: "p",
        }),
      },
      denied: async (caller, { scope }) => void denials.push(`${caller.id} ${scope}`),
    },
  });
  const guarded = api.server.routeTable.filter((route) => route.scope !== undefined && route.method !== "HEAD");
  expect(new Set(guarded.map(({ scope }) => scope))).toEqual(new Set(API_SCOPES));
  expect(
    api.server.routeTable.filter((route) => (route.scope !== undefined) !== route.auth.includes("operator")),
  ).toEqual([]);
  const wrong: string[] = [];
  for (const { method, url, scope } of guarded) {
    const others = API_SCOPES.filter((one) => one !== scope).join("+");
    const address = concrete(url);
    const refused = await api.request(address, { method, token: others });
    const admitted = await api.request(address, { method, token: scope ?? "" });
    await Promise.all([refused.arrayBuffer(), admitted.arrayBuffer()]);
    const detail = admitted.status === 403 && url !== "/api/sign-in-links";
    if (refused.status !== 403 || admitted.status === 401 || detail)
      wrong.push(`${method} ${url}: ${refused.status} ${admitted.status}`);
  }
  expect(wrong).toEqual([]);
  expect(denials).toHaveLength(guarded.length);
});

test("a route without a policy cannot be registered", async () => {
  const api = await start();
  const bare = fastify();
  enforceAuthPolicies(bare, {
    operator: { verify: () => false, publish: () => undefined, retract: () => undefined },
    organizations: ["main"],
    web: api.config.web,
  });
  expect(() => bare.get("/open", async () => "ok")).toThrow(/GET,?.* \/open declares no auth policy/);
  expect(() => bare.get("/all", { config: { auth: "operator" } }, async () => "ok")).toThrow(/declares no scope/);
  expect(() => bare.get("/odd", { config: { auth: "public", scope: "read" } }, async () => "ok")).toThrow(
    /is not for operators and declares a scope/,
  );
});

describe("documentation and metrics", () => {
  const statuses = async (api: ApiServer, headers: Record<string, string> = {}) =>
    Promise.all(
      ["/docs", "/openapi.json", "/metrics"].map(
        async (address) => (await api.request(address, { token: null, headers })).status,
      ),
    );

  test("are open on this machine alone", async () => {
    const api = await start();
    expect(await statuses(api)).toEqual([200, 200, 200]);
  });

  test.each([{ "x-forwarded-for": "203.0.113.9" }, { forwarded: "for=203.0.113.9" }, { "x-real-ip": "203.0.113.9" }])(
    "want a token when something forwarded the request: %o",
    async (headers) => {
      expect(await statuses(await start(), headers)).toEqual([401, 401, 401]);
    },
  );

  test("refuse a name that is another's (DNS rebinding)", async () => {
    const api = await start();
    const socket = connect(api.port, "127.0.0.1");
    socket.end("GET /metrics HTTP/1.1\r\nHost: evil.example.org\r\nConnection: close\r\n\r\n");
    const [data] = await once(socket, "data");
    expect(String(data)).toMatch(/^HTTP\/1\.1 403 /);
  });

  test.each<Record<string, string>>([{ PARLEY_HOST: "0.0.0.0" }, { PARLEY_PUBLIC_URL: "https://parley.example.org" }])(
    "want a token when Parley serves others too: %o",
    async (env) => {
      const api = await start({ env });
      expect(await statuses(api)).toEqual([401, 401, 401]);
      expect(await statuses(api, { authorization: `Bearer ${TOKEN}` })).toEqual([200, 200, 200]);
    },
  );
});

describe("a signed-in owner", () => {
  const ownerSession = async (request: { cookies: Record<string, string | undefined> }) =>
    request.cookies["__Host-parley"] === "owner" ? { organizationId: "main", personId: "u_owner" } : undefined;
  const cookie = "__Host-parley=owner";

  test("may do what the operator may, from the page itself", async () => {
    const api = await start({ auth: { ownerSession } });
    const origin = { cookie, origin: api.url, "sec-fetch-site": "same-origin" };
    expect((await api.request("/api/agents", { token: null, headers: { cookie } })).status).toBe(200);
    expect(
      (await api.request("/api/agents/helper/pause", { method: "POST", token: null, headers: origin })).status,
    ).toBe(200);
    expect(
      (await api.request("/api/agents", { token: null, headers: { cookie: "__Host-parley=member" } })).status,
    ).toBe(401);
  });

  test.each<[string, Record<string, string>]>([
    ["no origin", {}],
    ["a null origin", { origin: "null" }],
    ["a foreign origin", { origin: "https://evil.example.org" }],
    ["another port", { origin: "http://127.0.0.1:1" }],
    ["a foreign page with our origin", { origin: "SELF", "sec-fetch-site": "cross-site" }],
    ["a sub-domain", { origin: "SELF", "sec-fetch-site": "same-site" }],
  ])("changes nothing with %s", async (_name, headers) => {
    const api = await start({ auth: { ownerSession } });
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value === "SELF" ? api.url : value]),
    );
    const answer = await api.request("/api/agents/helper", {
      method: "DELETE",
      token: null,
      headers: { cookie, ...filled },
    });
    expect(answer.status).toBe(403);
    expect(api.operations.calls).toEqual([]);
  });

  test("does not make a wrong token right", async () => {
    const api = await start({ auth: { ownerSession } });
    expect((await api.request("/api/agents", { token: "wrong", headers: { cookie } })).status).toBe(401);
  });
});

describe("limits", () => {
  test("strangers are slowed down per address without using up the operator's share, and platforms never", async () => {
    const api = await start({ mounts: [mount], limits: { requestsPerMinute: 10 } });
    const strangers = [];
    for (let count = 0; count < 12; count += 1) strangers.push(await api.request("/api/agents", { token: "wrong" }));
    expect(strangers.map((answer) => answer.status)).toEqual([...Array(10).fill(401), 429, 429]);
    const refused = await strangers.at(-1)?.json();
    expect(refused.error.code).toBe("RATE_EXCEEDED");
    expect(Number(strangers.at(-1)?.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await api.request("/api/agents")).status).toBe(200);
    for (let count = 0; count < 30; count += 1) {
      const answer = await api.request("/slack/events", {
        method: "POST",
        token: null,
        json: { count },
        headers: { "x-signed": "yes" },
      });
      expect([answer.status, await answer.text()]).toEqual([200, JSON.stringify({ count })]);
    }
  });

  test("a body over the limit is refused by its declared size", async () => {
    const api = await start({ limits: { bodyBytes: 2_048 } });
    const answer = await api.request("/api/send", {
      method: "POST",
      json: { agent: "a", to: "b", text: "x".repeat(3_000) },
    });
    expect([answer.status, (await answer.json()).error.code]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
  });

  test("headers that are too large or drip in are cut off", async () => {
    const api = await start({ limits: { headersTimeoutMs: 300 } });
    const large = await fetch(`${api.url}/healthz`, { headers: { "x-large": "x".repeat(20_000) } });
    expect(large.status).toBe(431);
    const socket = connect(api.port, "127.0.0.1");
    const began = performance.now();
    socket.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");
    const [data] = await once(socket, "data");
    expect(String(data)).toMatch(/^HTTP\/1\.1 408 /);
    await once(socket, "close");
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe("a name that leads here", () => {
  /** fetch sets the Host header itself. */
  const ask = (port: number, path: string, host: string) =>
    new Promise<number>((resolve, reject) => {
      httpRequest({ port, host: "127.0.0.1", path, headers: { host } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });
  const OPEN = ["/", "/healthz", "/readyz", "/metrics", "/docs", "/api/agents"];

  test("and is not Parley's own reads nothing, not even what is open to all of this machine", async () => {
    const api = await start();
    for (const path of OPEN) {
      expect([path, await ask(api.port, path, "rebound.example:3700")]).toEqual([path, 403]);
      expect([path, await ask(api.port, path, "localhost.evil.example")]).toEqual([path, 403]);
    }
    for (const host of ["127.0.0.1:3700", "localhost:3700", "[::1]:3700", "parley.localhost"])
      expect([host, await ask(api.port, "/healthz", host)]).toEqual([host, 200]);
  });

  test("may be the public address, and every one that is named", async () => {
    const api = await start({
      env: { PARLEY_PUBLIC_URL: "https://parley.example.org", PARLEY_ALLOWED_HOSTS: "chat.lan,*.tunnel.example" },
    });
    const of = (host: string) => ask(api.port, "/healthz", host);
    expect(await Promise.all(["parley.example.org", "chat.lan:80", "a.tunnel.example"].map(of))).toEqual([
      200, 200, 200,
    ]);
    expect(await Promise.all(["example.org", "tunnel.example", "evil-tunnel.example"].map(of))).toEqual([
      403, 403, 403,
    ]);
  });

  test("is the operator's matter where Parley listens for others, until one is named", async () => {
    const open = await start({ env: { PARLEY_HOST: "0.0.0.0" } });
    expect(await ask(open.port, "/healthz", "anything.example")).toBe(200);
    const named = await start({ env: { PARLEY_HOST: "0.0.0.0", PARLEY_ALLOWED_HOSTS: "chat.lan" } });
    expect(await ask(named.port, "/healthz", "anything.example")).toBe(403);
  });
});

test("of bodies of strangers at most 64 are on their way; those who drip go, and an honest one is not kept waiting", async () => {
  const slow = async (server: FastifyInstance) => {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    server.post("/slack/events", async (request, reply) => reply.send(String(request.body)));
  };
  const api = await start({ mounts: [slow] });
  const head =
    "POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nx";
  const dripping = Array.from({ length: 200 }, () =>
    connect(api.port, "127.0.0.1", function (this: Socket) {
      this.write(head);
    }).on("error", () => undefined),
  );
  const gone = () => dripping.filter((socket) => socket.closed).length;
  await expect.poll(gone, { timeout: 5_000 }).toBe(200 - 64);
  for (let n = 0; n < 20; n++) {
    const answer = await api.request("/slack/events", {
      method: "POST",
      token: null,
      body: `honest ${n}`,
      headers: { "content-type": "text/plain" },
    });
    expect([answer.status, await answer.text()]).toEqual([200, `honest ${n}`]);
  }
  expect(await (await api.request("/metrics")).text()).toMatch(
    /parley_requests_refused_total\{route="\/slack\/events",code="RATE_EXCEEDED"\} 1[3-5]\d/,
  );
  for (const socket of dripping) socket.destroy();
});

test("a mount's parsers stay in its own scope", async () => {
  const api = await start({ mounts: [mount] });
  const answer = await api.request("/api/send", {
    method: "POST",
    json: { agent: "a", to: "web:general", text: "hi" },
  });
  expect(answer.status).toBe(202);
});

test("the operator's token is kept as a hash alone", async () => {
  const api = await start();
  expect(inspect(api.server, { depth: 12, showHidden: true, maxArrayLength: 1_000 })).not.toContain(TOKEN);
});

test("what is refused is counted by route and code, and logged once a minute", async () => {
  const refusing = async (server: FastifyInstance) => {
    server.setErrorHandler((_error, _request, reply) => reply.code(401).send({}));
    server.post("/slack/events", async () => {
      throw new ParleyError("SIGNATURE_INVALID");
    });
  };
  const api = await start({ mounts: [refusing] });
  for (let n = 0; n < 30; n++) await api.request("/slack/events", { method: "POST", token: null });
  await api.request("/api/agents", { token: "wrong" });
  const text = await (await api.request("/metrics")).text();
  expect(text).toContain('parley_requests_refused_total{route="/slack/events",code="SIGNATURE_INVALID"} 30');
  expect(text).toContain('parley_requests_refused_total{route="/api/agents",code="UNAUTHENTICATED"} 1');
  const lines = api.logged.filter((line) => line.includes("request refused"));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("SIGNATURE_INVALID");
});
