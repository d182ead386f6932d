import { cp } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import {
  createRunFolder,
  type ParleyOptions,
  type ParleyProcess,
  type RunAgents,
  type RunFolder,
  startParley,
} from "../support/parley/index.ts";
import { freePort } from "../support/servers/index.ts";
import {
  type Asked,
  checkHistory,
  type LogEntry,
  type RemoteSlack,
  type SmallWorkspace,
  type StandInOptions,
  spawnSlackStandIn,
} from "../support/slack/index.ts";
import { type Asker, createPlaces, type Place, startAsking } from "./questions.ts";
import type { Outcome, StoreKind } from "./scenario.ts";
import type { RunServers } from "./servers.ts";
import { type JudgeOptions, judge } from "./verdict.ts";

const THREADS = 10;
const PEOPLE = 2;

export interface StageOptions {
  readonly slack?: StandInOptions;
  readonly transport?: "http" | "socket";
  readonly agents?: RunAgents;
  readonly echo?: Partial<RunAgents[number]>;
  readonly threads?: number;
  /** The setting of that name. Default: as short as the stand-in's own late effects allow. */
  readonly lateEffectMs?: number;
}

type FolderOptions = NonNullable<Parameters<typeof createRunFolder>[0]>;

/** Everything of one run: the servers, the Slack stand-in, and the Parley processes that a scenario starts and ends. */
export interface Stage {
  readonly store: StoreKind;
  readonly reduced: boolean;
  readonly servers: RunServers;
  readonly say: (text: string) => void;
  /** A folder of its own, with an embedded ledger that was started once where the run has one; removed after the run. */
  newFolder(options?: FolderOptions): Promise<RunFolder>;
  /** Starts a process on the run's servers; killed after the run at the latest. */
  startParley(options: ParleyOptions): Promise<ParleyProcess>;
  /** Processes so far. */
  readonly processes: readonly ParleyProcess[];
  /** Closed after the run, the last one first. */
  closeLater(close: () => Promise<void>): void;
  /** Sets the scene of Slack; called once, first. */
  open(options?: StageOptions): Promise<Scene>;
}

export interface Scene {
  readonly slack: RemoteSlack;
  readonly workspace: SmallWorkspace;
  readonly places: readonly Place[];
  readonly folder: RunFolder;
  /** The port that Slack sends events to: that of whoever has the ingest role. */
  readonly ingestPort: number;
  start(options?: Partial<ParleyOptions>): Promise<ParleyProcess>;
  ask(label: string, perSecond: number, more?: { count?: number; extra?: string }): Asker;
  /** Waits until the asker has asked its count, then settles. */
  settleAfter(asker: Asker, label: string, withinMs: number): Promise<void>;
  /** Resolves when every acknowledged question of the label is answered and no delivery is under way, or after `withinMs`. */
  settle(label: string, withinMs: number): Promise<void>;
  history(label: string): Promise<{ asked: Asked[]; log: LogEntry[] }>;
  /** Stops what runs and judges the whole run. */
  judge(options?: JudgeOptions): Promise<Outcome>;
}

/** What is opened for a scenario and closed after it. */
export function createStage(options: {
  store: StoreKind;
  reduced: boolean;
  servers: RunServers;
  say: (text: string) => void;
  /** A data folder that was started once: initialising one takes longer than many a scenario. */
  embeddedTemplate: () => Promise<string>;
}): { stage: Stage; close: () => Promise<void>; logs: () => string } {
  const { store, servers } = options;
  const closers: (() => Promise<void>)[] = [];
  const processes: ParleyProcess[] = [];

  async function newFolder(how: FolderOptions = {}): Promise<RunFolder> {
    const folder = await createRunFolder(how);
    closers.push(() => folder.remove());
    if (store === "pglite") await cp(await options.embeddedTemplate(), folder.dataFolder, { recursive: true });
    return folder;
  }

  async function start(how: ParleyOptions): Promise<ParleyProcess> {
    const started = await startParley({ databaseUrl: servers.databaseUrl, redisUrl: servers.redisUrl, ...how });
    processes.push(started);
    return started;
  }

  async function open(scene: StageOptions = {}): Promise<Scene> {
    const folder = await newFolder({
      ...(scene.agents === undefined ? {} : { agents: scene.agents }),
      ...(scene.echo === undefined ? {} : { echo: scene.echo }),
      ...(scene.lateEffectMs === undefined ? {} : { lateEffectMs: scene.lateEffectMs }),
    });
    // Slack's pauses, shortened: at once, 2 s and 10 s.
    const slack = await spawnSlackStandIn({ delivery: { retryDelaysMs: [0, 2_000, 10_000] }, ...scene.slack });
    closers.push(() => slack.close());
    const ingestPort = await freePort();
    const workspace = await slack.setup.smallWorkspace({
      users: PEOPLE,
      channels: 4,
      ...(scene.transport === "socket"
        ? { transport: "socket" as const }
        : { requestUrl: `http://127.0.0.1:${ingestPort}/slack/events` }),
    });
    const credentials = {
      apiUrl: slack.apiUrl,
      botToken: workspace.bot.botToken,
      signingSecret: workspace.app.signingSecret,
      ...(scene.transport === "socket" ? { appToken: workspace.app.appToken } : {}),
    };
    const places: Place[] = [];

    async function history(label: string): Promise<{ asked: Asked[]; log: LogEntry[] }> {
      const all = await slack.people.asked();
      return {
        asked: label === "" ? all : all.filter((one) => one.token.startsWith(`${label}-`)),
        log: await slack.log.since(0),
      };
    }

    async function isSettled(label: string): Promise<boolean> {
      if ((await slack.deliveries.pendingCount()) > 0) return false;
      const { asked, log } = await history(label);
      return checkHistory({ asked, log }).lost.length === 0;
    }

    const made: Scene = {
      slack,
      workspace,
      places,
      folder,
      ingestPort,
      async start(more = {}) {
        const ingests = more.roles === undefined || more.roles.includes("ingest");
        const started = await start({
          folder,
          slack: credentials,
          ...(ingests ? { port: ingestPort } : {}),
          ...more,
        });
        // Threads need somebody who hears of their beginning.
        if (places.length === 0 && ingests)
          places.push(...(await createPlaces(slack, workspace, scene.threads ?? THREADS)));
        return started;
      },
      ask: (label, perSecond, more = {}) => startAsking({ slack, workspace, places, label, perSecond, ...more }),
      async settle(label, withinMs) {
        const deadline = performance.now() + withinMs;
        while (performance.now() < deadline) {
          if (await isSettled(label)) return;
          await delay(150);
        }
      },
      async settleAfter(asker, label, withinMs) {
        await asker.done;
        await made.settle(label, withinMs);
      },
      history,
      judge: (how = {}) => judge({ scene: made, store, servers, processes }, how),
    };
    return made;
  }

  return {
    stage: {
      store,
      reduced: options.reduced,
      servers,
      say: options.say,
      processes,
      newFolder,
      startParley: start,
      closeLater: (close) => void closers.push(close),
      open,
    },
    logs: () =>
      processes
        .map((one) => one.logTail())
        .filter((text) => text !== "")
        .join("\n--\n"),
    async close() {
      await Promise.all(processes.map((one) => one.kill9()));
      for (const close of closers.toReversed()) await close();
    },
  };
}
