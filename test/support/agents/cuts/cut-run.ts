import { setTimeout as pause } from "node:timers/promises";
import { type SlackApp, startSlackApp, until } from "../../app/slack-app.ts";
import type { SeededRandom } from "../../slack/model/seeded-random.ts";
import { CUT_PEERS, type CutKind } from "./cut-peers.ts";
import { piecesOf, TALE_PIECES, Tale } from "./tale.ts";

export interface CutRun {
  readonly turns: number;
  /** Turns that were cut before their agent had said its last word. */
  readonly cutMidway: number;
  readonly cuts: number;
  /** Turns that people got the whole answer of. */
  readonly answered: number;
  /** Turns that people were told of, once and clearly, that they failed. */
  readonly told: number;
  /** Questions with no word under them, or only with half an answer. */
  readonly lost: number;
  /** Questions with more than one post under them. */
  readonly twice: number;
  readonly deadLetters: number;
  /** Questions after each cut that the same agents did not answer whole. */
  readonly unanswered: number;
  /** What is under the questions that went wrong, a few of them. */
  readonly examples: readonly string[];
}

const AGENTS = 6;
/** One fewer than what opens an agent's breaker: the answer after each cut closes its count. */
const TURNS_EACH = 4;
const SETTLED_WITHIN_MS = 90_000;
const FAILED = /^\S+ (?:stopped with an error|cannot be reached right now|did not answer in time)\./u;

const wholeOf = (mark: string): string => piecesOf(mark).join("");

/** Asks agents of one kind so often, and cuts their lines in the middle of every turn: at each piece of the answer, before the first and after the last too. */
export async function runCuts(
  kind: CutKind,
  { count, random, databaseUrl }: { count: number; random: SeededRandom; databaseUrl?: string },
): Promise<CutRun> {
  const tale = new Tale();
  const peers = await Promise.all(Array.from({ length: AGENTS }, () => CUT_PEERS[kind](tale)));
  const handles = peers.map((_peer, index) => `teller${index}`);
  const app = await startSlackApp(
    peers.map(({ connector }, index) => {
      const handle = `teller${index}`;
      return { handle, name: handle, historyMessages: 0, connector };
    }),
    { ...(databaseUrl !== undefined && { databaseUrl }) },
  );
  const cut = new Map<string, string>();
  const after = new Map<string, string>();
  let [cuts, cutMidway, marks] = [0, 0, 0];
  const ask = (handle: string, into: Map<string, string>): string => {
    marks += 1;
    const mark = `mark-${marks}`;
    into.set(mark, app.slack.people.postAs(app.user, app.channel, app.ask(handle, `please ${mark}`), {}).ts);
    return mark;
  };
  try {
    while (cut.size < count) {
      tale.hold(random.between(0, TALE_PIECES));
      const size = Math.min(AGENTS * TURNS_EACH, count - cut.size);
      const wave = Array.from({ length: size }, (_, index) => ask(handles[index % AGENTS] ?? "", cut));
      await until(() => wave.every((mark) => tale.held.has(mark)), SETTLED_WITHIN_MS).catch(() => {
        const missing = wave.filter((mark) => !tale.held.has(mark));
        const shown = missing.map((mark) => JSON.stringify(outcomeOf(app, mark, cut.get(mark) ?? "")));
        throw new Error(`agents were not asked: ${shown.join(", ")}`);
      });
      // Long enough for some that people see the beginning.
      await pause(random.between(0, 1_500));
      const how = random.chance(0.5) ? "reset" : "end";
      const early = random.between(0, 9);
      if (random.chance(0.7)) {
        for (const peer of peers) peer.cut(how);
        cutMidway += wave.length;
        await pause(early);
        tale.release();
      } else {
        tale.release();
        await pause(early);
        cutMidway += wave.filter((mark) => !tale.told.has(mark)).length;
        for (const peer of peers) peer.cut(how);
      }
      cuts += 1;
      await settled(app, cut);
      for (const handle of handles) ask(handle, after);
      await settled(app, after);
    }
    // What came twice would come by now.
    await pause(1_000);
    const outcomes = [...cut].map(([mark, thread]) => outcomeOf(app, mark, thread));
    const later = [...after].map(([mark, thread]) => outcomeOf(app, mark, thread));
    const of = (state: string): number => outcomes.filter((outcome) => outcome.state === state).length;
    const bad = [...outcomes, ...later.filter(({ state }) => state !== "answered")].filter(
      ({ state }) => state !== "answered" && state !== "told",
    );
    const [letters] = await app.ledger.query<{ count: number }>({
      text: "select count(*)::int as count from dead_letters",
    });
    return {
      turns: cut.size,
      cutMidway,
      cuts,
      answered: of("answered"),
      told: of("told"),
      lost: of("lost"),
      twice: of("twice"),
      deadLetters: letters?.count ?? 0,
      unanswered: later.filter(({ state }) => state !== "answered").length,
      examples: bad.slice(0, 5).map(({ mark, posts }) => `${mark}: ${JSON.stringify(posts)}`),
    };
  } finally {
    await app.close();
    await Promise.all(peers.map((peer) => peer.stop()));
  }
}

/** Waits until each question has come to its end in the ledger. */
async function settled(app: SlackApp, questions: ReadonlyMap<string, string>): Promise<void> {
  const ids = [...questions.values()];
  await until(async () => {
    const [row] = await app.ledger.query<{ count: number }>(
      {
        text: "select count(*)::int as count from events where kind = 'message_created' and envelope->'sender'->>'kind' = 'human' and envelope->'body'->>'messageId' = any($1) and finished_at is not null",
      },
      [ids],
    );
    return row?.count === ids.length;
  }, SETTLED_WITHIN_MS);
}

/** What became of a question, by what people see under it now. */
function outcomeOf(app: SlackApp, mark: string, thread: string) {
  const posts = app.slack.core
    .channel(app.channel)
    .messages.filter(
      (message) =>
        message.author.botId === app.space.bot.botId && message.threadTs === thread && message.deleted !== true,
    )
    .map((message) => message.text.trim());
  return { mark, posts, state: judgePosts(mark, posts) };
}

/** Half an answer that stands as if it were whole is a lost one. */
export function judgePosts(mark: string, posts: readonly string[]): "answered" | "told" | "lost" | "twice" {
  const [only = ""] = posts;
  if (posts.length > 1) return "twice";
  if (only === wholeOf(mark)) return "answered";
  return FAILED.test(only) ? "told" : "lost";
}
