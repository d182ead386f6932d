import { connect, createServer } from "node:net";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort, type RedisOptions, type RedisServer, startRedis } from "../../support/servers/index.ts";
import { type Bell, hearingDoorbell, makeDoorbell, until } from "./doorbells.ts";
import { NO_DATABASE } from "./no-database.ts";

async function start(options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis({ persistence: "aof", ...options });
  onTestFinished(() => server.stop());
  return server;
}

async function admin(server: RedisServer): Promise<Redis> {
  const client = new Redis(server.url);
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

const on = (redisUrl: string): { database: typeof NO_DATABASE; redisUrl: string } => ({
  database: NO_DATABASE,
  redisUrl,
});

async function timedRing({ doorbell }: Bell): Promise<{ ms: number; code: unknown }> {
  const started = performance.now();
  const code = await doorbell.ring(["timed"]).then(
    () => "rung",
    (error: { code?: unknown }) => error.code,
  );
  return { ms: performance.now() - started, code };
}

describe("what is refused at the start", () => {
  test("a Redis that evicts, with the cure", async () => {
    const server = await start({ maxmemoryPolicy: "allkeys-lru" });
    const { doorbell } = await makeDoorbell(on(server.url));
    const starting = doorbell.start({ worker: false });
    await expect(starting).rejects.toMatchObject({ code: "QUEUE_CONFIG_REFUSED" });
    await expect(starting).rejects.toThrow("set maxmemory-policy noeviction");
  });

  test("wrong credentials, without waiting for ever and without printing them", async () => {
    const server = await start();
    const client = await admin(server);
    await client.config("SET", "requirepass", "right");
    for (const credentials of ["", "user:topsecret@"]) {
      const { doorbell } = await makeDoorbell(on(server.url.replace("redis://", `redis://${credentials}`)));
      const starting = doorbell.start({ worker: false });
      await expect(starting).rejects.toMatchObject({ code: "QUEUE_CONFIG_REFUSED" });
      await expect(starting).rejects.not.toThrow("topsecret");
    }
  });

  test("a Redis that is too old, by what it says of itself", async () => {
    const server = await start();
    // A real one, whose answer to INFO is changed on its way: the digits of its version alone, so that every length stays.
    const proxy = createServer((client) => {
      const upstream = connect(server.port, "127.0.0.1");
      client.pipe(upstream);
      upstream.on("data", (data) =>
        client.write(Buffer.from(data.toString("latin1").replace(/redis_version:\d/g, "redis_version:5"), "latin1")),
      );
      for (const socket of [client, upstream])
        socket.on("error", () => undefined).on("close", () => [client, upstream].map((each) => each.destroy()));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => proxy.listen(port, "127.0.0.1", resolve));
    onTestFinished(() => void proxy.close());
    const { doorbell } = await makeDoorbell(on(`redis://127.0.0.1:${port}`));
    const starting = doorbell.start({ worker: false });
    await expect(starting).rejects.toMatchObject({ code: "QUEUE_CONFIG_REFUSED" });
    await expect(starting).rejects.toThrow(/its version is 5\.[\d.]+: upgrade to/);
  });

  test("a URL that is none of Redis's", async () => {
    await expect(makeDoorbell(on("http://127.0.0.1"))).rejects.toMatchObject({ code: "QUEUE_CONFIG_REFUSED" });
  });

  test("one without an append-only file is warned about and used", async () => {
    const server = await start({ persistence: "none" });
    const { doorbell, logger } = await makeDoorbell(on(server.url));
    await doorbell.start({ worker: false });
    expect(logger.messages("warn").join()).toContain("appendonly is no");
    expect(await doorbell.health()).toMatchObject({ ok: true });
  });
});

test("a Redis that is away at the start is waited for in the background", async () => {
  const port = await freePort();
  const bell = await hearingDoorbell(on(`redis://127.0.0.1:${port}`));
  expect(await bell.doorbell.health()).toMatchObject({ ok: false });
  expect((await timedRing(bell)).code).toBe("QUEUE_UNAVAILABLE");
  await start({ port });
  await until(async () => (await bell.doorbell.health()).ok);
  await bell.doorbell.ring(["at last"]);
  await until(() => bell.heard.flat().includes("at last"));
  expect(bell.logger.messages("warn")).toHaveLength(1);
  expect(bell.logger.messages("info")).toEqual(["queue is back"]);
});

test("FLUSHALL, also of BullMQ's own keys, is survived without a restart", async () => {
  const server = await start();
  const { doorbell, heard } = await hearingDoorbell(on(server.url));
  const client = await admin(server);
  for (let round = 0; round < 5; round += 1) {
    await doorbell.ring([`before ${round}`]);
    await until(() => heard.flat().includes(`before ${round}`));
    await client.flushall();
    await doorbell.ring([`after ${round}`]);
    await until(() => heard.flat().includes(`after ${round}`), 3_000);
  }
  expect(heard).toHaveLength(10);
});

test("FLUSHALL while a bell is worked on and another waits for its end loses neither the worker nor later bells", async () => {
  const server = await start();
  const release = Promise.withResolvers<void>();
  const { doorbell, heard } = await hearingDoorbell(on(server.url), async ([id]) => {
    if (id === "slow") await release.promise;
  });
  await doorbell.ring(["slow"]);
  await until(() => heard.length === 1);
  await doorbell.ring(["slow"]);
  await (await admin(server)).flushall();
  release.resolve();
  await doorbell.ring(["slow"]);
  await until(() => heard.length >= 2);
  await doorbell.ring(["next"]);
  await until(() => heard.flat().includes("next"));
  expect(await doorbell.health()).toMatchObject({ ok: true });
});

describe("a Redis that dies", () => {
  test("fails rings within 500 ms, is logged once, and is used again when it is back", async () => {
    const server = await start();
    const bell = await hearingDoorbell(on(server.url));
    await bell.doorbell.ring(["before"]);
    await until(() => bell.heard.length === 1);
    await server.kill9();
    for (let ring = 0; ring < 50; ring += 1) {
      const { ms, code } = await timedRing(bell);
      expect(code).toBe("QUEUE_UNAVAILABLE");
      expect(ms).toBeLessThan(500);
    }
    bell.doorbell.ringQuietly(["quiet"]);
    expect(await bell.doorbell.health()).toMatchObject({ ok: false });
    await server.restart();
    await until(async () => (await timedRing(bell)).code === "rung");
    await bell.doorbell.ring(["after"]);
    await until(() => bell.heard.flat().includes("after"));
    expect(bell.logger.messages("warn")).toHaveLength(1);
    expect(bell.logger.messages("info")).toEqual(["queue is back"]);
  });

  test("keeps the bells that it had, when it has an append-only file", async () => {
    const server = await start();
    const producer = await makeDoorbell(on(server.url));
    await producer.doorbell.start({ worker: false });
    await producer.doorbell.ring(["kept"]);
    await server.kill9();
    await server.restart();
    const { heard } = await hearingDoorbell(on(server.url));
    await until(() => heard.length > 0);
    expect(heard).toEqual([["kept"]]);
  });
});

test("a Redis that hangs fails rings within 500 ms, and close is bounded", async () => {
  const server = await start();
  const bell = await hearingDoorbell(on(server.url));
  process.kill(server.pid, "SIGSTOP");
  onTestFinished(() => void process.kill(server.pid, "SIGCONT"));
  for (let ring = 0; ring < 3; ring += 1) {
    const { ms, code } = await timedRing(bell);
    expect(code).toBe("QUEUE_UNAVAILABLE");
    expect(ms).toBeLessThan(500);
  }
  const asked = performance.now();
  expect(await bell.doorbell.health()).toMatchObject({ ok: false });
  expect(performance.now() - asked).toBeLessThan(500);
  const closing = performance.now();
  await bell.doorbell.close({ drainMs: 500 });
  expect(performance.now() - closing).toBeLessThan(3_500);
});

test("a policy that turns bad while running is noticed at the next connection", async () => {
  const server = await start();
  const bell = await hearingDoorbell(on(server.url));
  const client = await admin(server);
  await client.config("SET", "maxmemory-policy", "allkeys-lru");
  await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until(async () => (await bell.doorbell.health()).detail?.includes("noeviction"));
  expect((await timedRing(bell)).code).toBe("QUEUE_UNAVAILABLE");
  await client.config("SET", "maxmemory-policy", "noeviction");
  await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until(async () => (await timedRing(bell)).code === "rung");
});

test("finished bells leave nothing behind that grows", async () => {
  const server = await start();
  const { doorbell, heard } = await hearingDoorbell(on(server.url));
  const client = await admin(server);
  const rounds: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 400; n += 1) await doorbell.ring([`round ${round} conversation ${n}`]);
    await until(() => heard.flat().length >= 400 * (round + 1));
    await until(async () => (await doorbell.health()).active === 0);
    rounds.push(await client.dbsize());
  }
  expect(rounds[2]).toBeLessThanOrEqual((rounds[0] ?? 0) + 2);
  expect(await client.dbsize()).toBeLessThan(20);
});

test("a Redis without memory refuses rings, says so in health, is logged once and costs no CPU; later it is used again", async () => {
  const server = await start();
  const bell = await hearingDoorbell(on(server.url));
  await bell.doorbell.ring(["before"]);
  await until(() => bell.heard.length === 1);
  const client = await admin(server);
  await client.config("SET", "maxmemory", "1");
  const cpu = process.cpuUsage();
  const started = performance.now();
  while (performance.now() - started < 2_000) {
    expect((await timedRing(bell)).code).toBe("QUEUE_UNAVAILABLE");
    expect(await bell.doorbell.health()).toMatchObject({ ok: false, detail: expect.stringContaining("OOM") });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { user, system } = process.cpuUsage(cpu);
  expect((user + system) / 1_000).toBeLessThan(1_000);
  expect(bell.logger.messages("warn")).toHaveLength(1);
  await client.config("SET", "maxmemory", "0");
  await bell.doorbell.ring(["after"]);
  await until(() => bell.heard.flat().includes("after"));
  expect(await bell.doorbell.health()).toMatchObject({ ok: true });
});
