/** Pieces in which an agent tells its tale. */
export const TALE_PIECES = 12;

/** What an agent answers to a question with a mark, piece by piece. */
export const piecesOf = (mark: string): string[] =>
  Array.from({ length: TALE_PIECES }, (_, n) => (n === 0 ? `${mark}-0` : ` ${mark}-${n}`));

/** The mark of the newest question in what an agent was given. */
export const markIn = (given: string): string => given.match(/mark-\d+/gu)?.at(-1) ?? "no-mark";

/** What all agents of a run tell at once: each tale can be held at one of its pieces until all are there, and let go together. */
export class Tale {
  readonly held = new Set<string>();
  /** Marks of which the agent has said all. */
  readonly told = new Set<string>();
  /** Hears at which piece tales are held from now on; undefined: at none. */
  onHold: (at: number | undefined) => void = () => undefined;
  #at: number | undefined;
  #gate = Promise.withResolvers<void>();

  /** Holds tales before a piece: 0 is before the first word, TALE_PIECES after the last and before the end. */
  hold(at: number): void {
    this.#at = at;
    this.#gate = Promise.withResolvers<void>();
    this.onHold(at);
  }

  release(): void {
    this.#at = undefined;
    this.#gate.resolve();
    this.onHold(undefined);
  }

  /** Awaited by an agent before each piece and before its end. */
  async before(mark: string, piece: number): Promise<void> {
    if (piece === this.#at) {
      this.held.add(mark);
      await this.#gate.promise;
    }
    if (piece === TALE_PIECES) this.told.add(mark);
  }
}
