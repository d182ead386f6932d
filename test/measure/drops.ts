import { CUT_PEERS, type CutKind } from "../support/agents/cuts/cut-peers.ts";
import { runCuts } from "../support/agents/cuts/cut-run.ts";
import { startDialInApp } from "../support/agents/dial-in-app.ts";
import { runDrops } from "../support/agents/drop-run.ts";
import { startPostgres } from "../support/servers/index.ts";
import { SeededRandom } from "../support/slack/model/seeded-random.ts";
import type { Measurement, MeasureResult } from "./measurement.ts";

const TURNS = 500;
const KINDS = ["socket", ...Object.keys(CUT_PEERS)];

/** The line to agents of one kind is cut in the middle of every turn: each question has its answer or one clear notice, and none has two. */
export const drops: Measurement = {
  name: "drops",
  describes: `questions lost or answered twice when the line to an agent is cut in the middle of every turn (--turns, default ${TURNS}; --kind ${KINDS.join("|")}, default socket)`,
  async run({ count = TURNS, seed, kind = "socket" }) {
    const random = new SeededRandom(seed);
    const server = await startPostgres({ fsync: true });
    try {
      const databaseUrl = await server.createDatabase();
      if (kind === "socket") return await dropDialIn(databaseUrl, count, random);
      if (!isCutKind(kind)) return { passed: false, figures: {}, failures: [`there is no kind ${kind}`] };
      const { examples, ...figures } = await runCuts(kind, { count, random, databaseUrl });
      const { lost, twice, unanswered, told, deadLetters } = figures;
      const failures = [
        ...(lost > 0 ? [`${lost} questions were lost`] : []),
        ...(twice > 0 ? [`${twice} questions were answered twice`] : []),
        ...(unanswered > 0 ? [`${unanswered} questions after a cut were not answered`] : []),
        ...(deadLetters === told ? [] : [`${deadLetters} dead letters for ${told} notices`]),
        ...examples,
      ];
      return { passed: failures.length === 0, figures: { kind, ...figures }, failures };
    } finally {
      await server.stop();
    }
  },
};

const isCutKind = (kind: string): kind is CutKind => Object.hasOwn(CUT_PEERS, kind);

/** An agent that dials in comes back and goes on: each of its turns is answered. */
async function dropDialIn(databaseUrl: string, count: number, random: SeededRandom): Promise<MeasureResult> {
  const app = await startDialInApp(["dropper"], { databaseUrl });
  try {
    const { turns, cutMidway, cuts, lost, twice, garbled } = await runDrops(app, "dropper", { count, random });
    const failures = [
      ...(lost > 0 ? [`${lost} turns got no answer`] : []),
      ...(twice > 0 ? [`${twice} turns were answered twice`] : []),
      ...(garbled > 0 ? [`${garbled} answers are not what the agent said`] : []),
    ];
    const figures = { kind: "socket", turns, cutMidway, cuts, lost, twice, garbled };
    return { passed: failures.length === 0, figures, failures };
  } finally {
    await app.close();
  }
}
