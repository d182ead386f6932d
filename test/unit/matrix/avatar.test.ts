import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { avatarOf } from "../../../adapters/matrix/avatar.ts";
import { GuardedHttp } from "../../../agents/shared/guarded-http.ts";
import { refusePrivateAddress } from "../../../src/api/agent-address.ts";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import { recordingSink } from "../../contract/adapter-suite/recording-sink.ts";

/** Pictures of agents are fetched under the same rules as agents are called. */

let server: Server;
let port = 0;
let hits: string[] = [];
let uploads: string[] = [];
const clients: GuardedHttp[] = [];

beforeEach(async () => {
  hits = [];
  uploads = [];
  server = createServer((request, response) => {
    hits.push(request.url ?? "");
    if (request.url === "/elsewhere") {
      response.writeHead(302, { location: "/a.png", "content-type": "image/png" }).end("moved");
      return;
    }
    response.writeHead(200, { "content-type": "image/png" }).end("a picture");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await new Promise((resolve) => server.close(resolve));
});

function fetchUnder(allowPrivateAddresses: boolean, url: string): Promise<string | undefined> {
  const http = new GuardedHttp({ network: { allowPrivateAddresses, allowedCidrs: [] } });
  clients.push(http);
  const account: Parameters<typeof avatarOf>[0] = {
    sink: recordingSink(),
    installationId: "i-1",
    guarded: (_label, _signal, work) => work,
    client: {
      upload: async (_call, bytes) => {
        uploads.push(Buffer.from(bytes).toString());
        return { content_uri: "mxc://example.org/1" };
      },
    },
  };
  return avatarOf(account, http, url);
}

const INSIDE = ["127.0.0.1", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "localhost", "169.254.169.254"];

describe("the picture of an agent", () => {
  test.each(INSIDE)("is not fetched from %s, and an agent with it is not taken", async (host) => {
    const url = `http://${host}:${port}/a.png`;
    await expect(fetchUnder(false, url)).rejects.toThrow(/leads into a /);
    expect([hits, uploads]).toEqual([[], []]);
    const definition = AgentDefinition.parse({
      handle: "one",
      name: "One",
      connector: { kind: "webhook", url: "https://example.org/" },
      avatarUrl: url,
    });
    expect(() => refusePrivateAddress(definition, false)).toThrow(/avatarUrl/);
  });

  test("is fetched from this machine where an operator allows that, and no redirect is followed", async () => {
    expect(await fetchUnder(true, `http://127.0.0.1:${port}/a.png`)).toBe("mxc://example.org/1");
    expect(await fetchUnder(true, `http://127.0.0.1:${port}/elsewhere`)).toBeUndefined();
    expect([hits, uploads]).toEqual([["/a.png", "/elsewhere"], ["a picture"]]);
  });
});
