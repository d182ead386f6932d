import { createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { type ClientOutcome, KeepAliveClient, parseResponse } from "../../support/slack/events/keep-alive-client.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(
  onRequest: (socket: Socket, nth: number) => void,
): Promise<{ post: (timeoutMs?: number) => Promise<ClientOutcome>; connections: () => number }> {
  let connections = 0;
  let requests = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("data", () => {
      requests += 1;
      onRequest(socket, requests);
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const client = new KeepAliveClient(new URL(`http://127.0.0.1:${port}`), 2);
  closing.push(() => {
    client.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    post: (timeoutMs = 2000) => client.post("POST / HTTP/1.1\r\nhost: x", "body", timeoutMs),
    connections: () => connections,
  };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

it.each<[string, string, { status: number; body: string; keepAlive: boolean }]>([
  ["by length", OK, { status: 200, body: "ok", keepAlive: true }],
  [
    "in chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    { status: 200, body: "abcde", keepAlive: true },
  ],
  ["without a body", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, body: "", keepAlive: true }],
  [
    "with goodbye",
    "HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    { status: 503, body: "", keepAlive: false },
  ],
  ["after 100", `HTTP/1.1 100 Continue\r\n\r\n${OK}`, { status: 200, body: "ok", keepAlive: true }],
])("reads an answer %s, however it is cut", (_name, text, expected) => {
  const bytes = Buffer.from(text);
  expect(parseResponse(bytes, false)).toMatchObject(expected);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (cut) => {
      expect(parseResponse(bytes.subarray(0, cut), false)).toBeUndefined();
    }),
  );
});

it("keeps connections, and queues what is more than it may open", async () => {
  const { post, connections } = await serve((socket) => setImmediate(() => socket.write(OK)));
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => post()));
  expect(outcomes.every((one) => one.kind === "answer" && one.body === "ok")).toBe(true);
  expect(connections()).toBe(2);
});

it("tells silence from a dead connection, and goes on", async () => {
  const { post } = await serve((socket, nth) => {
    if (nth === 2) socket.destroy();
    if (nth > 2) socket.write(OK);
  });
  expect(await post(50)).toEqual({ kind: "timeout" });
  expect(await post()).toEqual({ kind: "failed" });
  expect(await post()).toMatchObject({ kind: "answer" });
});

it("tries once more when a kept-alive connection turns out to be closed", async () => {
  const { post, connections } = await serve((socket, nth) => (nth === 2 ? socket.destroy() : socket.write(OK)));
  await post();
  expect(await post()).toMatchObject({ kind: "answer" });
  expect(connections()).toBe(2);
});

it("fails when nobody listens", async () => {
  const client = new KeepAliveClient(new URL("http://127.0.0.1:1"), 1);
  expect(await client.post("POST / HTTP/1.1", "", 1000)).toEqual({ kind: "failed" });
});
