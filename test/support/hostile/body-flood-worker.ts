import { connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import type { BodyFloodOptions, BodyFloodReport } from "./body-flood.ts";

/**
 * Strangers that take up a server: connections whose headers or bodies drip in, and bodies without end. Each comes back when it
 * is put out, as attackers do. In a thread of its own, so that what it costs does not slow down whoever measures.
 */
const { port, drips, streams } = workerData as BodyFloodOptions; // given by body-flood.ts
const DRIP_MS = 1_000;
const DRIP_BACK_MS = 5_000;
const STREAM_BACK_MS = 2_000;
/** Connections that are opened per tick at the start: a burst that the kernel's queue holds. */
const OPENED_AT_ONCE = 50;
const STREAM_BYTES = 1024 ** 3;
const CHUNK = Buffer.from(`10000\r\n${"x".repeat(0x10000)}\r\n`);

const report: BodyFloodReport = { opened: 0, open: 0, putOut: 0, refused: {}, sentBytes: 0, longestBytes: 0 };
let isOver = false;
const sockets = new Set<Socket>();

/** What a caller of Slack sends along, with a signature that only the whole body could prove wrong. */
const slackHead = (): string =>
  `POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
  `X-Slack-Request-Timestamp: ${Math.floor(Date.now() / 1_000)}\r\nX-Slack-Signature: v0=${"a".repeat(64)}\r\n`;
const replyHead = (): string =>
  `POST /api/replies/${"A".repeat(43)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`;
const agentHead = (): string =>
  `POST /api/agents HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nAuthorization: Bearer wrong\r\n`;
const HEADS = [slackHead, replyHead, agentHead];

/** The beginning of a request that goes on byte by byte: half of them in the headers, half in the body. */
const DRIPS = [
  () => `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Slow: `,
  ...HEADS.map((head) => () => `${head()}Content-Length: 100000\r\n\r\n{`),
  ...HEADS.map((head) => () => `${head()}X-Slow: `),
];

function open(): Socket {
  report.opened += 1;
  report.open += 1;
  const socket = connect(port, "127.0.0.1");
  sockets.add(socket);
  socket.on("error", () => undefined);
  let answer = "";
  socket.on("data", (data: Buffer) => {
    if (answer === "") answer = data.toString("latin1", 0, 12);
  });
  socket.once("close", () => {
    sockets.delete(socket);
    report.open -= 1;
    if (isOver) return;
    report.putOut += 1;
    const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? "cut off";
    report.refused[status] = (report.refused[status] ?? 0) + 1;
  });
  return socket;
}

function drip(index: number): void {
  if (isOver) return;
  const socket = open();
  socket.write(DRIPS[index % DRIPS.length]?.() ?? "");
  const timer = setInterval(() => socket.write("x"), DRIP_MS);
  socket.once("close", () => {
    clearInterval(timer);
    setTimeout(() => drip(index), DRIP_BACK_MS);
  });
}

function stream(index: number): void {
  if (isOver) return;
  const socket = open();
  socket.write(`${HEADS[index % HEADS.length]?.() ?? ""}Transfer-Encoding: chunked\r\n\r\n`);
  let sent = 0;
  const push = (): void => {
    while (socket.writable && sent < STREAM_BYTES) {
      sent += 0x10000;
      if (!socket.write(CHUNK)) return;
    }
  };
  socket.on("drain", push);
  push();
  socket.once("close", () => {
    report.sentBytes += socket.bytesWritten;
    report.longestBytes = Math.max(report.longestBytes, socket.bytesWritten);
    setTimeout(() => stream(index), STREAM_BACK_MS);
  });
}

let begun = 0;
const opening = setInterval(() => {
  for (let n = 0; n < OPENED_AT_ONCE && begun < drips + streams; n += 1, begun += 1)
    if (begun < drips) drip(begun);
    else stream(begun - drips);
  if (begun === drips + streams) clearInterval(opening);
}, 10);

parentPort?.on("message", (asked: "report" | "stop") => {
  if (asked === "stop") {
    isOver = true;
    clearInterval(opening);
    for (const socket of sockets) socket.destroy();
  }
  parentPort?.postMessage(report);
  if (asked === "stop") process.exit(0);
});
