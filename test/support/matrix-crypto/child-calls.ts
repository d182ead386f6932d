import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** In the child: answers the parent's calls by these functions; ends with the parent. */
export function answerCalls(handlers: Handlers): void {
  process.on("message", (call: Call) => {
    const answer = (rest: Omit<Answer, "id">): void => void process.send?.({ id: call.id, ...rest });
    const handler = handlers[call.name] as ((...args: unknown[]) => unknown) | undefined; // the parent's types are the handlers' own
    const run = async (): Promise<unknown> => {
      if (handler === undefined) throw new Error(`there is no ${call.name}`);
      return await handler(...call.args);
    };
    run().then(
      (result) => answer({ result }),
      (error: unknown) => answer({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}

/** A process of its own whose functions are called from here. */
export class CalledProcess<Functions extends Handlers> {
  readonly #child: ChildProcess;
  readonly #open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #gone: Promise<unknown>;
  #last = 0;

  constructor(file: URL, parameters: object) {
    this.#child = fork(fileURLToPath(file), [JSON.stringify(parameters)], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#gone = once(this.#child, "exit").then(() => {
      for (const { reject } of this.#open.values()) reject(new Error("the process is gone"));
      this.#open.clear();
    });
    this.#child.on("message", ({ id, result, error }: Answer) => {
      const call = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
  }

  /** Rejects with the child's words, or when it is gone. */
  call<Name extends keyof Functions & string>(
    name: Name,
    ...args: Parameters<Functions[Name]>
  ): Promise<Awaited<ReturnType<Functions[Name]>>> {
    this.#last += 1;
    const id = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#open.set(id, { resolve, reject });
    if (this.#child.connected) this.#child.send({ id, name, args });
    else reject(new Error("the process is gone"));
    return promise as Promise<Awaited<ReturnType<Functions[Name]>>>; // the child answers by the handler of that name
  }

  /** Resolves when the process ended, by itself or by others. */
  ended(): Promise<unknown> {
    return this.#gone;
  }

  async kill9(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone;
  }

  /** Asks it to end, and makes it after 10 s. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.#gone;
    clearTimeout(late);
  }
}
