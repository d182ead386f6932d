import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const WINDOW_MS = 700;
/** Longer than an event is held back by the platform and its commit takes. */
const HOLD_MS = 1_500;
const SETTLE_MS = 45_000;

/** 30 % of the events come twice to five times, 30 % are overtaken by later ones, and acknowledgements get lost. */
async function duplicatesAndReorder(stage: Stage, strict: boolean): Promise<Outcome> {
  // Few places, so that questions follow one another faster than the window.
  const scene = await stage.open({ threads: 3 });
  const env = strict ? { SLACK_ORDERING_HOLD_MS: String(HOLD_MS) } : {};
  if (stage.store === "pglite") await scene.start({ env });
  else {
    await scene.start({ env, roles: ["ingest"] });
    await scene.start({ roles: ["worker", "delivery"] });
    await scene.start({ roles: ["worker", "delivery"] });
  }
  await scene.slack.conditions.setDeliveryFaults({
    duplicate: { probability: 0.3, maxCopies: 5 },
    reorder: { probability: 0.3, windowMs: WINDOW_MS },
    ...(strict ? {} : { dropAnswer: { probability: 0.1 } }),
    types: ["message", "app_mention"],
  });
  const asker = scene.ask("dup", 20, { count: stage.reduced ? 120 : 600 });
  await scene.settleAfter(asker, "dup", SETTLE_MS);
  return await scene.judge({ strictOrder: strict });
}

export const deliveryFaults: readonly Scenario[] = [
  {
    name: "duplicates-and-reorder",
    stores: STORES,
    reduced: STORES,
    run: (stage) => duplicatesAndReorder(stage, false),
  },
  {
    name: "reorder-with-hold",
    stores: STORES,
    reduced: ["pglite", "postgres"],
    run: (stage) => duplicatesAndReorder(stage, true),
  },
];
