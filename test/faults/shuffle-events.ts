/** What a platform hands out in one go: the events of each room, and where that stands in the order of all. */
export interface Handout {
  /** The same position means that the platform hands out the same once more. */
  readonly position: string;
  readonly rooms: ReadonlyMap<string, readonly unknown[]>;
}

export interface ShuffleOptions {
  /** Which events may come late, or twice. */
  readonly which: (event: unknown) => boolean;
  /** How many of them come with the next handout only, after newer ones; 0 to 1. */
  readonly late: number;
  /** How many of them come once more; 0 to 1. */
  readonly twice: number;
}

/** Lets events come in another order than they happened in, and some of them again. Nothing is lost while there are further handouts. */
export function shuffleEvents({ which, late, twice }: ShuffleOptions): {
  change(handout: Handout): ReadonlyMap<string, readonly unknown[]>;
  /** How many came late so far. */
  lateCount(): number;
} {
  let held: ReadonlyMap<string, readonly unknown[]> = new Map();
  let heldBefore = held;
  let position: string | undefined;
  let count = 0;
  return {
    lateCount: () => count,
    change(handout) {
      // What was refused comes again, and so does what had been held back before it.
      if (handout.position === position) held = heldBefore;
      position = handout.position;
      heldBefore = held;
      const now = new Map<string, readonly unknown[]>();
      const next = new Map<string, readonly unknown[]>();
      for (const room of new Set([...held.keys(), ...handout.rooms.keys()])) {
        const kept: unknown[] = [];
        const passed: unknown[] = [];
        for (const event of handout.rooms.get(room) ?? [])
          (which(event) && Math.random() < late ? kept : passed).push(event);
        count += kept.length;
        const again = passed.filter((event) => which(event) && Math.random() < twice);
        now.set(room, [...passed, ...(held.get(room) ?? []), ...again]);
        if (kept.length > 0) next.set(room, kept);
      }
      held = next;
      return now;
    },
  };
}
