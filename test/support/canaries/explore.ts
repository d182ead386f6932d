import fc from "fast-check";
import { CanaryModel } from "./model.ts";
import { canariesIn } from "./mole.ts";
import { anyOperations, type CanaryRun, newRun } from "./operations.ts";
import type { CanaryWorld } from "./world.ts";

/** Operations of one sequence; each begins with fifty new channels. */
const AT_A_TIME = 500;

/** What came of random operations in a world of canaries. */
export interface CanaryOutcome {
  readonly operations: number;
  readonly asked: number;
  readonly answered: number;
  /** The first word that came out where it may not be read; undefined when none did. */
  readonly finding: string | undefined;
}

/** Random sequences until so many operations were done or something was found. */
export async function exploreCanaries(
  world: CanaryWorld,
  operations: number,
  seed: number,
  say: (done: number) => void,
): Promise<CanaryOutcome> {
  const model = new CanaryModel();
  let done = 0;
  let asked = 0;
  let answered = 0;
  for (let round = 0; done < operations; round += 1) {
    let run: CanaryRun | undefined;
    const details = await fc.check(
      fc.asyncProperty(anyOperations(Math.min(AT_A_TIME, operations - done)), async (commands) => {
        run = newRun(world, model);
        await fc.asyncModelRun(() => ({ model: {}, real: run as CanaryRun }), commands); // set in the line before
      }),
      { numRuns: 1, seed: seed + round, endOnFailure: true },
    );
    const operationsDone = run?.operations ?? 0;
    done += operationsDone;
    asked += run?.asked ?? 0;
    answered += run?.answered ?? 0;
    say(done);
    if (details.failed)
      return { operations: done, asked, answered, finding: run?.findings[0] ?? String(details.errorInstance) };
    const told = canariesIn(await world.metrics());
    if (told.length > 0) return { operations: done, asked, answered, finding: "a metric holds words of people" };
  }
  return { operations: done, asked, answered, finding: undefined };
}
