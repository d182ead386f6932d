import pg from "pg";
import type { PgliteSession } from "./pglite-session.ts";

/** Hands the notifications of the one embedded session to those who listen in this process. */
export class PgliteNotifications {
  readonly #session: PgliteSession;
  readonly #listeners = new Map<string, Set<(payload: string) => void>>();

  constructor(session: PgliteSession) {
    this.#session = session;
    session.onNotification(({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(payload ?? "");
    });
  }

  /** Resolves when every later NOTIFY on the channel will reach `onNotify`. */
  async listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners);
    // A wrapper of its own, so that the same function may listen twice.
    const listener = (payload: string): void => onNotify(payload);
    listeners.add(listener);
    try {
      await this.#session.run((turn) => turn.query({ text: `LISTEN ${pg.escapeIdentifier(channel)}` }));
    } catch (error) {
      listeners.delete(listener);
      throw error;
    }
    return async () => {
      listeners.delete(listener);
      await this.#session.run(async (turn) => {
        // Within the turn: someone may have begun to listen while this one waited for it.
        if (listeners.size > 0) return;
        await turn.query({ text: `UNLISTEN ${pg.escapeIdentifier(channel)}` });
      });
    };
  }
}
