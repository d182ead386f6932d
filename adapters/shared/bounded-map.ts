export interface BoundedMapOptions {
  readonly maxEntries: number;
  /** How long an entry is believed, in ms. Default: until it is pushed out. */
  readonly ttlMs?: number;
  readonly now?: () => number;
}

/** A cache that holds at most `maxEntries`, forgets the least recently used first and believes nothing longer than `ttlMs`. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, { value: Value; until: number }>();
  readonly #options: BoundedMapOptions;
  readonly #now: () => number;

  constructor(options: BoundedMapOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.until < this.#now()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: this.#now() + (this.#options.ttlMs ?? Number.POSITIVE_INFINITY) });
    if (this.#entries.size <= this.#options.maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }

  get size(): number {
    return this.#entries.size;
  }
}
