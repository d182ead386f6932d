import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fastify } from "fastify";
import { afterEach, describe, expect, test } from "vitest";
import { listen } from "../../../src/api/listen.ts";
import { createOperatorAccess } from "../../../src/api/operator-access.ts";
import { createStatusReader } from "../../../src/api/status-reader.ts";
import { readOperatorFile } from "../../../src/config/operator-file.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { recordingOperations, STATUS } from "./recording-operations.ts";

const running: ApiServer[] = [];
const start = async (...args: Parameters<typeof startApiServer>) => {
  const api = await startApiServer(...args);
  running.push(api);
  return api;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

const ask = async (api: ApiServer, address: string) => {
  const answer = await api.request(address, { token: null });
  return { status: answer.status, body: await answer.json() };
};

describe("/readyz", () => {
  test("is ready while ledger and queue answer and a platform is connected, and names no workspace", async () => {
    const { status, body } = await ask(await start(), "/readyz");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ready: true,
      reasons: [],
      ledger: { ok: true, backend: "pglite" },
      queue: { ok: true, waiting: 3 },
    });
    expect(body.notes).toEqual([
      expect.stringContaining("power cut"),
      "1 of 2 installations of slack are not connected",
    ]);
    expect(body.platforms[0]).toEqual({
      platform: "slack",
      state: "connected",
      lastEventAt: "2026-11-21T12:00:00.000Z",
    });
    expect(JSON.stringify(body)).not.toMatch(/workspace|i-1|revoked/);
  });

  test.each<[string, object, string]>([
    ["the ledger is away", { ledger: { ...STATUS.ledger, ok: false } }, "ledger"],
    ["the queue is away", { queue: { ...STATUS.queue, ok: false } }, "queue"],
    ["a platform is away", { platforms: [{ ...STATUS.platforms[0], state: "connecting" }] }, "slack"],
  ])("is not ready when %s", async (_name, change, reason) => {
    const api = await start();
    api.operations.next.set("status", () => ({ ...STATUS, ...change }));
    const { status, body } = await ask(api, "/readyz");
    expect(status).toBe(503);
    expect(body.reasons.join()).toContain(reason);
  });

  test("is not ready while starting or stopping, or when the state cannot be read; it lives all the same", async () => {
    const starting = await ask(await start({ isStarting: () => true }), "/readyz");
    expect([starting.status, starting.body.reasons]).toEqual([503, ["it is starting"]]);
    const stopping = await ask(await start({ isDraining: () => true }), "/readyz");
    expect([stopping.status, stopping.body.reasons]).toEqual([503, ["it is stopping"]]);
    const api = await start();
    api.operations.next.set("status", () => Promise.reject(new Error("connection refused")));
    expect(await ask(api, "/readyz")).toEqual({
      status: 503,
      body: { ready: false, reasons: ["connection refused"], notes: [] },
    });
    expect(await ask(api, "/healthz")).toEqual({ status: 200, body: { status: "ok" } });
  });

  test("a hundred probes are one look at the ledger", async () => {
    const api = await start();
    await Promise.all(Array.from({ length: 100 }, () => ask(api, "/readyz")));
    expect(api.operations.calls).toEqual([["status"]]);
  });
});

describe("the status reader", () => {
  test("answers in time though the ledger hangs, and recovers", async () => {
    const operations = recordingOperations();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    operations.next.set("status", () => promise);
    const read = createStatusReader(operations, { maxAgeMs: 0, timeoutMs: 20 });
    expect(await read()).toEqual({ problem: "the state could not be read within 20 ms" });
    await read();
    expect(operations.calls).toHaveLength(1);
    resolve(STATUS);
    operations.next.clear();
    await expect.poll(read).toEqual({ status: STATUS });
  });
});

