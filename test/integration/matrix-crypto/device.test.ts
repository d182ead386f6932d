import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openCryptoDevice } from "../../../adapters/matrix/crypto/client-device.ts";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import type { AccountCrypto, CryptoOptions } from "../../../adapters/matrix/crypto-port.ts";
import type { AdapterLease, AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import {
  type FaultProxy,
  type MatrixAccount,
  MatrixPerson,
  type Synapse,
  startFaultProxy,
  startSynapse,
} from "../../support/matrix/index.ts";
import { openLedger, quietLogger } from "./ledger.ts";

let synapse: Synapse;
let proxy: FaultProxy;
let storeOf: (owner: string) => AdapterStateStore;

beforeAll(async () => {
  [synapse, storeOf] = await Promise.all([startSynapse(), openLedger("i1", "i2", "i3")]);
  proxy = await startFaultProxy(() => synapse.url);
});
afterAll(async () => {
  await proxy.close();
  await synapse.stop();
});

interface Opened {
  readonly crypto: AccountCrypto;
  readonly account: MatrixAccount;
  readonly lease: AdapterLease;
}

async function leased(state: AdapterStateStore, installationId: string, account: MatrixAccount): Promise<AdapterLease> {
  const lease = await state.lease(installationId, `device ${account.deviceId}`);
  if (lease === undefined) throw new Error("the lease is not free");
  return lease;
}

async function open(
  installationId: string,
  known: Partial<CryptoOptions> & { readonly account?: MatrixAccount } = {},
): Promise<Opened> {
  const { account = await synapse.register(), ...differs } = known;
  const { userId, deviceId, accessToken } = account;
  const state = differs.state ?? storeOf("one");
  const lease = differs.lease ?? (await leased(state, installationId, account));
  const crypto = await openCryptoDevice({
    installationId,
    homeserverUrl: proxy.url,
    userId,
    deviceId,
    accessToken,
    recoveryKey: createRecoveryKey(),
    state,
    lease,
    logger: quietLogger,
    fetch: globalThis.fetch,
    deliver: () => Promise.resolve(),
    ...differs,
  });
  onTestFinished(async () => {
    await crypto.close();
    await lease.release();
  });
  return { crypto, account, lease };
}

/** By access token: the homeserver gives the same first answer again for a while. */
const since = new Map<string, string>();

async function syncOnce(crypto: AccountCrypto, account: MatrixAccount): Promise<void> {
  const { api } = new MatrixPerson(synapse.url, account);
  const query = { timeout: 0, since: since.get(account.accessToken) };
  const answer = await api.call<Record<string, unknown>>("GET", "/_matrix/client/v3/sync", { query });
  since.set(account.accessToken, String(answer["next_batch"]));
  await crypto.receive(answer);
  crypto.synced();
}

const rejections: unknown[] = [];
const onRejection = (reason: unknown): number => rejections.push(reason);

describe("a device in encrypted rooms", { timeout: 60_000 }, () => {
  beforeAll(() => void process.on("unhandledRejection", onRejection));
  afterAll(() => void process.off("unhandledRejection", onRejection));

  test("shares its process with others, and each reads only what it has keys for", async () => {
    const [one, two] = await Promise.all([open("i1"), open("i2")]);
    const owner = new MatrixPerson(synapse.url, one.account);
    const room = await owner.createRoom({ encrypted: true });
    await syncOnce(one.crypto, one.account);
    const { type, content } = await one.crypto.seal(room, "m.room.message", { msgtype: "m.text", body: "mine" });
    expect(type).toBe("m.room.encrypted");
    expect(JSON.stringify(content)).not.toContain("mine");
    const eventId = await owner.send(room, type, content);
    const event = await owner.api.call<Record<string, unknown>>(
      "GET",
      `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/event/${encodeURIComponent(eventId)}`,
    );
    expect(await one.crypto.read(room, event)).toMatchObject({ type: "m.room.message", content: { body: "mine" } });
    expect(await two.crypto.read(room, event)).toBeUndefined();
    expect(two.crypto.health()).toBeUndefined();
    expect(await two.crypto.open(room, event, null)).toBeUndefined();
    expect(two.crypto.health()).toBe("cannot decrypt 1 event");
    expect("indexedDB" in globalThis).toBe(false);
  });

  test("leaves reactions in the clear, relations outside of the secret, and everything else inside", async () => {
    const { crypto, account } = await open("i1");
    const owner = new MatrixPerson(synapse.url, account);
    const room = await owner.createRoom({ encrypted: true });
    await syncOnce(crypto, account);
    const reaction = { "m.relates_to": { rel_type: "m.annotation", event_id: "$a", key: "👍" } };
    expect(await crypto.seal(room, "m.reaction", reaction)).toEqual({ type: "m.reaction", content: reaction });
    const relation = { rel_type: "m.thread", event_id: "$root" };
    const sealed = await crypto.seal(room, "m.room.message", {
      msgtype: "m.text",
      body: "in a thread",
      "m.mentions": { user_ids: ["@a:b"] },
      "m.relates_to": relation,
    });
    expect(sealed.content["m.relates_to"]).toEqual(relation);
    expect(Object.keys(sealed.content)).not.toContain("m.mentions");
  });

  test("gives those who left nothing of what is said later, and those who come nothing of what was said before", async () => {
    const [one, two, three] = await Promise.all([open("i1"), open("i2"), open("i3")]);
    const owner = new MatrixPerson(synapse.url, one.account);
    const [leaver, comer] = [two, three].map(({ account }) => new MatrixPerson(synapse.url, account));
    const room = await owner.createRoom({ encrypted: true, invite: [two.account.userId] });
    await leaver?.join(room);
    const say = async (body: string): Promise<Record<string, unknown>> => {
      await syncOnce(one.crypto, one.account);
      const { content } = await one.crypto.seal(room, "m.room.message", { msgtype: "m.text", body });
      const eventId = await owner.send(room, "m.room.encrypted", content);
      await Promise.all([two, three].map(({ crypto, account }) => syncOnce(crypto, account)));
      return {
        type: "m.room.encrypted",
        event_id: eventId,
        sender: one.account.userId,
        content,
        origin_server_ts: Date.now(),
      };
    };
    const readers = (event: Record<string, unknown>) =>
      Promise.all([one, two, three].map(async ({ crypto }) => (await crypto.read(room, event)) !== undefined));
    const session = (event: Record<string, unknown>): unknown => Object(event["content"])["session_id"];

    const first = await say("to the two of us");
    const second = await say("still the two of us");
    expect(session(second)).toBe(session(first));
    await leaver?.leave(room);
    const third = await say("to myself");
    await owner.invite(room, three.account.userId);
    await comer?.join(room);
    const fourth = await say("welcome");
    expect(await readers(first)).toEqual([true, true, false]);
    expect(await readers(second)).toEqual([true, true, false]);
    expect(await readers(third)).toEqual([true, false, false]);
    expect(await readers(fourth)).toEqual([true, false, true]);
  });

  test("ends at once when another process took its lease, and writes nothing more", async () => {
    const { crypto, account, lease } = await open("i1");
    const owner = new MatrixPerson(synapse.url, account);
    const room = await owner.createRoom({ encrypted: true });
    await syncOnce(crypto, account);
    const next = await leased(storeOf("two"), "i1", account);
    onTestFinished(() => next.release());
    await expect(crypto.seal(room, "m.room.message", { body: "too late" })).rejects.toMatchObject({
      code: "LEASE_LOST",
    });
    expect(crypto.ended.aborted).toBe(true);
    expect(crypto.health()).toMatch(/^encryption ended: /u);
    await expect(crypto.receive({})).rejects.toMatchObject({ code: "LEASE_LOST" });
    await crypto.close();
    expect(lease.epoch).toBeLessThan(next.epoch);
  });

  test("refuses to write while the homeserver does not say who is in the room, or what devices they have", async () => {
    const [{ crypto, account }, other] = await Promise.all([open("i1"), open("i2")]);
    const owner = new MatrixPerson(synapse.url, account);
    const room = await owner.createRoom({ encrypted: true });
    await syncOnce(crypto, account);
    const message = { msgtype: "m.text", body: "for both of us" };
    const refused = async (path: RegExp, code: string, prepare = () => Promise.resolve()): Promise<void> => {
      const match = { path, token: account.accessToken };
      const callOff = proxy.strike({ kind: "refused", status: 403, errcode: "M_FORBIDDEN", match, times: 1_000 });
      await prepare();
      const sealed = crypto.seal(room, "m.room.message", message);
      await expect(sealed).rejects.toMatchObject({ code, delivery: "not_sent" });
      callOff();
    };
    await refused(/\/members/u, "PLATFORM_FORBIDDEN");
    await refused(/\/keys\/query/u, "PLATFORM_UNAVAILABLE", async () => {
      await owner.invite(room, other.account.userId);
      await syncOnce(crypto, account);
    });
    await refused(/\/keys\/claim/u, "PLATFORM_FORBIDDEN");
    await refused(/\/sendToDevice/u, "PLATFORM_FORBIDDEN");
    expect((await crypto.seal(room, "m.room.message", message)).type).toBe("m.room.encrypted");
  });

  test("bears hostile sync answers and hostile events, and goes on", async () => {
    const { crypto, account } = await open("i1");
    const owner = new MatrixPerson(synapse.url, account);
    const room = await owner.createRoom({ encrypted: true });
    const sender = "@a:b";
    for (const answer of [
      { to_device: { events: [null, 7, {}, { type: "m.room.encrypted", sender, content: 7 }] } },
      { to_device: { events: [{ type: "m.room.encrypted", sender, content: { algorithm: "x", ciphertext: [] } }] } },
      { to_device: { events: [{ type: "m.key.verification.request", sender, content: {} }] } },
      { to_device: { events: [{ type: "m.room_key", sender: "nobody", content: {} }] } },
      { to_device: "events", device_lists: { changed: [7, "nobody", "@x:y"], left: "all" } },
      { device_one_time_keys_count: { signed_curve25519: "many" }, device_unused_fallback_key_types: [7] },
      {
        rooms: {
          join: { "no room": { state: { events: [{ type: "m.room.encryption", state_key: "" }] } }, [room]: 7 },
        },
      },
      {
        rooms: {
          join: { [room]: { timeline: { limited: true, events: [{ type: "m.room.member", state_key: "x" }] } } },
        },
      },
      { rooms: 7 },
    ])
      await crypto.receive(answer);
    const base = { type: "m.room.encrypted", event_id: "$e", sender, origin_server_ts: 1 };
    const megolm = { algorithm: "m.megolm.v1.aes-sha2", session_id: "s", sender_key: "k", device_id: "D" };
    for (const content of [undefined, {}, { ...megolm }, { ...megolm, ciphertext: "%" }, { ...megolm, ciphertext: {} }])
      expect(await crypto.open(room, { ...base, content }, null)).toBeUndefined();
    expect(await crypto.open("no room", { ...base, content: { ...megolm, ciphertext: "AAAA" } }, null)).toBeUndefined();
    await syncOnce(crypto, account);
    expect((await crypto.seal(room, "m.room.message", { body: "still here" })).type).toBe("m.room.encrypted");
  });

  test.each([
    "{}",
    "null",
    "<!doctype html>",
    '{"version":1,"algorithm":"m.megolm_backup.v1.curve25519-aes-sha2","auth_data":{}}',
  ])("opens although the answer about the key backup is %s, and the process lives", async (body) => {
    const account = await synapse.register();
    // A refusal about backups becomes an answer that is none.
    const fetch: typeof globalThis.fetch = async (resource, init) => {
      const answer = await globalThis.fetch(resource, init);
      return new Request(resource).url.includes("/room_keys/version") ? new Response(body, { status: 200 }) : answer;
    };
    // In the other ones events wait for their keys.
    const { crypto } = await open("i3", { account, fetch });
    expect(crypto.health()).toBeUndefined();
    // The SDK looks for backups in the background.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(rejections).toEqual([]);
  });

  test("without a recovery key is no device", async () => {
    await expect(open("i1", { recoveryKey: undefined })).rejects.toMatchObject({ code: "CREDENTIAL_MISSING" });
  });
});
