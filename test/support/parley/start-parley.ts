import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../servers/index.ts";
import type { RunFolder } from "./run-folder.ts";
import type { StoppedProcessOptions } from "./stop-point.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const COMMAND_LINE = join(ROOT, "src/cli/parley.ts");
const COMPOSED = fileURLToPath(new URL("./main.ts", import.meta.url));
const LOG_TAIL_LINES = 12;

export interface ParleyOptions extends StoppedProcessOptions {
  readonly folder: RunFolder;
  /** Default: all of them. */
  readonly roles?: readonly ("ingest" | "worker" | "delivery")[];
  /** Default: a free one. A process that is to be found again after a restart needs a fixed one. */
  readonly port?: number;
  /** Default: PGlite in the folder. */
  readonly databaseUrl?: string | undefined;
  readonly redisUrl?: string | undefined;
  readonly slack?: {
    readonly apiUrl: string;
    readonly botToken: string;
    readonly signingSecret?: string;
    readonly appToken?: string;
    readonly pacing?: "on" | "off";
  };
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of Node, such as `--cpu-prof`. */
  readonly nodeFlags?: readonly string[];
  /** How long it may take until it is ready. Default 90 000: the first start of an embedded ledger is work, on a busy machine a lot. */
  readonly readyWithinMs?: number;
  /** What is waited for instead of its readiness, such as a first call to a platform that does not let it in. Default: `/readyz` says 200. */
  readonly startedWhen?: () => Promise<boolean>;
}

/** A running Parley process. */
export interface ParleyProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly startedInMs: number;
  /** Wall time at which it ended, in ms; undefined while it runs. */
  readonly endedAt: () => number | undefined;
  /** Resolves with the wall time of its end. */
  readonly ended: Promise<number>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  /** SIGTERM and what a drain takes; SIGKILL after 15 s. */
  stop(): Promise<void>;
  /** The last lines of its log, but for those of level info. */
  logTail(): string;
}

let processes = 0;

/** Starts a real Parley process and resolves when `/readyz` says 200, or when it has started as the options have it; it is killed when this process ends at the latest. */
export async function startParley(options: ParleyOptions): Promise<ParleyProcess> {
  const started = performance.now();
  const port = options.port ?? (await freePort());
  processes += 1;
  const logFile = join(options.folder.path, `parley-${processes}.log`);
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), ...command(options)], {
    cwd: options.folder.path,
    // Processes that share a server have nothing else in common; the embedded ledger lives in the one folder of the run.
    env: environment(options, port, options.databaseUrl === undefined ? "" : `-${processes}`),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(logFile);
  child.stderr.pipe(log);
  let endedAt: number | undefined;
  const ended = once(child, "exit").then(() => {
    endedAt = Date.now();
    return endedAt;
  });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  void ended.then(() => process.off("exit", killWithUs));
  const logTail = (): string =>
    existsSync(logFile)
      ? readFileSync(logFile, "utf8")
          .trimEnd()
          .split("\n")
          .filter((line) => !line.includes('"level":"info"'))
          .slice(-LOG_TAIL_LINES)
          .join("\n")
      : "";

  const withinMs = options.readyWithinMs ?? 90_000;
  try {
    const isReady = options.startedWhen ?? (() => answersReady(port));
    await untilReady(child, isReady, ended, withinMs);
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${logTail()}`, { cause: error });
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    startedInMs: performance.now() - started,
    endedAt: () => endedAt,
    ended,
    async kill9() {
      if (endedAt === undefined) child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      if (endedAt === undefined) child.kill("SIGTERM");
      await Promise.race([ended, delay(15_000, undefined, { ref: false })]);
      if (endedAt === undefined) child.kill("SIGKILL");
      await ended;
    },
    logTail,
  };
}

/** Plain processes are the product's own command; only what needs a port inside is composed for the test. */
function command(options: ParleyOptions): string[] {
  const { stop, loseBells, sabotage } = options;
  if (stop === undefined && loseBells !== true && sabotage === undefined) return [COMMAND_LINE, "start", "--json"];
  return [COMPOSED, JSON.stringify({ stop, loseBells, sabotage })];
}

function environment(options: ParleyOptions, port: number, suffix: string): Record<string, string> {
  const { slack } = options;
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: options.folder.path,
    PARLEY_DATA: options.folder.dataFolder + suffix,
    PARLEY_PORT: String(port),
    PARLEY_LOG_FORMAT: "json",
    PARLEY_ALLOW_PRIVATE_AGENTS: "on",
    // Equal in all processes of a run, as marks and reply addresses are made with it.
    PARLEY_SECRET_KEY: "a-key-of-a-test-run-that-guards-nothing-at-all-0123456789",
    ...(options.roles === undefined ? {} : { PARLEY_ROLES: options.roles.join(",") }),
    ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    ...(slack === undefined
      ? {}
      : {
          SLACK_API_URL: slack.apiUrl,
          SLACK_BOT_TOKEN: slack.botToken,
          SLACK_PACING: slack.pacing ?? "off",
          ...(slack.signingSecret === undefined ? {} : { SLACK_SIGNING_SECRET: slack.signingSecret }),
          ...(slack.appToken === undefined ? { SLACK_MODE: "http" } : { SLACK_APP_TOKEN: slack.appToken }),
        }),
    ...options.env,
  };
}

async function untilReady(
  child: ChildProcess,
  isReady: () => Promise<true | string | false>,
  ended: Promise<number>,
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  const gone = ended.then((): never => {
    throw new Error(`Parley ended (${child.exitCode ?? child.signalCode}) before it was ready`);
  });
  gone.catch(() => undefined);
  if (child.stdout === null) throw new Error("standard output is not piped");
  const announced = once(createInterface({ input: child.stdout }), "line");
  await Promise.race([announced, gone, late(withinMs)]);
  for (let last = "no answer"; ; ) {
    if (performance.now() > deadline) throw new Error(`Parley is not ready after ${withinMs} ms: ${last}`);
    const ready = await Promise.race([isReady(), gone]);
    if (ready === true) return;
    if (ready !== false) last = ready;
    await delay(50);
  }
}

/** True, what it says is missing, or false when it does not answer. */
async function answersReady(port: number): Promise<true | string | false> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  if (answer === undefined) return false;
  return answer.status === 200 || (await answer.text());
}

async function late(withinMs: number): Promise<never> {
  await delay(withinMs, undefined, { ref: false });
  throw new Error(`Parley does not listen after ${withinMs} ms`);
}
