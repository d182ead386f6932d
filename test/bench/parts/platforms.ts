import { setTimeout as delay } from "node:timers/promises";
import { spawnDiscordStandIn } from "../../support/discord/index.ts";
import { MatrixApi, type Synapse, startSynapse } from "../../support/matrix/index.ts";
import { createRunFolder, type ParleyProcess, startParley } from "../../support/parley/index.ts";
import { startPostgres, startRedis } from "../../support/servers/index.ts";
import { MatrixAsker } from "../matrix-load.ts";
import { startPeer } from "../start-peer.ts";
import { median, medianRatio } from "../statistics.ts";
import { round } from "../targets.ts";
import type { PartOptions, PartResult } from "./peers.ts";

const DISCORD_CHANNELS = 100;
const DISCORD_IN_FLIGHT = 64;
const MATRIX_ROOMS = 5;
/** A Synapse of one process takes no more at once. */
const MATRIX_IN_FLIGHT = 8;

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
}

/** What is measured: a load against Parley or against the plain bot, with tokens of its own. */
type Measure = (subject: "plain" | "parley", load: { count: number; firstToken: number }) => Promise<Measured>;

/** Discord events in to posts out, with the stand-in's rate limits off: beside a discord.js bot that answers in the handler. */
export async function measureDiscord(options: PartOptions): Promise<PartResult> {
  const { quick } = options;
  return await onStores(async (stores, closers) => {
    const discord = await spawnDiscordStandIn({ recordRequests: false, gateway: { identifyWindowMs: 0 } });
    closers.push(() => discord.close());
    const server = () => discord.setup.smallServer({ channels: DISCORD_CHANNELS, users: 8 });
    const servers = { plain: await server(), parley: await server() };
    const plain = await startPeer("discord-js", { botToken: servers.plain.app.botToken, apiUrl: discord.apiUrl });
    closers.push(() => plain.stop());
    await stores.parley({
      DISCORD_BOT_TOKEN: servers.parley.app.botToken,
      DISCORD_API_URL: `${discord.apiUrl}/v10`,
      DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
      DISCORD_SHARDS: "1",
      DISCORD_PACING: "off",
    });
    const measure: Measure = (subject, load) =>
      discord.load.run({
        targets: servers[subject].channels.map((channel) => ({ channel })),
        users: [...servers[subject].users],
        inFlight: DISCORD_IN_FLIGHT,
        prefix: "@echo ",
        timeoutMs: 120_000,
        ...load,
      });
    return await compare("discord.js", measure, { ...options, count: quick ? 600 : 3_000 });
  });
}

/** Matrix events in to events out on a real Synapse, which is most of the time itself: beside a matrix-js-sdk bot that answers in the handler. */
export async function measureMatrix(options: PartOptions): Promise<PartResult> {
  const { quick } = options;
  return await onStores(async (stores, closers) => {
    const synapse = await startSynapse();
    closers.push(() => synapse.stop());
    const [plainBot, parleyBot] = [await synapse.register(), await synapse.register()];
    const asker = await MatrixAsker.join(synapse);
    closers.push(() => asker.leave());
    const plainRooms = await asker.rooms(MATRIX_ROOMS, plainBot.userId, (roomId) =>
      new MatrixApi(synapse.url, plainBot.accessToken).call("POST", `/_matrix/client/v3/join/${roomId}`, { body: {} }),
    );
    const plain = await startPeer("matrix-js-sdk", {
      homeserverUrl: synapse.url,
      accessToken: plainBot.accessToken,
      userId: plainBot.userId,
    });
    closers.push(() => plain.stop());
    await stores.parley({
      MATRIX_HOMESERVER_URL: synapse.url,
      MATRIX_ACCESS_TOKEN: parleyBot.accessToken,
      MATRIX_PACING: "off",
    });
    const parleyRooms = await asker.rooms(MATRIX_ROOMS, parleyBot.userId, (roomId) =>
      joined(asker, synapse, roomId, parleyBot.userId),
    );
    const rooms = { plain: plainRooms, parley: parleyRooms };
    const measure: Measure = (subject, load) =>
      asker.run({ rooms: rooms[subject], inFlight: MATRIX_IN_FLIGHT, ...load });
    return await compare("matrix-js-sdk", measure, { ...options, count: quick ? 100 : 400 });
  });
}

async function joined(asker: MatrixAsker, synapse: Synapse, roomId: string, accountId: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await asker.isMember(roomId, accountId))) {
    if (performance.now() > deadlineMs) throw new Error(`${accountId} did not join a room of ${synapse.serverName}`);
    await delay(50);
  }
}

interface Stores {
  /** Starts Parley on the stores with these settings besides its own. */
  parley(env: Readonly<Record<string, string>>): Promise<ParleyProcess>;
}

/** PostgreSQL with Redis, and everything ended in turn whatever happens. */
async function onStores(
  work: (stores: Stores, closers: (() => Promise<unknown>)[]) => Promise<PartResult>,
): Promise<PartResult> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const redis = await startRedis();
    closers.push(() => redis.stop());
    const postgres = await startPostgres({ fsync: true });
    closers.push(() => postgres.stop());
    const folder = await createRunFolder();
    closers.push(() => folder.remove());
    const stores: Stores = {
      async parley(env) {
        const parley = await startParley({ folder, databaseUrl: postgres.url, redisUrl: redis.url, env });
        closers.push(() => parley.stop());
        return parley;
      },
    };
    return await work(stores, closers);
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function compare(
  peer: string,
  measure: Measure,
  { quick, say, count }: PartOptions & { count: number },
): Promise<PartResult> {
  const rounds: Record<"plain" | "parley", Measured[]> = { plain: [], parley: [] };
  let firstToken = 1;
  for (let index = 0; index <= (quick ? 2 : 5); index += 1) {
    for (const subject of ["plain", "parley"] as const) {
      const one = await measure(subject, { count, firstToken });
      firstToken += count;
      // The first round warms up.
      if (index === 0) continue;
      rounds[subject].push(one);
      say(
        `round ${index}, ${subject === "plain" ? peer : "parley"}: ${round(one.perSecond)}/s, p50 ${round(one.p50Ms)} ms`,
      );
    }
  }
  const rate = (subject: "plain" | "parley"): number[] => rounds[subject].map((one) => one.perSecond);
  const p50 = (subject: "plain" | "parley"): number => median(rounds[subject].map((one) => one.p50Ms));
  const ratio = medianRatio(rate("parley"), rate("plain"));
  return {
    table: [
      `plain ${peer}, nothing stored: ${round(median(rate("plain")))} msg/s, p50 ${round(p50("plain"))} ms`,
      `Parley, PostgreSQL and Redis: ${round(median(rate("parley")))} msg/s, p50 ${round(p50("parley"))} ms (x ${round(ratio)})`,
    ],
    // No aim was set for it: how much the platform's own side costs decides.
    findings: [],
  };
}
