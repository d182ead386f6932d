import { setTimeout as delay } from "node:timers/promises";
import type { AppPorts } from "../../../src/app.ts";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import type { Database, SqlRunner, Statement } from "../../../src/ledger/connection/database.ts";
import type { Doorbell } from "../../../src/queue/queue-port.ts";
import { onInvoke } from "./agents/echo.ts";
import type { StopPoint } from "./stop-point.ts";

/** Long enough for an acknowledgement or a request to leave this process, in ms. */
const LEAVE_MS = 150;

/** Ends this very process at a stop point, as a power switch would. */
class Stopper {
  readonly #point: StopPoint;
  #passes = 0;
  #armed = false;

  constructor(point: StopPoint) {
    this.#point = point;
  }

  /** The start-up of a process runs the same statements; only what comes after it counts. */
  arm(): void {
    this.#armed = true;
  }

  /** True when this pass is the one to end at, once it is done. Ends the process when the end is to come before. */
  enter(at: string): boolean {
    if (!this.#armed || at !== this.#point.at) return false;
    this.#passes += 1;
    if (this.#passes !== (this.#point.nth ?? 1)) return false;
    if (this.#point.when === "before" && at !== "ring") this.end();
    return true;
  }

  get during(): boolean {
    return this.#point.when === "during";
  }

  end(): void {
    process.kill(process.pid, "SIGKILL");
  }
}

/** Ports that end the process at `point`; `arm` is called once it is up. */
export function stoppingPorts(point: StopPoint): { ports: Required<AppPorts>; arm: () => void } {
  const stopper = new Stopper(point);
  onInvoke(() => void stopper.enter("agent"));
  return {
    arm: () => stopper.arm(),
    ports: {
      database: (opened) => stoppingDatabase(opened, stopper),
      doorbell: (opened) => stoppingDoorbell(opened, stopper),
      adapter: (created) => stoppingAdapter(created, stopper),
    },
  };
}

function stoppingDatabase(opened: Database, stopper: Stopper): Database {
  const nameOf = (statement: Statement): string => `sql:${statement.name ?? ""}`;
  return delegate(opened, {
    async query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
      const last = stopper.enter(nameOf(statement));
      const rows = await opened.query<Row>(statement, values);
      if (last) await forever(stopper);
      return rows;
    },
    async transaction<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> {
      let last = false;
      const result = await opened.transaction((tx) =>
        work({
          query: (statement, values) => {
            last = stopper.enter(nameOf(statement)) || last;
            return tx.query(statement, values);
          },
        }),
      );
      // After the commit, which is what "after" means for a statement of a transaction.
      if (last) await forever(stopper);
      return result;
    },
  });
}

function stoppingDoorbell(opened: Doorbell, stopper: Stopper): Doorbell {
  return delegate(opened, {
    ringQuietly(ids, options) {
      if (stopper.enter("ring")) setTimeout(() => stopper.end(), LEAVE_MS);
      else opened.ringQuietly(ids, options);
    },
  });
}

function stoppingAdapter(created: ChatAdapter, stopper: Stopper): ChatAdapter {
  if (created.platform !== "slack") return created;
  return delegate(created, {
    async send(post) {
      const last = stopper.enter("send");
      const sent = created.send(post);
      if (last && stopper.during) {
        sent.catch(() => undefined);
        await delay(LEAVE_MS);
        await forever(stopper);
      }
      const receipt = await sent;
      if (last) await forever(stopper);
      return receipt;
    },
  });
}

async function forever(stopper: Stopper): Promise<never> {
  stopper.end();
  return await new Promise<never>(() => undefined);
}

/** Everything of `target` with some members replaced; its private fields stay reachable, because its methods keep their own `this`. */
export function delegate<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(object, key) {
      if (Object.hasOwn(replaced, key)) return Reflect.get(replaced, key);
      const value: unknown = Reflect.get(object, key, object);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
