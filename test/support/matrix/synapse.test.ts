import { afterEach, expect, it } from "vitest";
import { MatrixApi, type Synapse, startSynapse } from "./index.ts";

const servers: Synapse[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function started(...options: Parameters<typeof startSynapse>): Promise<Synapse> {
  const server = await startSynapse(...options);
  servers.push(server);
  return server;
}

it("keeps accounts, rooms and messages over a restart and over kill -9", { timeout: 120_000 }, async () => {
  const synapse = await started();
  const alice = await synapse.register({ localpart: "alice", displayName: "Alice" });
  expect(alice.userId).toBe("@alice:parley.test");
  const api = new MatrixApi(synapse.url, alice.accessToken);
  const { room_id: room } = await api.call<{ room_id: string }>("POST", "/_matrix/client/v3/createRoom", {
    body: { name: "lab", room_version: "12" },
  });
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
  for (const [way, goDown] of [
    ["restart", () => synapse.restart()],
    ["kill -9", () => synapse.kill9().then(() => synapse.restart())],
  ] as const) {
    await api.call("PUT", `${path}/send/m.room.message/${encodeURIComponent(way)}`, {
      body: { msgtype: "m.text", body: way },
    });
    await goDown();
  }
  const { chunk } = await api.call<{ chunk: { content: { body?: string } }[] }>("GET", `${path}/messages`, {
    query: { dir: "f" },
  });
  expect(chunk.flatMap((event) => event.content.body ?? [])).toEqual(["restart", "kill -9"]);
});
