/**
 * Knows up to where the events of a session were all ingested, without a hole.
 *
 * What is begun and not done holds the position back, so that a resume from it brings everything that a crash may have lost.
 */
export class SequenceTracker {
  readonly #pending = new Set<number>();
  #newest: number;

  constructor(position: number) {
    this.#newest = position;
  }

  /** False for an event that was begun before: a replay of what is still under way, or done. */
  begin(sequence: number): boolean {
    if (sequence <= this.#newest) return false;
    this.#newest = sequence;
    this.#pending.add(sequence);
    return true;
  }

  /** The number that comes next, where none is missing. */
  get next(): number {
    return this.#newest + 1;
  }

  done(sequence: number): void {
    this.#pending.delete(sequence);
  }

  /** The newest event before which none is missing. */
  get position(): number {
    // Insertion order is the order of the sequence: the first is the least.
    for (const oldest of this.#pending) return oldest - 1;
    return this.#newest;
  }

  get pending(): number {
    return this.#pending.size;
  }
}
