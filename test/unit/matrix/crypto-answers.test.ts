import { describe, expect, test } from "vitest";
import { checkedFetch } from "../../../adapters/matrix/crypto/checked-fetch.ts";

const ADDRESS = "http://127.0.0.1:8008/_matrix/client/v3/room_keys/version";
const good = {
  algorithm: "m.megolm_backup.v1.curve25519-aes-sha2",
  auth_data: {
    public_key: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
    signatures: { "@bot:parley.test": { "ed25519:DEVICE": "c2ln" } },
  },
  count: 3,
  etag: "1",
  version: "7",
};

async function asked(body: string, address = ADDRESS, init: RequestInit = {}): Promise<Response> {
  const answers = (): Promise<Response> => Promise.resolve(new Response(body, { status: 200 }));
  return await checkedFetch(answers)(address, init);
}

describe("answers about key backup", () => {
  test("that are as they should be pass as they are", async () => {
    const answer = await asked(JSON.stringify(good));
    expect([answer.status, await answer.json()]).toEqual([200, good]);
  });

  test.each([
    "",
    "<!doctype html>",
    "null",
    "[]",
    "{}",
    '"version"',
    JSON.stringify({ ...good, version: 7 }),
    JSON.stringify({ ...good, algorithm: "m.other" }),
    JSON.stringify({ ...good, auth_data: null }),
    JSON.stringify({ ...good, auth_data: { public_key: "short" } }),
    JSON.stringify({ ...good, auth_data: { ...good.auth_data, signatures: { "@bot:parley.test": null } } }),
  ])("such as %s are the homeserver's failure", async (body) => {
    for (const address of [ADDRESS, `${ADDRESS}/7`]) {
      const answer = await asked(body, address);
      expect([answer.status, await answer.json()]).toMatchObject([502, { errcode: "M_BAD_JSON" }]);
    }
  });

  test("are not looked for elsewhere", async () => {
    expect(await (await asked("{}", `${ADDRESS.replace("room_keys/version", "keys/query")}`)).text()).toBe("{}");
    expect(await (await asked('{"version":"8"}', ADDRESS, { method: "POST" })).text()).toBe('{"version":"8"}');
  });
});
