import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../support/parley/index.ts";
import {
  freePort,
  type PostgresServer,
  type RedisServer,
  startPostgres,
  startRedis,
} from "../support/servers/index.ts";
import {
  type LoadReport,
  type LoadSpec,
  type RemoteSlack,
  type SmallWorkspace,
  spawnSlackStandIn,
} from "../support/slack/index.ts";
import { cpuMs } from "./process-cost.ts";
import { type PeerName, startPeer } from "./start-peer.ts";

/** Of everything that is run: the three peers, and Parley on PostgreSQL with Redis. */
export type SubjectName = PeerName | "parley";

export interface Subject {
  readonly name: SubjectName;
  readonly pid: number;
  readonly workspace: SmallWorkspace;
  readonly threads: LoadSpec["targets"];
  /** Processes whose CPU time is its cost: the service and its stores. */
  readonly pids: readonly number[];
}

export interface Measured extends LoadReport {
  /** CPU time per message, in ms: the service, and its stores. */
  readonly serviceCpuMs: number;
  readonly storeCpuMs: number;
}

export interface Stage {
  readonly slack: RemoteSlack;
  readonly parley: ParleyProcess;
  readonly subjects: readonly Subject[];
  readonly databaseUrl: string;
  subject(name: SubjectName): Subject;
  /** Runs a load against one subject and measures what it costs. */
  measure(subject: Subject, load: Load): Promise<Measured>;
  close(): Promise<void>;
}

export interface Load {
  readonly count: number;
  readonly perSecond?: number;
  readonly inFlight?: number;
  /** Default: all threads of the subject. */
  readonly targets?: LoadSpec["targets"];
}

/** One, for a peer tells messages apart by their timestamp alone, which Slack makes unique in a channel only. */
const CHANNELS = 1;
let tokens = 0;

/** Sets up servers, the Slack stand-in and the named subjects, each as a process of its own, with `threads` conversations each. */
export async function openStage(
  names: readonly SubjectName[],
  threads: number,
  options: { postgres?: Readonly<Record<string, string>>; nodeFlags?: readonly string[] } = {},
): Promise<Stage> {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T>(value: T, close: () => Promise<void>): T => {
    closers.push(close);
    return value;
  };
  const close = async (): Promise<void> => {
    for (const one of closers.toReversed()) await one();
  };
  try {
    const slack = await spawnSlackStandIn({ recordRequests: false, delivery: { echoOwnPosts: false } });
    closers.push(() => slack.close());
    const redis = await startRedis();
    closers.push(() => redis.stop());
    const postgres = await startPostgres({ fsync: true, settings: options.postgres ?? {} });
    closers.push(() => postgres.stop());
    const folder = opened(await createRunFolder(), async () => undefined);
    closers.push(() => folder.remove());
    const made: { subject: Subject; parley: ParleyProcess | undefined }[] = [];
    for (const name of names) {
      const one = await openSubject(name, {
        slack,
        redis,
        postgres,
        folder,
        threads,
        nodeFlags: options.nodeFlags ?? [],
      });
      closers.push(one.stop);
      made.push(one);
    }
    const parley = made.find((one) => one.parley !== undefined)?.parley;
    if (parley === undefined) throw new Error("a stage is nothing without Parley");
    const subjects = made.map((one) => one.subject);
    return {
      slack,
      parley,
      subjects,
      databaseUrl: postgres.url,
      subject: (name) => {
        const found = subjects.find((subject) => subject.name === name);
        if (found === undefined) throw new Error(`${name} is not on this stage`);
        return found;
      },
      measure: (subject, load) => measure(slack, subject, load),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openSubject(
  name: SubjectName,
  on: {
    slack: RemoteSlack;
    redis: RedisServer;
    postgres: PostgresServer;
    folder: RunFolder;
    threads: number;
    nodeFlags: readonly string[];
  },
): Promise<{ subject: Subject; parley: ParleyProcess | undefined; stop: () => Promise<void> }> {
  const { slack, redis, postgres } = on;
  const port = await freePort();
  const workspace = await slack.setup.smallWorkspace({
    users: 8,
    channels: CHANNELS,
    requestUrl: `http://127.0.0.1:${port}/slack/events`,
    // The threads are there before anybody listens.
    eventTypes: [],
  });
  const threads: LoadSpec["targets"] = [];
  for (let index = 0; index < on.threads; index += 1) threads.push(await openThread(slack, workspace, index));
  await slack.setup.configureApp(workspace.app.appId, { eventTypes: ["message.channels"] });
  const { botToken, botUserId } = workspace.bot;
  const { signingSecret } = workspace.app;
  if (name === "parley") {
    const parley = await startParley({
      folder: on.folder,
      port,
      nodeFlags: on.nodeFlags,
      databaseUrl: postgres.url,
      redisUrl: redis.url,
      slack: { apiUrl: slack.apiUrl, botToken, signingSecret },
    });
    const subject = { name, pid: parley.pid, workspace, threads, pids: [postgres.pid, redis.pid] };
    return { subject, parley, stop: () => parley.stop() };
  }
  const peer = await startPeer(name, {
    port,
    apiUrl: slack.apiUrl,
    botToken,
    botUserId,
    signingSecret,
    redisUrl: redis.url,
  });
  const stores = name === "bolt" ? [] : [redis.pid];
  return {
    subject: { name, pid: peer.pid, workspace, threads, pids: stores },
    parley: undefined,
    stop: () => peer.stop(),
  };
}

export async function openThread(
  slack: RemoteSlack,
  workspace: SmallWorkspace,
  index: number,
): Promise<{ channel: string; threadTs: string }> {
  const channel = workspace.channels[index % workspace.channels.length] ?? "";
  const { ts } = await slack.people.postAs(workspace.users[0] ?? "", channel, "A thread begins here.");
  return { channel, threadTs: ts };
}

async function measure(slack: RemoteSlack, subject: Subject, load: Load): Promise<Measured> {
  const cost = (): { service: number; stores: number } => ({
    service: cpuMs(subject.pid),
    stores: subject.pids.reduce((sum, pid) => sum + cpuMs(pid), 0),
  });
  const before = cost();
  const firstToken = tokens + 1;
  tokens += load.count;
  const report = await slack.load.run({
    targets: [...(load.targets ?? subject.threads)],
    users: subject.workspace.users,
    count: load.count,
    firstToken,
    // Parley's agents are named in the text; to the peers it is a text like any other.
    prefix: "@echo ",
    timeoutMs: 60_000,
    ...(load.perSecond === undefined ? { inFlight: load.inFlight ?? 64 } : { perSecond: load.perSecond }),
  });
  const after = cost();
  if (report.answered < report.asked) {
    throw new Error(`${subject.name} answered ${report.answered} of ${report.asked} messages`);
  }
  return {
    ...report,
    serviceCpuMs: (after.service - before.service) / load.count,
    storeCpuMs: (after.stores - before.stores) / load.count,
  };
}
