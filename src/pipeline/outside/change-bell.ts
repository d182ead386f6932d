/** Tells who waits for changes of a room that there was one. */
export interface ChangeBell {
  /** Resolves at the room's next change, after a time, or when the signal aborts; never rejects. */
  next(roomId: string, waitMs: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Begins to listen with the first who waits, once for all of the process. */
export function createChangeBell(
  listen: (onChange: (roomId: string) => void, onGap: () => void) => Promise<() => Promise<void>>,
): ChangeBell {
  const waiting = new Map<string, Set<() => void>>();
  let listening: Promise<() => Promise<void>> | undefined;

  const wake = (roomId: string): void => {
    for (const ring of waiting.get(roomId) ?? []) ring();
  };
  const wakeAll = (): void => {
    for (const roomId of waiting.keys()) wake(roomId);
  };

  return {
    async next(roomId, waitMs, signal) {
      listening ??= listen(wake, wakeAll);
      // Without notices there is still the time.
      await listening.catch(() => {
        listening = undefined;
      });
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        const rooms = waiting.get(roomId) ?? new Set();
        waiting.set(roomId, rooms);
        const ring = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", ring);
          rooms.delete(ring);
          if (rooms.size === 0) waiting.delete(roomId);
          resolve();
        };
        const timer = setTimeout(ring, waitMs);
        rooms.add(ring);
        signal.addEventListener("abort", ring, { once: true });
      });
    },
    async close() {
      wakeAll();
      await (await listening?.catch((): undefined => undefined))?.();
    },
  };
}
