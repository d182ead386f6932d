import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { Database, Statement } from "../../../src/ledger/connection/database.ts";

/** A ledger that can be told to carry a statement out and lose the answer, as a connection that breaks right then does. */
export interface LossyLedger {
  readonly wrap: (opened: Database) => Database;
  /** Loses the answer of the next `times` statements of that name that change something. */
  lose(name: string, times?: number): void;
  /** Refuses the next `times` statements of that name before they are carried out. */
  refuse(name: string, times: number): void;
  /** Statements of this name wait until the returned function is called. */
  hold(name: string): () => void;
  /** How many answers were lost and statements refused. */
  readonly lost: number;
}

export function createLossyLedger(): LossyLedger {
  const toLose = new Map<string, number>();
  const toRefuse = new Map<string, number>();
  const gates = new Map<string, Promise<void>>();
  let lost = 0;

  function take(counts: Map<string, number>, name: string): boolean {
    const left = counts.get(name) ?? 0;
    if (left <= 0) return false;
    counts.set(name, left - 1);
    lost += 1;
    return true;
  }

  const gone = (): ParleyError => new ParleyError("LEDGER_UNAVAILABLE", { detail: "the connection broke" });

  return {
    wrap: (opened) => {
      async function query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
        const name = statement.name ?? "";
        await gates.get(name);
        if (take(toRefuse, name)) throw gone();
        const rows = await opened.query<Row>(statement, values);
        if (rows.length > 0 && take(toLose, name)) throw gone();
        return rows;
      }
      return new Proxy(opened, {
        get(target, property) {
          if (property === "query") return query;
          const value: unknown = Reflect.get(target, property, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
    lose: (name, times = 1) => void toLose.set(name, times),
    refuse: (name, times) => void toRefuse.set(name, times),
    hold(name) {
      const gate = Promise.withResolvers<void>();
      gates.set(name, gate.promise);
      return () => {
        gates.delete(name);
        gate.resolve();
      };
    },
    get lost() {
      return lost;
    },
  };
}
