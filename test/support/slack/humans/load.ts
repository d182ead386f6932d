import { tokenNumber } from "../history-checker.ts";

export interface LoadSpec {
  /** Where to ask, in turn. */
  targets: { channel: string; threadTs?: string }[];
  /** Who asks, in turn; all must be in all channels. */
  users: string[];
  count: number;
  /** Closed loop: so many questions are unanswered at any time. Default 64, unless a rate is given. */
  inFlight?: number;
  /** Open loop: so many questions a second, whatever the answers do. */
  perSecond?: number;
  /** Written before the token, for instance a mention. Default empty. */
  prefix?: string;
  /** The first token's number, so that several runs do not mix. Default 1. */
  firstToken?: number;
  /** How long the run may last in all. Default 120 000. */
  timeoutMs?: number;
}

export interface LoadReport {
  asked: number;
  answered: number;
  /** From the first question to the last answer. */
  seconds: number;
  perSecond: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** How questions get into a platform, and answers out of it. */
export interface LoadPorts {
  readonly post: (user: string, target: LoadSpec["targets"][number], text: string) => void;
  /** Calls the listener with the text of each message that an app writes or changes; returns what ends it. */
  readonly onAppText: (listener: (text: string) => void) => () => void;
}

/** Asks many questions from inside the stand-in, which costs next to nothing, and times the answers by its own clock. */
export class Load {
  readonly #ports: LoadPorts;

  constructor(ports: LoadPorts) {
    this.#ports = ports;
  }

  /** Resolves when every question is answered (an app's post that quotes its token) or the time is over. */
  run(spec: LoadSpec): Promise<LoadReport> {
    const { count, perSecond, timeoutMs = 120_000, firstToken = 1 } = spec;
    const latencies: number[] = [];
    const askedAt = new Map<string, number>();
    const startedAt = performance.now();
    let asked = 0;
    let answeredAt = startedAt;

    const ask = (): void => {
      if (asked === count) return;
      const target = spec.targets[asked % spec.targets.length];
      const user = spec.users[asked % spec.users.length];
      if (target === undefined || user === undefined) throw new Error("a load needs targets and users");
      const token = tokenNumber(firstToken + asked);
      asked += 1;
      askedAt.set(token, performance.now());
      this.#ports.post(user, target, `${spec.prefix ?? ""}question [#${token}]`);
    };

    return new Promise((resolve, reject) => {
      let ticker: NodeJS.Timeout | undefined;
      const finish = (): void => {
        clearTimeout(deadline);
        clearInterval(ticker);
        stopListening();
        resolve(report(asked, latencies, (answeredAt - startedAt) / 1000));
      };
      const deadline = setTimeout(finish, timeoutMs);
      const stopListening = this.#ports.onAppText((text) => {
        const token = /\[#([\w-]+)\]/.exec(text)?.[1];
        const at = token === undefined ? undefined : askedAt.get(token);
        if (token === undefined || at === undefined) return;
        askedAt.delete(token);
        answeredAt = performance.now();
        latencies.push(answeredAt - at);
        if (latencies.length === count) finish();
        // Not from within the answer's own request: the person reads first.
        else if (perSecond === undefined && asked < count) setImmediate(ask);
      });
      try {
        if (perSecond === undefined) for (let n = Math.min(count, spec.inFlight ?? 64); n > 0; n--) ask();
        else {
          ticker = setInterval(() => {
            const due = Math.min(count, Math.floor(((performance.now() - startedAt) / 1000) * perSecond) + 1);
            while (asked < due) ask();
          }, 1);
        }
      } catch (error) {
        clearTimeout(deadline);
        stopListening();
        reject(error);
      }
    });
  }
}

function report(asked: number, latencies: number[], seconds: number): LoadReport {
  const sorted = latencies.sort((a, b) => a - b);
  const quantile = (q: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return {
    asked,
    answered: sorted.length,
    seconds,
    perSecond: sorted.length / seconds,
    p50Ms: quantile(0.5),
    p90Ms: quantile(0.9),
    p99Ms: quantile(0.99),
    maxMs: sorted.at(-1) ?? Number.NaN,
  };
}
