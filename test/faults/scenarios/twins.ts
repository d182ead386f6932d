import type { Sabotage } from "../../support/parley/index.ts";
import type { Outcome, Scenario } from "../scenario.ts";
import type { Scene, Stage } from "../stage.ts";

const SETTLE_MS = 12_000;

interface Twin {
  readonly sabotage: Sabotage;
  /** What the gate has to say of it. */
  readonly caughtAs: RegExp;
  prepare?(scene: Scene): Promise<unknown>;
  readonly extra?: string;
  readonly threads: number;
}

/** Broken on purpose, each in one place; a gate that lets one of them through proves nothing. */
const TWINS: readonly Twin[] = [
  { sabotage: "acknowledge_unstored", caughtAs: /\blost\b/, threads: 10 },
  {
    sabotage: "resend_unknown",
    caughtAs: /\btwice\b/,
    threads: 10,
    prepare: (scene) => scene.slack.faults.add({ kind: "lost_response", method: "chat.postMessage", probability: 0.3 }),
  },
  { sabotage: "ignore_order", caughtAs: /\bout of order\b/, threads: 1, extra: "wait=300 question" },
];

async function run(stage: Stage, twin: Twin): Promise<Outcome> {
  const scene = await stage.open({ threads: twin.threads });
  await twin.prepare?.(scene);
  await scene.start({ sabotage: twin.sabotage });
  const extra = twin.extra === undefined ? {} : { extra: twin.extra };
  const asker = scene.ask("twin", 20, { count: 60, ...extra });
  await scene.settleAfter(asker, "twin", SETTLE_MS);
  const outcome = await scene.judge();
  // Caught for another reason is not caught: the findings of a twin are those that its fault must cause.
  return { ...outcome, findings: outcome.findings.filter((finding) => twin.caughtAs.test(finding)) };
}

export const twins: readonly Scenario[] = TWINS.map((twin) => ({
  name: `twin-${twin.sabotage.replaceAll("_", "-")}`,
  stores: ["pglite", "postgres"],
  reduced: ["postgres"],
  mustFail: true,
  run: (stage) => run(stage, twin),
}));
