import { MAX_IDS_PER_BELL } from "./bell-jobs.ts";

export interface LocalBellOptions {
  readonly slots: number;
  readonly handler: (conversationIds: readonly string[]) => Promise<void>;
  readonly onFailed: (error: unknown) => void;
}

/**
 * The short way: hands a bell that was rung in this process to this process's own handler, without a queue in between.
 *
 * It takes what it can begin at once, and what it is working on already; anything more is the queue's, where other processes
 * hear it. A conversation that is rung while it is being handled is handled once more after that, and never twice at once.
 */
export class LocalBell {
  readonly #options: LocalBellOptions;
  readonly #pending = new Set<string>();
  readonly #active = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(options: LocalBellOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running.size;
  }

  /** True when these conversations will be handled here, at once or right after the call that handles them now. */
  take(ids: readonly string[]): boolean {
    if (this.#closed) return false;
    const known = ids.every((id) => this.#active.has(id) || this.#pending.has(id));
    if (!known && this.#running.size >= this.#options.slots) return false;
    for (const id of ids) this.#pending.add(id);
    // Not at once: what the same tick rings besides goes along.
    queueMicrotask(() => this.#begin());
    return true;
  }

  /** Takes nothing more; gives back what had not begun, for the queue. */
  close(): string[] {
    this.#closed = true;
    const left = [...this.#pending];
    this.#pending.clear();
    return left;
  }

  /** Resolves when no handler runs. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  #begin(): void {
    while (this.#running.size < this.#options.slots) {
      const bell = this.#nextBell();
      if (bell.length === 0) return;
      const run = this.#handle(bell);
      this.#running.add(run);
      void run.finally(() => {
        this.#running.delete(run);
        this.#begin();
      });
    }
  }

  #nextBell(): string[] {
    const bell: string[] = [];
    for (const id of this.#pending) {
      if (this.#active.has(id)) continue;
      bell.push(id);
      if (bell.length === MAX_IDS_PER_BELL) break;
    }
    for (const id of bell) {
      this.#pending.delete(id);
      this.#active.add(id);
    }
    return bell.sort();
  }

  async #handle(bell: readonly string[]): Promise<void> {
    try {
      await this.#options.handler(bell);
    } catch (error) {
      this.#options.onFailed(error);
    } finally {
      for (const id of bell) this.#active.delete(id);
    }
  }
}
