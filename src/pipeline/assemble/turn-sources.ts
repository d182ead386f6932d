import type { TurnSource } from "../../ledger/turn-sources.ts";

/** What a turn was given of other conversations than its own: it binds where its reply may go. */
export interface TurnSources {
  /** Nothing of another conversation was read; such a turn is checked by nobody and costs nothing. */
  readonly isEmpty: boolean;
  list(): readonly TurnSource[];
  /** Called, and waited for, before anything of another conversation is handed over for the first time. */
  onFirstRead(stop: () => Promise<void>): void;
  /** From now on the turn counts as having read elsewhere; resolves when nothing more of it is shown live. */
  beginReading(): Promise<void>;
  add(sources: readonly TurnSource[]): void;
}

/** Creates the record of one turn's sources, with those that earlier attempts of it had read. */
export function createTurnSources(earlier: readonly TurnSource[]): TurnSources {
  const known = new Map<string, TurnSource>();
  let stop: (() => Promise<void>) | undefined;
  let stopped: Promise<void> | undefined;
  let isReading = earlier.length > 0;

  function add(sources: readonly TurnSource[]): void {
    for (const source of sources) {
      const key = JSON.stringify([source.installationId, source.channelId, source.threadId]);
      const messageIds = new Set([...(known.get(key)?.messageIds ?? []), ...source.messageIds]);
      known.set(key, { ...source, messageIds: [...messageIds] });
    }
  }

  add(earlier);
  return {
    get isEmpty() {
      return !isReading;
    },
    list: () => [...known.values()],
    onFirstRead(given) {
      stop = given;
    },
    async beginReading() {
      isReading = true;
      stopped ??= stop?.() ?? Promise.resolve();
      await stopped;
    },
    add,
  };
}
