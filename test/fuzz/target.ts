import fc from "fast-check";

/** One thing to be fuzzed: what it is given, and what must hold of it. */
export interface FuzzTarget {
  readonly name: string;
  /** Tries so many inputs, made from the seed; throws with the smallest input that breaks it. */
  readonly run: (runs: number, seed: number) => void;
}

/** Longest time that one input may take, in ms of processor time; machines of tests are slow. */
const MAX_INPUT_MS = 3_000;

/** A target whose `check` throws when something is wrong; taking very long is wrong too. */
export function target<Input>(name: string, inputs: fc.Arbitrary<Input>, check: (input: Input) => void): FuzzTarget {
  return {
    name,
    run: (runs, seed) =>
      fc.assert(
        fc.property(inputs, (input) => {
          const before = process.cpuUsage();
          check(input);
          const { user, system } = process.cpuUsage(before);
          const ms = (user + system) / 1_000;
          if (ms > MAX_INPUT_MS) throw new Error(`took ${Math.round(ms)} ms`);
        }),
        { numRuns: runs, seed, interruptAfterTimeLimit: 20_000 },
      ),
  };
}
