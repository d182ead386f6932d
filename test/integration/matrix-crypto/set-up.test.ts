import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCryptoDevice } from "../../../adapters/matrix/crypto/client-device.ts";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import type { AccountCrypto } from "../../../adapters/matrix/crypto-port.ts";
import type { AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import { logIn, type MatrixAccount, MatrixApi, type Synapse, startSynapse } from "../../support/matrix/index.ts";
import { openLedger, quietLogger } from "./ledger.ts";

const CLIENT = "/_matrix/client/v3";
let synapse: Synapse;
let storeOf: (owner: string) => AdapterStateStore;
let owners = 0;

beforeAll(async () => {
  [synapse, storeOf] = await Promise.all([startSynapse(), openLedger("i")]);
});
afterAll(async () => await synapse.stop());

interface SetUp {
  readonly crypto: AccountCrypto;
  close(): Promise<void>;
}

/** Opens the account's device as a process of its own would, which takes the lease from whoever was there before. */
async function setUp(
  account: Pick<MatrixAccount, "userId" | "deviceId" | "accessToken">,
  recoveryKey: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<SetUp> {
  owners += 1;
  const state = storeOf(`process ${owners}`);
  const lease = await state.lease("i", `device ${account.deviceId}`);
  if (lease === undefined) throw new Error("the lease is not free");
  const { userId, deviceId, accessToken } = account;
  const crypto = await openCryptoDevice({
    installationId: "i",
    homeserverUrl: synapse.url,
    userId,
    deviceId,
    accessToken,
    recoveryKey,
    state,
    lease,
    logger: quietLogger,
    fetch,
    deliver: () => Promise.resolve(),
  });
  return {
    crypto,
    async close() {
      await crypto.close();
      await lease.release();
    },
  };
}

/** The homeserver until a process ends: nothing is answered any more from the so-manieth write on, which arrives or not. */
function endingAt(write: number, arrives: boolean): { fetch: typeof globalThis.fetch; ended: Promise<"ended"> } {
  const end = Promise.withResolvers<"ended">();
  const never = new Promise<Response>(() => undefined);
  let writes = 0;
  return {
    ended: end.promise,
    fetch: async (resource, init) => {
      const isWrite = init?.method !== "GET" && !new Request(resource).url.endsWith("/keys/query");
      if (isWrite) writes += 1;
      if (writes > write || (writes === write && isWrite && !arrives)) {
        end.resolve("ended");
        return never;
      }
      const answer = await globalThis.fetch(resource, init);
      if (writes < write || !isWrite) return answer;
      end.resolve("ended");
      return never;
    },
  };
}

interface Keys {
  readonly keys: Record<string, string>;
  readonly signatures?: Record<string, Record<string, string>>;
}

/** What others see of the account: devices signed by its identity, and what of its secrets lies at the homeserver. */
async function seen(account: MatrixAccount): Promise<{ signed: readonly string[]; secrets: number; backups: string }> {
  const api = new MatrixApi(synapse.url, account.accessToken);
  const { userId } = account;
  const answer = await api.call<{
    device_keys: Record<string, Record<string, Keys>>;
    self_signing_keys?: Record<string, Keys>;
  }>("POST", `${CLIENT}/keys/query`, { body: { device_keys: { [userId]: [] } } });
  const [signer = "none"] = Object.keys(answer.self_signing_keys?.[userId]?.keys ?? {});
  const devices = Object.entries(answer.device_keys[userId] ?? {});
  const signed = devices.filter(([, device]) => device.signatures?.[userId]?.[signer] !== undefined).map(([id]) => id);
  const names = [
    "m.cross_signing.master",
    "m.cross_signing.self_signing",
    "m.cross_signing.user_signing",
    "m.megolm_backup.v1",
  ];
  const stored = names.map((name) =>
    api.call("GET", `${CLIENT}/user/${encodeURIComponent(userId)}/account_data/${name}`).then(
      () => 1,
      () => 0,
    ),
  );
  const secrets = (await Promise.all(stored)).reduce<number>((sum, one) => sum + one, 0);
  const { version } = await api.call<{ version: string }>("GET", `${CLIENT}/room_keys/version`);
  return { signed, secrets, backups: version };
}

describe("the set-up of a device", { timeout: 120_000 }, () => {
  test.each([true, false])("is taken up again wherever it ended, the last write arrived: %s", async (arrives) => {
    for (let write = 1; ; write += 1) {
      const account = await synapse.register();
      const recoveryKey = createRecoveryKey();
      const { fetch, ended } = endingAt(write, arrives);
      const first = setUp(account, recoveryKey, fetch);
      const outcome = await Promise.race([first, ended]);
      const again = await setUp(account, recoveryKey);
      const device = { signed: [account.deviceId], secrets: 4, backups: expect.any(String) };
      expect([write, await seen(account)]).toEqual([write, device]);
      expect(again.crypto.health()).toBeUndefined();
      await again.close();
      if (outcome === "ended") continue;
      // The whole set-up was done before the so-manieth write: there are no further moments.
      await outcome.close();
      expect(write).toBeGreaterThan(8);
      return;
    }
  });

  test("of a second device keeps the account's identity and backup, and signs both", async () => {
    const account = await synapse.register();
    const recoveryKey = createRecoveryKey();
    const first = await setUp(account, recoveryKey);
    const before = await seen(account);
    const other = await logIn(synapse.url, account.userId, account.password);
    const second = await setUp(other, recoveryKey);
    const after = await seen(account);
    expect([...after.signed].sort()).toEqual([account.deviceId, other.deviceId].sort());
    expect(after.backups).toBe(before.backups);
    await first.close();
    await second.close();
  });
});
