import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { API_SCOPES, type ApiScope } from "../../../src/contracts/api-token.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createDeployment, OPERATOR, type OrganizationsApp } from "../../support/app/organizations-app.ts";

const CONFIG = "export default {};";

interface Made {
  readonly token: { readonly id: string; readonly scopes: readonly string[] };
  readonly secret: string;
}

async function make(app: OrganizationsApp, scopes: readonly string[], token = OPERATOR): Promise<Made> {
  const { status, body } = await app.call("POST", "/api/tokens", { token, json: { name: "one", scopes } });
  expect(status).toBe(201);
  return body as Made; // as the API's schema says
}

describe("tokens of the API", () => {
  test("are shown once, kept as a keyed hash, and admit to what their scopes say", async () => {
    const deployment = await createDeployment(CONFIG);
    const app = await deployment.process();
    const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
    onTestFinished(() => database.close());
    const { token, secret } = await make(app, ["read"]);
    expect(secret).toMatch(/^ply_[\w-]{43}[0-9a-f]{8}$/);
    const [row] = await database.query<{ text: string; hash: string }>({
      text: "select t::text as text, token_hash as hash from api_tokens t",
    });
    expect(row?.text).not.toContain(secret.slice(4, 30));
    expect(row?.hash).not.toBe(createHmac("sha256", "").update(secret).digest("base64url"));
    expect(JSON.stringify((await app.call("GET", "/api/tokens")).body)).not.toContain(secret.slice(4, 30));
    expect((await app.call("GET", "/api/agents", { token: secret })).status).toBe(200);
    for (const [method, path] of [
      ["POST", "/api/agents/guide/pause"],
      ["GET", "/api/tokens"],
      ["GET", "/api/audit/verify"],
      ["POST", "/api/stop"],
    ] as const)
      expect((await app.call(method, path, { token: secret, json: method === "POST" ? {} : undefined })).status).toBe(
        403,
      );
    const [denied] = await database.query<{ count: number }>({
      text: `select count(*)::int as count from audit_log where entries like '%scope_of_token%' and entries like '%${token.id}%'`,
    });
    expect(denied).toEqual({ count: 4 });
    const listed = (await app.call("GET", "/api/tokens")).body as { tokens: { lastUsedAt?: string }[] };
    expect(listed.tokens[0]?.lastUsedAt).toBeDefined();
    // What only looks like a token costs the ledger nothing, and what is one letter off is nobody's.
    const off = `${secret.slice(0, 10)}${secret[10] === "A" ? "B" : "A"}${secret.slice(11)}`;
    for (const wrong of [off, secret.slice(0, -1), `${secret}x`, secret.toLowerCase(), "ply_", ""])
      expect((await app.call("GET", "/api/agents", { token: wrong })).status).toBe(401);
  });

  test("revoked and rotated ones are refused by three processes within a second", async () => {
    const deployment = await createDeployment(CONFIG);
    const apps = [await deployment.process(), await deployment.process(), await deployment.process()] as const;
    const [first] = apps;
    for (const way of ["rotate", "revoke"] as const) {
      const { token, secret } = await make(first, ["read"]);
      for (const app of apps) expect((await app.call("GET", "/api/organization", { token: secret })).status).toBe(403);
      const end =
        way === "rotate"
          ? await first.call("POST", `/api/tokens/${token.id}/rotate`)
          : await first.call("DELETE", `/api/tokens/${token.id}`);
      expect(end.status).toBe(way === "rotate" ? 200 : 204);
      const endedAt = performance.now();
      let acceptedLate = 0;
      let asked = 0;
      while (performance.now() - endedAt < 1_500 || asked < 1_000) {
        const answers = await Promise.all(apps.map((app) => app.call("GET", "/api/agents", { token: secret })));
        asked += answers.length;
        if (performance.now() - endedAt > 1_000) acceptedLate += answers.filter(({ status }) => status === 200).length;
      }
      expect(asked).toBeGreaterThanOrEqual(1_000);
      expect(acceptedLate).toBe(0);
      const renewed = way === "rotate" ? (end.body as Made).secret : undefined;
      for (const app of renewed === undefined ? [] : apps)
        expect((await app.call("GET", "/api/agents", { token: renewed ?? null })).status).toBe(200);
    }
  }, 180_000);

  test("give on no scope that they do not have, on any way to a token or to the page", async () => {
    const app = await (await createDeployment(CONFIG)).process();
    const everything = await make(app, API_SCOPES);
    const narrow = fc.uniqueArray(fc.constantFrom(...API_SCOPES), { minLength: 1 });
    const known = new Map<string, Made>();
    const holder = async (scopes: readonly ApiScope[]): Promise<Made> => {
      const key = scopes.toSorted().join();
      const made = known.get(key) ?? (await make(app, scopes));
      known.set(key, made);
      return made;
    };
    await fc.assert(
      fc.asyncProperty(narrow, narrow, async (own, wanted) => {
        const { secret } = await holder(own);
        const target = await holder(wanted);
        const covers = own.includes("access") && wanted.every((scope) => own.includes(scope));
        const created = await app.call("POST", "/api/tokens", { token: secret, json: { name: "n", scopes: wanted } });
        expect(created.status).toBe(covers ? 201 : 403);
        // A renewed token is as good as a new one; that of others would be a way around.
        const others = covers ? "none" : target.token.id;
        const renewed = await app.call("POST", `/api/tokens/${others}/rotate`, { token: secret });
        expect(renewed.status).toBe(covers ? 404 : 403);
        const link = await app.call("POST", "/api/sign-in-links", { token: secret });
        expect(link.status).toBe(own.length === API_SCOPES.length ? 201 : 403);
      }),
      { numRuns: 60 },
    );
    expect((await app.call("POST", "/api/sign-in-links", { token: everything.secret })).status).toBe(201);
  }, 120_000);

  test("an expired one is refused, and bad wishes get one clear error", async () => {
    const deployment = await createDeployment(CONFIG);
    const app = await deployment.process();
    const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
    onTestFinished(() => database.close());
    const { body } = await app.call("POST", "/api/tokens", {
      json: { name: "short", scopes: ["read"], expiresInDays: 1 },
    });
    const { token, secret } = body as Made;
    expect((await app.call("GET", "/api/agents", { token: secret })).status).toBe(200);
    await database.query({ text: "update api_tokens set expires_at = now() - interval '1 second' where id = $1" }, [
      token.id,
    ]);
    expect((await app.call("GET", "/api/agents", { token: secret })).status).toBe(401);
    for (const json of [
      {},
      { name: "x", scopes: [] },
      { name: "x", scopes: ["root"] },
      { name: "x", scopes: ["read"], expiresInDays: 0 },
      { name: "x", scopes: ["read"], id: "k" },
    ])
      expect((await app.call("POST", "/api/tokens", { json })).status).toBe(400);
    expect((await app.call("DELETE", "/api/tokens/k_unknown")).status).toBe(404);
    expect((await app.call("POST", "/api/tokens/k_unknown/rotate")).status).toBe(404);
  });
});
