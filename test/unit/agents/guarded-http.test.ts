import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judgeAddress } from "../../../agents/shared/address-policy.ts";
import { CONNECT_TIMEOUT_MS, type ResolveAddresses } from "../../../agents/shared/guarded-connect.ts";
import { GuardedHttp } from "../../../agents/shared/guarded-http.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { CountingServer } from "../../support/agents/counting-server.ts";
import { POISONED_NAMES, refusedUrls } from "./ssrf-corpus.ts";

const CLOSED = { allowPrivateAddresses: false, allowedCidrs: [] };
const OPEN = { allowPrivateAddresses: true, allowedCidrs: [] };

const clients: GuardedHttp[] = [];
const canaries: Server[] = [];
let contacts = 0;

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const canary of canaries.splice(0)) await new Promise((resolve) => canary.close(resolve));
});

function client(
  network: typeof CLOSED | { allowPrivateAddresses: boolean; allowedCidrs: string[] },
  resolve: ResolveAddresses = fromTable,
): GuardedHttp {
  const created = new GuardedHttp({ network, resolve });
  clients.push(created);
  return created;
}

const fromTable: ResolveAddresses = (hostname) =>
  Promise.resolve(
    (POISONED_NAMES[hostname] ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
  );

/** Listens on an address and counts who connects; undefined when this machine lacks the address. */
async function canaryOn(host: string, port: number): Promise<number | undefined> {
  const canary = createServer((socket: Socket) => {
    contacts += 1;
    socket.destroy();
  });
  const isListening = await new Promise<boolean>((resolve) => {
    canary.once("error", () => resolve(false));
    canary.listen(port, host, () => resolve(true));
  });
  if (!isListening) return undefined;
  canaries.push(canary);
  const address = canary.address();
  return typeof address === "object" && address !== null ? address.port : undefined;
}

async function failureOf(http: GuardedHttp, url: string): Promise<unknown> {
  try {
    const answer = await http.call(url, { method: "POST", body: "x", signal: AbortSignal.timeout(5_000) });
    answer.discard();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("a call to an address that must not be called", () => {
  let port: number;

  beforeEach(async () => {
    port = (await canaryOn("0.0.0.0", 0)) ?? 0;
    await canaryOn("::", port);
    contacts = 0;
  });

  it("connects to nothing, in any of its spellings", async () => {
    const urls = refusedUrls(port);
    expect(urls.length).toBeGreaterThanOrEqual(120);
    const http = client(CLOSED);
    const wrong: string[] = [];
    for (const url of urls) {
      const error = await failureOf(http, url);
      // A refusal comes before any attempt; a failed attempt would be AGENT_UNAVAILABLE with a code of the network.
      const isRefused =
        error instanceof ParleyError &&
        (error.code === "AGENT_NOT_CONFIGURED" || error.detail === "the name has no address");
      if (!isRefused) wrong.push(`${JSON.stringify(url)}: ${String(error)}`);
    }
    expect(wrong).toEqual([]);
    expect(contacts).toBe(0);
  });

  it("would have been noticed: with the setting the same port is reached", async () => {
    await failureOf(client(OPEN), `http://127.0.0.1:${port}/`);
    await failureOf(client({ allowPrivateAddresses: false, allowedCidrs: ["127.0.0.0/8"] }), `http://0x7f.1:${port}/`);
    await failureOf(client(OPEN), `http://rebind.example:${port}/`);
    await expect.poll(() => contacts).toBe(3);
  });

  it("stays refused for link-local and metadata addresses when private ones are allowed", async () => {
    const http = client(OPEN);
    for (const host of [
      "169.254.169.254",
      "[fd00:ec2::254]",
      "[fe80::1]",
      "100.64.0.1",
      "0.0.0.0",
      "[::]",
      "[::ffff:127.0.0.1]",
      "cloud.example",
    ]) {
      expect(await failureOf(http, `http://${host}:${port}/`)).toMatchObject({ code: "AGENT_NOT_CONFIGURED" });
    }
    expect(contacts).toBe(0);
  });
});

describe("a name", () => {
  it("is resolved once, and its checked address is the one that is connected to", async () => {
    const allowed = await CountingServer.start((_request, response) => response.end("{}"));
    const port = Number(new URL(allowed.origin).port);
    contacts = 0;
    await canaryOn("127.0.0.2", port);
    const answers = ["127.0.0.1", "127.0.0.2", "127.0.0.2"];
    let lookups = 0;
    const http = client({ allowPrivateAddresses: false, allowedCidrs: ["127.0.0.1/32"] }, async () => [
      { address: answers[lookups++] ?? "127.0.0.2", family: 4 },
    ]);
    const answer = await http.call(`http://rebinding.example:${port}/`, {
      method: "POST",
      body: "x",
      signal: AbortSignal.timeout(5_000),
    });
    answer.discard();
    expect([answer.status, lookups, allowed.connectionCount, contacts]).toEqual([200, 1, 1, 0]);
    expect(await failureOf(http, `http://rebinding.example:${port}/`)).toMatchObject({ code: "AGENT_NOT_CONFIGURED" });
    expect([lookups, allowed.connectionCount, contacts]).toEqual([2, 1, 0]);
    await allowed.stop();
  });

  it("that cannot be resolved is unavailable", async () => {
    const lost = Object.assign(new Error("getaddrinfo ENOTFOUND secret.example"), { code: "ENOTFOUND" });
    const error = await failureOf(
      client(CLOSED, () => Promise.reject(lost)),
      "https://secret.example/path",
    );
    expect(error).toMatchObject({ code: "AGENT_UNAVAILABLE", detail: "no connection came about (ENOTFOUND)" });
  });
});

describe("a redirect", () => {
  it("is an answer and is not followed", async () => {
    const target = await CountingServer.start((_request, response) => response.end());
    const source = await CountingServer.start((_request, response) =>
      response.writeHead(302, { location: target.origin }).end(),
    );
    const answer = await client(OPEN).call(source.origin, {
      method: "POST",
      body: "x",
      signal: AbortSignal.timeout(5_000),
    });
    expect(answer.status).toBe(302);
    expect(target.connectionCount).toBe(0);
    await source.stop();
    await target.stop();
  });
});

describe("the judgement of an address", () => {
  it.each([
    ["93.184.216.34", "public"],
    ["8.8.8.8", "public"],
    ["2606:4700:4700::1111", "public"],
    ["2a00:1450:4001::1", "public"],
    ["127.0.0.1", "refused"],
    ["not an address", "refused"],
  ])("of %s is %s", (address, kind) => {
    expect(judgeAddress(address, CLOSED).kind).toBe(kind);
  });

  it("follows the operator's networks, in their own family alone", () => {
    const policy = { allowPrivateAddresses: false, allowedCidrs: ["10.20.0.0/16", "fd00:1::/32", "169.254.7.7/32"] };
    for (const address of ["10.20.3.4", "fd00:1::5", "169.254.7.7"])
      expect(judgeAddress(address, policy).kind).toBe("opted_in");
    for (const address of ["10.21.0.1", "fd00:2::1", "169.254.169.254", "::ffff:10.20.3.4"])
      expect(judgeAddress(address, policy).kind).toBe("refused");
  });

  it("lets plain http be spoken to opted-in addresses alone", async () => {
    const http = client(CLOSED, async () => [{ address: "93.184.216.34", family: 4 }]);
    expect(await failureOf(http, "http://public.example/")).toMatchObject({
      code: "AGENT_NOT_CONFIGURED",
      detail: expect.stringContaining("https") as string,
    });
  });

  it("leaves a connection little time", () => {
    expect(CONNECT_TIMEOUT_MS).toBe(5_000);
  });
});