describe("/metrics", () => {
  test("counts what the pipeline reports and shows the state", async () => {
    const api = await start();
    api.metrics.eventIngested("slack", "stored");
    api.metrics.eventIngested("slack", "duplicate");
    api.metrics.acknowledged("slack", 7);
    api.metrics.turnFinished("webhook", "answered", 1_500);
    api.metrics.deliveryFinished("slack", "delivered", 90);
    api.metrics.loopSuppressed("hop_limit");
    const answer = await api.request("/metrics", { token: null });
    const text = await answer.text();
    expect(answer.headers.get("content-type")).toContain("version=0.0.4");
    for (const line of [
      'parley_events_total{platform="slack",outcome="stored"} 1',
      'parley_events_total{platform="slack",outcome="duplicate"} 1',
      'parley_acknowledge_seconds_bucket{le="0.01",platform="slack"} 1',
      'parley_turns_total{connector="webhook",outcome="answered"} 1',
      'parley_turn_seconds_sum{connector="webhook"} 1.5',
      'parley_deliveries_total{platform="slack",outcome="delivered"} 1',
      'parley_loop_suppressions_total{rule="hop_limit"} 1',
      "parley_ledger_up 1",
      "parley_queue_waiting 3",
      "parley_oldest_open_seconds 7",
      'parley_work{kind="open_dead_letters"} 6',
      'parley_installations{platform="slack",state="failed"} 1',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).toContain("nodejs_eventloop_lag_seconds");
  });

  test("labels never carry text, and two servers do not share counters", async () => {
    const [one, two] = [await start(), await start()];
    one.metrics.turnFinished("webhook", "meet me at noon", 1);
    one.metrics.loopSuppressed("x".repeat(65));
    const [first, second] = await Promise.all([one, two].map(async (api) => (await api.request("/metrics")).text()));
    expect(first).toContain('parley_turns_total{connector="webhook",outcome="other"} 1');
    expect(first).not.toMatch(/noon|xxxx/);
    expect(second).not.toContain("parley_turns_total{");
  });
});

describe("the page", () => {
  test("is served with its assets, and only those", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "parley-page-"));
    mkdirSync(path.join(folder, "assets"));
    writeFileSync(
      path.join(folder, "index.html"),
      '<!doctype html><title>Parley</title><script type="module" src="/a.js"></script><link rel="stylesheet" href="/a.css">',
    );
    writeFileSync(path.join(folder, "assets", "main-abc.js"), "export {};");
    writeFileSync(path.join(folder, ".hidden"), "no");
    const api = await start({ pageFolder: folder });
    const get = async (address: string) => {
      const answer = await api.request(address, { token: null });
      return [answer.status, answer.headers.get("cache-control"), answer.headers.get("content-type")?.split(";")[0]];
    };
    for (const address of ["/", "/sign-in", "/sign-in?x=1"])
      expect(await get(address)).toEqual([200, "no-store", "text/html"]);
    expect(await get("/assets/main-abc.js")).toEqual([
      200,
      "public, max-age=31536000, immutable",
      "application/javascript",
    ]);
    for (const address of ["/.hidden", "/other", "/..%2f..%2fetc/passwd", "/assets/..%2f.hidden"])
      expect((await get(address))[0]).toBe(404);
    const nonces = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      const page = await api.request("/", { token: null });
      const policy = page.headers.get("content-security-policy") ?? "";
      const nonce = /script-src 'nonce-([\w-]{24})';/.exec(policy)?.[1] ?? "";
      nonces.add(nonce);
      expect(policy).toMatch(/^default-src 'none';/);
      expect(policy).toContain(`style-src 'nonce-${nonce}';`);
      expect(policy).toMatch(/object-src 'none';base-uri 'none';form-action 'self';frame-ancestors 'none'$/);
      const html = await page.text();
      expect(html).toContain(`<script nonce="${nonce}" type="module" src="/a.js">`);
      expect(html).toContain(`<link rel="stylesheet" nonce="${nonce}" href="/a.css">`);
    }
    expect(nonces.size).toBe(3);
    rmSync(folder, { recursive: true });
  });

  test("says how to build it when it is missing", async () => {
    const { status, body } = await ask(await start({ pageFolder: "/nonexistent" }), "/");
    expect([status, body.error.detail]).toEqual([404, "the page is not built; run: npm run page:build"]);
  });
});

describe("listening", () => {
  async function occupied(): Promise<{ port: number; release: () => void }> {
    const other = createServer().listen({ host: "127.0.0.1", port: 0 });
    await once(other, "listening");
    const address = other.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return { port: address.port, release: () => other.close() };
  }

  test("the default port gives way to the next free one, and says which", async () => {
    const { port, release } = await occupied();
    const server = fastify();
    server.get("/healthz", async () => "ok");
    const web = {
      host: "127.0.0.1",
      port,
      portIsDefault: true,
    };
    const listening = await listen(server, web);
    expect(listening.port).toBeGreaterThan(port);
    expect(listening.insteadOf).toBe(port);
    expect((await fetch(`${listening.url}/healthz`)).status).toBe(200);
    await server.close();
    release();
  });

  test("a chosen port that is taken is refused with the fix", async () => {
    const { port, release } = await occupied();
    const server = fastify();
    const attempt = listen(server, {
      host: "127.0.0.1",
      port,
      portIsDefault: false,
    });
    await expect(attempt).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      detail: expect.stringContaining("another program uses it"),
    });
    await server.close();
    release();
  });
});

test("the operator file is private, and only its own process removes it", () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), "parley-operator-"));
  const access = createOperatorAccess({ dataFolder });
  access.publish("http://127.0.0.1:3700");
  const file = path.join(dataFolder, "operator.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const operator = readOperatorFile(dataFolder);
  expect(operator).toMatchObject({ url: "http://127.0.0.1:3700", pid: process.pid });
  expect(operator?.token).toMatch(/^prl_op_[A-Za-z0-9_-]{43}$/);
  expect([access.verify(operator?.token ?? ""), access.verify("x")]).toEqual([true, false]);
  writeFileSync(file, JSON.stringify({ ...operator, pid: process.pid + 1 }));
  access.retract();
  expect(readFileSync(file, "utf8")).toContain("url");
  access.publish("http://127.0.0.1:3701");
  access.retract();
  access.retract();
  expect(readOperatorFile(dataFolder)).toBeUndefined();
  rmSync(dataFolder, { recursive: true });
});
