import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import pg from "pg";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { freePort, type PostgresServer, type RedisServer, startPostgres, startRedis } from "./index.ts";
import { createTestDatabase, sharedRedis } from "./shared-servers.ts";

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startedRedis(...options: Parameters<typeof startRedis>): Promise<RedisServer> {
  const server = await startRedis(...options);
  cleanups.push(() => server.stop());
  return server;
}

async function startedPostgres(...options: Parameters<typeof startPostgres>): Promise<PostgresServer> {
  const server = await startPostgres(...options);
  cleanups.push(() => server.stop());
  return server;
}

async function redisDo<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined); // connect() rejects with it
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether something listens on the port. A killed orphan may stay a zombie, so its process id tells nothing. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

describe("startRedis", () => {
  it("keeps acknowledged writes over kill -9 with the append-only file, and its port", async () => {
    const server = await startedRedis({ persistence: "aof" });
    const firstPid = server.pid;
    await redisDo(server.url, (client) => client.set("kept", "yes"));

    await server.kill9();
    expect(isAlive(firstPid)).toBe(false);
    await expect(redisDo(server.url, (client) => client.ping())).rejects.toThrow(/ECONNREFUSED|closed/);

    await server.restart();
    expect(server.pid).not.toBe(firstPid);
    expect(await redisDo(server.url, (client) => client.get("kept"))).toBe("yes");
  });

  it("forgets everything on restart without persistence", async () => {
    const server = await startedRedis();
    await redisDo(server.url, (client) => client.set("kept", "yes"));
    await server.restart();
    expect(await redisDo(server.url, (client) => client.get("kept"))).toBeNull();
  });

  it("never evicts by default, and takes another policy", async () => {
    const policyOf = (url: string): Promise<unknown> =>
      redisDo(url, (client) => client.config("GET", "maxmemory-policy"));
    expect(await policyOf((await startedRedis()).url)).toEqual(["maxmemory-policy", "noeviction"]);
    const evicting = await startedRedis({ maxmemoryPolicy: "allkeys-lru" });
    expect(await policyOf(evicting.url)).toEqual(["maxmemory-policy", "allkeys-lru"]);
  });

  it("is gone after stop, and stop may be called twice", async () => {
    const server = await startRedis();
    await server.stop();
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
  });
});

describe("startPostgres", () => {
  it("gives databases of their own and keeps commits over every way to go down", async () => {
    const server = await startedPostgres();
    const url = await server.createDatabase();
    expect(await server.createDatabase()).not.toBe(url);
    await query(url, "CREATE TABLE note (way text)");

    const ways: [string, () => Promise<void>][] = [
      ["fast", () => server.restart()],
      ["smart", () => server.restart("smart")],
      ["immediate", () => server.restart("immediate")],
      ["kill -9", () => server.kill9().then(() => server.restart())],
    ];
    for (const [way, goDown] of ways) {
      const pid = server.pid;
      await query(url, `INSERT INTO note VALUES ('${way}')`);
      await goDown();
      expect(server.pid).not.toBe(pid);
    }
    expect(await query(url, "SELECT way FROM note")).toEqual(ways.map(([way]) => ({ way })));
  }, 60_000);

  it("flushes to disk only when asked", async () => {
    expect(await query((await startedPostgres()).url, "SHOW fsync")).toEqual([{ fsync: "off" }]);
    const durable = await startedPostgres({ fsync: true, settings: { max_connections: "20" } });
    expect(await query(durable.url, "SHOW fsync")).toEqual([{ fsync: "on" }]);
    expect(await query(durable.url, "SHOW max_connections")).toEqual([{ max_connections: "20" }]);
  });

  it("uses a given folder again", async () => {
    const dir = await mkdtemp(join(tmpdir(), "parley-given-"));
    cleanups.push(() => rm(dir, { recursive: true }));
    const first = await startPostgres({ dir });
    await query(first.url, "CREATE TABLE kept ()");
    await first.stop();
    const second = await startedPostgres({ dir, port: await freePort() });
    expect(await query(second.url, "SELECT count(*)::int AS kept FROM kept")).toEqual([{ kept: 0 }]);
  });
});

describe("a port that is taken", () => {
  it("fails with the server's own words when the caller chose the port", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    cleanups.push(async () => squatter.close());
    const address = squatter.address();
    if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
    await expect(startRedis({ port: address.port })).rejects.toThrow(/in use/);
  });
});

describe("a test process that is killed", () => {
  it("takes its servers with it", async () => {
    const script = fileURLToPath(new URL("start-and-report.ts", import.meta.url));
    const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    cleanups.push(async () => child.kill("SIGKILL"));
    const [line]: unknown[] = await once(child.stdout, "data");
    const ports = JSON.parse(String(line)) as number[]; // the format of start-and-report.ts
    expect(await Promise.all(ports.map(accepts))).toEqual([true, true]);

    child.kill("SIGKILL");
    await vi.waitFor(async () => expect(await Promise.all(ports.map(accepts))).toEqual([false, false]), {
      timeout: 10_000,
      interval: 50,
    });
  });
});

describe("the servers that all tests share", () => {
  it("give each test a database and a key prefix of its own", async () => {
    const url = await createTestDatabase();
    expect(await query(url, "SELECT current_database() AS name")).toEqual([{ name: new URL(url).pathname.slice(1) }]);
    expect(url).not.toBe(inject("postgresUrl"));
    const { url: redisUrl, prefix } = sharedRedis();
    expect(await redisDo(redisUrl, (client) => client.ping())).toBe("PONG");
    expect(sharedRedis().prefix).not.toBe(prefix);
  });
});
