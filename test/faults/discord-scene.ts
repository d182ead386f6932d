import { setTimeout as delay } from "node:timers/promises";
import { type RemoteDiscord, type StandInOptions, spawnDiscordStandIn } from "../support/discord/index.ts";
import type { ParleyOptions, ParleyProcess, RunAgents } from "../support/parley/index.ts";
import { type Asked, checkHistory, type LogEntry } from "../support/slack/index.ts";
import type { Outcome } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { type JudgedHistory, type JudgedScene, type JudgeOptions, judge } from "./verdict.ts";

export type SmallServer = Awaited<ReturnType<RemoteDiscord["setup"]["smallServer"]>>;

/** Where agents write: by the webhook of a channel, or as the bot in direct messages. */
export const WRITES = ["POST /webhooks/:webhook/:token", "POST /channels/:channel/messages"];
/** A write that was never answered is given up after 15 s, and looked for before it is tried again. */
const SETTLE_MS = 90_000;
/** What an hour of crashes may cost. */
export const MAX_IDENTIFIES = 10;
export const HOUR_MS = 3_600_000;
const HEARTBEAT_MS = 1_500;
/** The lease of a process that was killed ends after 15 s; the pauses between attempts grow to a minute and a fifth. */
const CONNECTED_MS = 80_000;

export interface DiscordSceneOptions {
  readonly standIn?: StandInOptions;
  readonly agents?: RunAgents;
}

/** One guild with people who ask, and the Parley processes that a scenario starts and kills. */
export interface DiscordScene extends JudgedScene {
  readonly discord: RemoteDiscord;
  readonly server: SmallServer;
  /** Channels, then a direct conversation for each person. */
  readonly places: readonly { readonly channel: string; readonly user: string }[];
  start(more?: Partial<ParleyOptions>): Promise<ParleyProcess>;
  /** What a person writes to ask the bot; the token is that of the question, such as `discord-7`. */
  question(token: string, extra?: string): string;
  /** Asks so many questions, in turn in each place, at a steady rate. */
  ask(count: number, perSecond: number): Promise<void>;
  /** How often a session was begun or taken up again. */
  connections(): Promise<number>;
  /** Waits for one more connection than `before`, as long as the lease of a process that died may take; false when none came. */
  connectedSince(before: number): Promise<boolean>;
  /** Waits until each question has its answer, at most for a minute and a half. */
  settle(without?: (token: string) => boolean): Promise<void>;
  /** Settles, and says what is wrong. */
  judge(options?: JudgeOptions): Promise<Outcome>;
}

export async function openDiscord(stage: Stage, options: DiscordSceneOptions = {}): Promise<DiscordScene> {
  const discord = await spawnDiscordStandIn({
    ...options.standIn,
    gateway: { heartbeatIntervalMs: HEARTBEAT_MS, identifyWindowMs: 0, ...options.standIn?.gateway },
  });
  stage.closeLater(() => discord.close());
  const folder = await stage.newFolder(options.agents === undefined ? {} : { agents: options.agents });
  const server = await discord.setup.smallServer({ channels: 4, users: 2, name: "Parley" });
  const { app, users } = server;
  const places = server.channels.map((channel, index) => ({ channel, user: users[index % users.length] ?? "" }));
  for (const user of users) places.push({ channel: await discord.people.openDirect(user, app.botUserId), user });
  const env = {
    DISCORD_BOT_TOKEN: app.botToken,
    DISCORD_API_URL: `${discord.apiUrl}/v10`,
    DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
    DISCORD_SHARDS: "1",
    DISCORD_PACING: "off",
  };
  let asked = 0;
  const history = async (): Promise<JudgedHistory> => {
    const log = await discord.people.written();
    const said = await discord.people.asked();
    return { asked: said.map((one) => ({ ...one, token: newestToken(one, log) })), log };
  };
  const scene: DiscordScene = {
    discord,
    server,
    places,
    folder,
    acceptedWhenStored: true,
    ledgerWithinMs: 40_000,
    start: (more = {}) => stage.startParley({ folder, ...more, env: { ...env, ...more.env } }),
    question: (token, extra = "question") => `<@${app.botUserId}> ${extra} [#${token}]`,
    async ask(count, perSecond) {
      for (const until = asked + count; asked < until; ) {
        const place = places[asked % places.length];
        if (place === undefined) throw new Error("there is no place to ask in");
        asked += 1;
        await discord.people.postAs(place.user, place.channel, scene.question(`discord-${asked}`));
        await delay(1_000 / perSecond);
      }
    },
    history,
    async connections() {
      const resumed = (await discord.gateway.resumes()).filter(({ outcome }) => outcome === "resumed");
      return (await discord.gateway.identifies(app.applicationId)).length + resumed.length;
    },
    async connectedSince(before) {
      for (const deadline = performance.now() + CONNECTED_MS; performance.now() < deadline; await delay(50))
        if ((await scene.connections()) > before) return true;
      return false;
    },
    async settle(without = () => false) {
      for (const deadline = performance.now() + SETTLE_MS; performance.now() < deadline; await delay(200)) {
        const { lost } = checkHistory(await history());
        if (lost.every(({ token }) => without(token))) return;
      }
    },
    async judge(how = {}) {
      await scene.settle(how.without);
      // What is said twice is said late.
      await delay(1_500);
      const { servers, store, processes } = stage;
      const begun = (await discord.gateway.identifies(app.applicationId)).map(({ at }) => at);
      const identifies = mostInAnHour(begun);
      const resumes = (await discord.gateway.resumes()).filter(({ outcome }) => outcome === "resumed").length;
      return await judge(
        { scene, store, servers, processes },
        {
          ...how,
          figures: { identifies: begun.length, resumes, ...how.figures },
          findings: [
            ...(identifies > MAX_IDENTIFIES ? [`${identifies} identifies within an hour`] : []),
            ...(how.findings ?? []),
          ],
        },
      );
    },
  };
  return scene;
}

/** The most of these times, in ms and oldest first, that lie within one hour. */
function mostInAnHour(times: readonly number[]): number {
  return Math.max(0, ...times.map((from, index) => times.slice(index).filter((at) => at - from < HOUR_MS).length));
}

/** An answer is owed to what a question says now. */
function newestToken({ token, ts }: Asked, log: readonly LogEntry[]): string {
  const edit = log.findLast((entry) => entry.ts === ts && entry.kind === "update" && entry.by === "user");
  return /\[#([\w-]+)\]/u.exec(edit?.text ?? "")?.[1] ?? token;
}
