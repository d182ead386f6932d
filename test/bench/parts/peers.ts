import { type Measured, openStage, type Stage, type SubjectName } from "../stage.ts";
import { median, medianRatio } from "../statistics.ts";
import { type Finding, round } from "../targets.ts";

export interface PartOptions {
  readonly quick: boolean;
  readonly say: (text: string) => void;
}

export interface PartResult {
  readonly findings: readonly Finding[];
  /** The figures behind them, as lines of a table. */
  readonly table: readonly string[];
}

const NAMES: readonly SubjectName[] = ["bolt", "chat", "bullmq", "parley"];
const LABELS: Record<SubjectName, string> = {
  bolt: "(a) plain Bolt, nothing stored",
  chat: "(b) chat, queue, ioredis state",
  bullmq: "(c) raw BullMQ on that Redis",
  parley: "Parley, PostgreSQL and Redis",
};
const THREADS = 100;

type Rounds = Record<SubjectName, Measured[]>;

/** Sustained rate with 64 in flight, and CPU per message: rounds of all four, one after another, so that a busy machine hits them alike. */
export async function measureRate({ quick, say }: PartOptions): Promise<PartResult> {
  // A rate is sustained once the compiler has done its work, which a service with more code takes longer for.
  const rounds = await run(say, { rounds: quick ? 2 : 5, warmUp: quick ? 500 : 8_000 }, (stage, name) =>
    stage.measure(stage.subject(name), { count: quick ? 1_000 : 3_000 }),
  );
  const rate = (name: SubjectName): number[] => rounds[name].map((one) => one.perSecond);
  const cpu = (name: SubjectName): number[] => rounds[name].map((one) => one.serviceCpuMs + one.storeCpuMs);
  const boundBy = "CPU that service, stores and generator share on two cores";
  return {
    table: NAMES.map((name) => {
      const all = rounds[name];
      const p = (pick: (one: Measured) => number): string => round(median(all.map(pick)));
      return `${LABELS[name].padEnd(32)} ${p((one) => one.perSecond)} msg/s (x a ${round(medianRatio(rate(name), rate("bolt")))}, x b ${round(medianRatio(rate(name), rate("chat")))}, x c ${round(medianRatio(rate(name), rate("bullmq")))}), p50 ${p((one) => one.p50Ms)} ms, p99 ${p((one) => one.p99Ms)} ms, CPU ${p((one) => one.serviceCpuMs)} + stores ${p((one) => one.storeCpuMs)} ms`;
    }),
    findings: [
      {
        name: "sustained rate, x (b)",
        value: medianRatio(rate("parley"), rate("chat")),
        unit: "x",
        aim: "at least",
        target: 1.4,
        further: 2,
        boundBy,
      },
      {
        name: "sustained rate, x (a)",
        value: medianRatio(rate("parley"), rate("bolt")),
        unit: "x",
        aim: "at least",
        target: 0.9,
        further: 1.2,
        boundBy,
      },
      {
        name: "CPU per message with stores, x (a)",
        value: medianRatio(cpu("parley"), cpu("bolt")),
        unit: "x",
        aim: "at most",
        target: 1.3,
        further: 0.9,
        boundBy:
          "three statements a message (intake that also routes, reply, receipt) and a read of its transcript, some 37 WAL records",
      },
    ],
  };
}

/** Reply latency and CPU at 50 messages a second. */
export async function measureLatency({ quick, say }: PartOptions): Promise<PartResult> {
  const rounds = await run(say, { rounds: quick ? 2 : 5, warmUp: 500 }, (stage, name) =>
    stage.measure(stage.subject(name), { count: quick ? 200 : 500, perSecond: 50 }),
  );
  const p50 = (name: SubjectName): number => median(rounds[name].map((one) => one.p50Ms));
  return {
    table: NAMES.map((name) => {
      const p = (pick: (one: Measured) => number): string => round(median(rounds[name].map(pick)));
      return `${LABELS[name].padEnd(32)} at 50/s: p50 ${p((one) => one.p50Ms)} ms, p99 ${p((one) => one.p99Ms)} ms, CPU ${p((one) => one.serviceCpuMs)} + stores ${p((one) => one.storeCpuMs)} ms`;
    }),
    findings: [
      {
        name: "reply p50 at 50/s above (a)",
        value: p50("parley") - p50("bolt"),
        unit: "ms",
        aim: "at most",
        target: 6,
        further: 2,
        boundBy:
          "two commits one after another before the post (intake that also routes, reply), each with a flush to the disk",
      },
    ],
  };
}

async function run(
  say: (text: string) => void,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
  measure: (stage: Stage, name: SubjectName) => Promise<Measured>,
): Promise<Rounds> {
  const stage = await openStage(NAMES, THREADS);
  const all: Rounds = { bolt: [], chat: [], bullmq: [], parley: [] };
  try {
    for (const subject of stage.subjects) await stage.measure(subject, { count: warmUp });
    for (let index = 0; index < rounds; index += 1) {
      for (const name of NAMES) {
        const one = await measure(stage, name);
        all[name].push(one);
        say(
          `round ${index + 1} of ${rounds}, ${name}: ${round(one.perSecond)}/s, p50 ${round(one.p50Ms)} ms, CPU ${round(one.serviceCpuMs)} + ${round(one.storeCpuMs)} ms`,
        );
      }
    }
  } finally {
    await stage.close();
  }
  return all;
}
