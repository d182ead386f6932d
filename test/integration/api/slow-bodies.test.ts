import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type FastifyInstance, fastify } from "fastify";
import { afterEach, expect, test } from "vitest";
import { readBody } from "../../../adapters/shared/read-body.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";

const MAX_BODY_BYTES = 1024 ** 2;
const CHUNK = `10000\r\n${"x".repeat(0x10000)}\r\n`;

const running: ApiServer[] = [];
const callers: Caller[] = [];
afterEach(async () => {
  for (const { socket } of callers.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((api) => api.close()));
});

/** A server with a route of an adapter, which says how long the body was. */
const start = async (): Promise<ApiServer> => {
  const receiver = async (server: FastifyInstance) => {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", (_request, _payload, done) => done(null));
    server.post("/receiver", async (request) => {
      const body = await readBody(request.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: 60_000 });
      return { bytes: body.length };
    });
  };
  const api = await startApiServer({ mounts: [receiver] });
  running.push(api);
  return api;
};

interface Caller {
  readonly socket: Socket;
  answer: string;
}

const call = (api: ApiServer, path: string, more: string, ...headers: string[]): Caller => {
  const socket = connect(api.port, "127.0.0.1").on("error", () => undefined);
  const caller: Caller = { socket, answer: "" };
  callers.push(caller);
  socket.on("data", (data: Buffer) => {
    caller.answer += data.toString("latin1");
  });
  socket.write(
    [`POST ${path} HTTP/1.1`, "Host: 127.0.0.1", "Content-Type: application/json", ...headers, "", more].join("\r\n"),
  );
  return caller;
};
const WRONG_TOKEN = "Authorization: Bearer wrong";
const dripping = (api: ApiServer, path = "/receiver") => call(api, path, "{", "Content-Length: 100000");
const openOf = (several: readonly Caller[]) => several.filter(({ socket }) => !socket.closed).length;

const ended = ({ socket }: Caller) => new Promise<void>((resolve) => void socket.once("close", () => resolve()));

/** Sends without end, as fast as it is taken; resolves with how much that was once the connection has ended. */
const sendWithoutEnd = async (caller: Caller): Promise<number> => {
  const { socket } = caller;
  const push = (): void => {
    while (socket.writable && socket.bytesWritten < 1024 ** 3 && socket.write(CHUNK));
  };
  socket.on("drain", push);
  push();
  await ended(caller);
  return socket.bytesWritten;
};

test("what is sent on after a refusal is not read: not what has no end, and not what drips", async () => {
  const api = await start();
  const endless = call(api, "/api/agents", "", "Transfer-Encoding: chunked", WRONG_TOKEN);
  // What goes out beyond what was read lies in the buffers of both sides.
  expect(await sendWithoutEnd(endless)).toBeLessThan(32 * 1024 ** 2);
  const slow = call(api, "/api/agents", "{", "Content-Length: 100000", WRONG_TOKEN);
  await ended(slow);
  expect(slow.answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(slow.answer).toMatch(/\r\nconnection: close\r\n/i);
});

test("who has sent a short body by the time of the refusal, or right after it, keeps the connection; who has not is ended", async () => {
  const api = await start();
  const late = call(api, "/api/agents", "{", "Content-Length: 2", WRONG_TOKEN);
  await once(late.socket, "data");
  late.socket.write("}GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  await expect.poll(() => late.answer).toMatch(/^HTTP\/1\.1 401 [\s\S]*HTTP\/1\.1 200 /);
  const never = call(api, "/api/agents", "{", "Content-Length: 2", WRONG_TOKEN);
  await ended(never);
  expect(never.answer).toMatch(/^HTTP\/1\.1 401 /);
});

test("it is not the oldest body that makes room, but the slowest: one that comes on is taken", async () => {
  const api = await start();
  const text = "x".repeat(300_000);
  const honest = call(api, "/receiver", "", `Content-Length: ${text.length}`);
  await once(honest.socket, "connect");
  const drips: Caller[] = [];
  for (let sent = 0; sent < text.length; sent += 30_000) {
    honest.socket.write(text.slice(sent, sent + 30_000));
    drips.push(...Array.from({ length: 20 }, () => dripping(api)));
    await expect.poll(() => openOf(drips), { timeout: 4_000 }).toBeLessThanOrEqual(64);
  }
  await expect.poll(() => honest.answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*\{"bytes":300000\}/);
  expect(openOf(drips)).toBeLessThanOrEqual(64);
});

test("bodies that go where nothing is are bounded as others are, in number and in time", async () => {
  const api = await start();
  const drips = Array.from({ length: 100 }, () => dripping(api, "/nowhere"));
  await expect.poll(() => openOf(drips), { timeout: 4_000 }).toBe(64);
  await expect.poll(() => openOf(drips), { timeout: 8_000, interval: 200 }).toBe(0);
}, 20_000);

test("of bodies that do not say how long they are, or are long, there are fewer; a short one finds room", async () => {
  const api = await start();
  const drips = Array.from({ length: 40 }, (_, at) =>
    call(api, "/receiver", "", at % 2 === 0 ? "Transfer-Encoding: chunked" : "Content-Length: 1000000"),
  );
  await expect.poll(() => openOf(drips), { timeout: 4_000 }).toBe(16);
  const short = call(api, "/receiver", "", "Content-Length: 2");
  await once(short.socket, "connect");
  short.socket.write("{}");
  await expect.poll(() => short.answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(openOf(drips)).toBe(16);
});

test("of one sender not much is read before the others have their turn", async () => {
  const server = fastify();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", (_request, _payload, done) => done(null));
  let inThisTurn = 0;
  let most = 0;
  const nextTurn = (): void => {
    inThisTurn = 0;
    turn = setImmediate(nextTurn);
  };
  let turn = setImmediate(nextTurn);
  server.post("/", async ({ raw }) => {
    raw.on("data", (chunk: Buffer) => {
      inThisTurn += chunk.length;
      most = Math.max(most, inThisTurn);
    });
    const body = await readBody(raw, { maxBytes: 8 * MAX_BODY_BYTES, timeoutMs: 60_000 });
    return { bytes: body.length };
  });
  try {
    const url = await server.listen({ host: "127.0.0.1", port: 0 });
    const answer = await fetch(url, { method: "POST", body: Buffer.alloc(8 * MAX_BODY_BYTES, "x") });
    expect(await answer.json()).toEqual({ bytes: 8 * MAX_BODY_BYTES });
  } finally {
    clearImmediate(turn);
    await server.close();
  }
  expect(most).toBeLessThan(MAX_BODY_BYTES / 2);
});
