import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import { type Synapse, startSynapse } from "../../support/matrix/index.ts";
import { heardBodies, setStage, until } from "./stage.ts";

let synapse: Synapse;
beforeAll(async () => {
  synapse = await startSynapse();
});
afterAll(async () => await synapse.stop());

describe("an account in encrypted rooms", { timeout: 120_000 }, () => {
  test("reads, answers readably, and is cross-signed; a restart in the middle loses nothing said meanwhile", async () => {
    const stage = await setStage(synapse);
    const { person, bot } = stage;
    const first = await stage.startBot();
    const room = await stage.room();
    await person.call("say", room, "hello?");
    expect(await person.call("missing", room, bot.userId, ["answer to hello?"], 15_000)).toEqual([]);
    expect(await person.call("device", bot.userId, bot.deviceId)).toEqual({ known: true, signedByOwner: true });
    await first.call("stop");
    await first.stop();

    await person.call("say", room, "while you were away?");
    await person.call("rotate", room);
    await person.call("say", room, "under a new session?");
    const second = await stage.startBot();
    const answers = ["answer to while you were away?", "answer to under a new session?"];
    expect(await person.call("missing", room, bot.userId, answers, 15_000)).toEqual([]);
    expect(await heardBodies(second)).toEqual(["hello?", "while you were away?", "under a new session?"]);
    expect(await second.call("health")).toBeUndefined();
    expect(await person.call("device", bot.userId, bot.deviceId)).toEqual({ known: true, signedByOwner: true });
    expect(await person.call("show", room)).toSatisfy((shown: { encrypted: boolean }[]) =>
      shown.every((one) => one.encrypted),
    );
    expect(await second.call("rejections")).toEqual([]);
  });

  test("writes in the clear where there is no encryption, and not once there is", async () => {
    const stage = await setStage(synapse);
    const { person, bot } = stage;
    const process = await stage.startBot();
    const room = await stage.room(false);
    await process.call("send", room, "in the clear");
    expect(await process.call("encrypted", room)).toBe(false);
    await person.call("encryptRoom", room);
    await person.call("say", room, "now in secret?");
    expect(await person.call("missing", room, bot.userId, ["answer to now in secret?"], 15_000)).toEqual([]);
    const shown = (await person.call("show", room)).filter(({ sender }) => sender === bot.userId);
    expect(shown.map(({ body, encrypted }) => [body, encrypted])).toEqual([
      ["in the clear", false],
      ["answer to now in secret?", true],
    ]);
  });

  test("refuses to write where it cannot find out whether the room is encrypted", async () => {
    const stage = await setStage(synapse);
    const process = await stage.startBot();
    const room = await stage.person.call("createRoom", [], true);
    await expect(process.call("send", room, "to nobody")).rejects.toThrow("PLATFORM_FORBIDDEN");
  });

  test("keeps events whose keys are missing, says so, and reads them in their order when the keys come", async () => {
    const stage = await setStage(synapse);
    const { person, bot } = stage;
    const deaf = await stage.startBot({ holdKeys: true });
    const room = await stage.room();
    await person.call("say", room, "one?");
    await person.call("say", room, "two?");
    await until("two events wait", async () => (await deaf.call("health")) === "cannot decrypt 2 events");
    expect(await deaf.call("heard")).toEqual([]);
    await deaf.call("release");
    expect(await person.call("missing", room, bot.userId, ["answer to one?", "answer to two?"], 15_000)).toEqual([]);
    expect((await deaf.call("heard")).map(({ body, late }) => [body, late])).toEqual([
      ["one?", true],
      ["two?", true],
    ]);
    expect(await deaf.call("health")).toBeUndefined();
  });

  test("what waits for its key outlasts a kill, and is read when another device brought the key to the backup", async () => {
    const stage = await setStage(synapse);
    const { person } = stage;
    const other = await stage.startBot({ ...(await stage.newDevice()), ...(await stage.otherLedger()) });
    const room = await stage.room();
    const deaf = await stage.startBot({ ...(await stage.embedded()), holdKeys: true });
    await person.call("say", room, "can you hear me");
    await until("an event waits", async () => (await deaf.call("health")) === "cannot decrypt 1 event");
    await deaf.kill9();
    await until("its key is in the backup", async () => await other.call("backedUp"), 45_000);
    const again = await stage.startBot(await stage.embedded());
    await until("it is read", async () => (await heardBodies(again)).length === 1);
    expect((await again.call("heard")).map(({ body, late }) => [body, late])).toEqual([["can you hear me", true]]);
    expect(await again.call("health")).toBeUndefined();
  });

  test("a new device reads what was said before it, from the account's backup by the recovery key", async () => {
    const stage = await setStage(synapse);
    const { person, bot } = stage;
    const first = await stage.startBot();
    const room = await stage.room();
    await person.call("say", room, "remember me");
    await until("it is heard", async () => (await heardBodies(first)).length === 1);
    await until("its key is in the backup", async () => await first.call("backedUp"), 45_000);
    await first.call("stop");
    await first.stop();
    const device = await stage.newDevice();
    const second = await stage.startBot({ ...device, ...(await stage.otherLedger()) });
    await until("it is read", async () => (await heardBodies(second)).includes("remember me"), 45_000);
    expect(await person.call("device", bot.userId, device.deviceId)).toEqual({ known: true, signedByOwner: true });
  });
});

describe("what is not right", { timeout: 60_000 }, () => {
  test("another store key, another recovery key and a device with other keys are one clear error each", async () => {
    const stage = await setStage(synapse);
    const first = await stage.startBot();
    await first.call("stop");
    await first.stop();
    await expect(stage.startBot({ storeKey: "another" })).rejects.toThrow(
      /^CONFIG_INVALID: the crypto store of \S+ on device \S+ cannot be opened: it was made with another key\./u,
    );
    const other = createRecoveryKey();
    await expect(stage.startBot({ recoveryKey: other, storeKey: stage.recoveryKey })).rejects.toThrow(
      /^CONFIG_INVALID: .+ matrix\.encryption\.recoveryKey does not open the account's secret storage/u,
    );
    await expect(stage.startBot({ recoveryKey: "EsTc 1234" })).rejects.toThrow(
      /^CONFIG_INVALID: matrix\.encryption\.recoveryKey is no Matrix recovery key/u,
    );
    await expect(stage.startBot(await stage.otherLedger())).rejects.toThrow(
      /^CONFIG_INVALID: .+ was used before, with keys that are not in this ledger/u,
    );
    const again = await stage.startBot();
    expect(await again.call("health")).toBeUndefined();
  });
});
