import { rmSync } from "node:fs";
import { onTestFinished } from "vitest";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import { embeddedDataFolder } from "../../support/embedded/data-folder.ts";
import { logIn, type MatrixAccount, type Synapse } from "../../support/matrix/index.ts";
import type { BotFunctions, BotParameters } from "../../support/matrix-crypto/bot-process.ts";
import { CalledProcess } from "../../support/matrix-crypto/child-calls.ts";
import type { PersonFunctions } from "../../support/matrix-crypto/person-process.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";

export type Bot = CalledProcess<BotFunctions>;
export type Person = CalledProcess<PersonFunctions>;

const PERSON = new URL("../../support/matrix-crypto/person-process.ts", import.meta.url);
const BOT = new URL("../../support/matrix-crypto/bot-process.ts", import.meta.url);

/** A person with a client of their own, and an account of the bot with its ledger; the bot runs when it is started. */
export interface CryptoStage {
  readonly person: Person;
  readonly bot: MatrixAccount;
  readonly recoveryKey: string;
  /** Starts the bot on the ledger, or what differs of it. */
  startBot(differs?: Partial<BotParameters>): Promise<Bot>;
  /** As startBot, without waiting for it. */
  spawnBot(differs?: Partial<BotParameters>): Bot;
  /** A room of the person's into which the running bot came. */
  room(encrypted?: boolean): Promise<string>;
  /** An empty ledger for a bot that has nothing of the first one's. */
  otherLedger(): Promise<Pick<BotParameters, "databaseUrl">>;
  /** An embedded ledger, always the same one: whoever comes after a kill need not wait for a lease to run out. */
  embedded(): Promise<Pick<BotParameters, "dataFolder" | "databaseUrl">>;
  /** Another device of the bot's account. */
  newDevice(): Promise<Pick<BotParameters, "accessToken" | "deviceId">>;
}

export async function setStage(synapse: Synapse): Promise<CryptoStage> {
  const [alice, bot, databaseUrl] = await Promise.all([synapse.register(), synapse.register(), createTestDatabase()]);
  const recoveryKey = createRecoveryKey();
  const account = { url: synapse.url, userId: bot.userId, deviceId: bot.deviceId, accessToken: bot.accessToken };
  let folder: Promise<string> | undefined;
  onTestFinished(async () => {
    if (folder !== undefined) rmSync(await folder, { recursive: true, force: true });
  });
  const person: Person = new CalledProcess<PersonFunctions>(PERSON, { ...alice, url: synapse.url });
  onTestFinished(() => person.stop());
  await person.call("start");
  const spawnBot = (differs: Partial<BotParameters> = {}): Bot => {
    const process = new CalledProcess<BotFunctions>(BOT, { ...account, recoveryKey, databaseUrl, ...differs });
    onTestFinished(() => process.stop());
    return process;
  };
  return {
    person,
    bot,
    recoveryKey,
    spawnBot,
    async startBot(differs) {
      const process = spawnBot(differs);
      await process.call("start");
      return process;
    },
    async room(encrypted = true) {
      const roomId = await person.call("createRoom", [bot.userId], encrypted);
      if (!(await person.call("sees", roomId, bot.userId))) throw new Error("the bot did not come");
      return roomId;
    },
    otherLedger: async () => ({ databaseUrl: await createTestDatabase() }),
    embedded: async () => ({ dataFolder: await (folder ??= embeddedDataFolder()), databaseUrl: undefined }),
    async newDevice() {
      const { accessToken, deviceId } = await logIn(synapse.url, bot.userId, bot.password);
      return { accessToken, deviceId };
    },
  };
}

/** Looks until it holds; the processes have no events for what is in their stores. */
export async function until(what: string, holds: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function heardBodies(bot: Bot): Promise<readonly string[]> {
  return (await bot.call("heard")).map(({ body }) => body);
}
