import { type DiscordScene, openDiscord } from "../discord-scene.ts";
import { untilTaken } from "../events-taken.ts";
import type { LedgerAudit } from "../ledger-audit.ts";
import { type Outcome, type Scenario, STORES, type StoreKind } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const MINUTE_MS = 60_000;
/** What Parley answers is younger than this. */
const ANSWER_AGE_MS = 30 * MINUTE_MS;
/** Messages near the age of answers would depend on the speed of the machine. */
const MARGIN_MS = 3 * MINUTE_MS;
/** Up to so many missed messages of a place are in the ledger after five minutes, more of them after a quarter of an hour. */
const FEW_PER_PLACE = 500;
const FEW_WITHIN_MS = 5 * MINUTE_MS;
const MANY_WITHIN_MS = 15 * MINUTE_MS;

interface Missed {
  readonly token: string;
  readonly channel: string;
  readonly ageMs: number;
}

/**
 * Nothing ran for a time, and the session is gone: what was said is read from the history. Time is Discord's: messages carry ids and
 * times of the past, and so does the last one that was taken before.
 */
async function offline(stage: Stage, lengthMs: number, count: number): Promise<Outcome> {
  const scene = await openDiscord(stage);
  const { discord, server } = scene;
  const { applicationId } = server.app;
  const first = await scene.start();
  const places = scene.places.slice(0, server.channels.length);
  const [left] = places.slice(-1);
  for (const place of places) await takeOldMessage(scene, place, lengthMs + MINUTE_MS);
  await untilTaken(first, places.length);
  await first.stop();
  await discord.gateway.forgetSessions(applicationId);

  const missed: Missed[] = [];
  for (let n = 0; n < count; n += 1) {
    const place = places[n % places.length];
    if (place === undefined) throw new Error("there is no place to ask in");
    const ageMs = Math.floor(lengthMs * (1 - n / count));
    if (Math.abs(ageMs - ANSWER_AGE_MS) < MARGIN_MS) continue;
    const token = `missed-${n + 1}`;
    await discord.people.postAs(place.user, place.channel, scene.question(token), { ageMs });
    missed.push({ token, channel: place.channel, ageMs });
  }
  if (left !== undefined)
    await discord.people.setOverwrite(left.channel, {
      id: applicationId,
      type: "member",
      deny: ["VIEW_CHANNEL"],
    });
  const before = (await discord.requests.of("GET /channels/:channel/messages")).length;
  const startedAt = performance.now();
  const second = await scene.start();
  const young = new Set(
    missed.filter((one) => one.ageMs < ANSWER_AGE_MS && one.channel !== left?.channel).map((one) => one.token),
  );
  const readable = missed.filter((one) => one.channel !== left?.channel);
  const without = (token: string): boolean => !young.has(token);
  const withinMs = readable.length <= FEW_PER_PLACE * places.length ? FEW_WITHIN_MS : MANY_WITHIN_MS;
  await untilTaken(second, readable.length, withinMs);
  const caughtUpMs = Math.round(performance.now() - startedAt);
  const outcome = await scene.judge({
    without,
    inspect: (ledger, asked) => rows(ledger, asked, { readable, young, left: left?.channel ?? "" }),
    figures: { missed: missed.length, readable: readable.length, young: young.size },
  });
  const reads = (await discord.requests.of("GET /channels/:channel/messages")).slice(before);
  const forbidden = reads.filter((call) => call.channel === left?.channel).length;
  const answered = await answeredTokens(scene);
  const old = readable.filter((one) => !young.has(one.token) && answered.has(one.token)).length;
  return {
    figures: { ...outcome.figures, caughtUpMs, reads: reads.length, oldAnswered: old },
    findings: [
      ...outcome.findings,
      ...(caughtUpMs > withinMs ? [`not all was read after ${caughtUpMs} ms`] : []),
      ...(forbidden > 0 ? [`${forbidden} reads of a channel that was left`] : []),
      ...(old > 0 ? [`${old} answers to what was too old`] : []),
      ...(young.size === 0 ? ["nothing was young enough: the run proves little"] : []),
    ],
  };
}

/** Something that was said long ago and told at once: the place's cursor stands there. */
async function takeOldMessage(
  { discord, server }: DiscordScene,
  { channel, user }: { readonly channel: string; readonly user: string },
  ageMs: number,
): Promise<void> {
  const { message } = await discord.people.postAs(user, channel, "Long ago.", { ageMs });
  const wire = (await discord.people.history(channel)).find((one) => (one as { id: string }).id === message); // Discord's own form
  await discord.gateway.inject(
    server.app.applicationId,
    "MESSAGE_CREATE",
    { ...(wire as object), guild_id: server.guild }, // as above
    server.guild,
  );
}

function rows(
  ledger: LedgerAudit,
  asked: readonly { readonly token: string; readonly channel: string; readonly ts: string }[],
  expected: { readonly readable: readonly Missed[]; readonly young: ReadonlySet<string>; readonly left: string },
): string[] {
  const found: string[] = [];
  const places = new Map(asked.map((one) => [one.token, `${one.channel}|${one.ts}`]));
  for (const { token } of expected.readable) {
    const row = ledger.messages.get(places.get(token) ?? "");
    if (row === undefined) found.push(`${token} is in the history and not in the ledger`);
    else if (!expected.young.has(token) && row.state !== "expired") found.push(`${token} is ${row.state}, not expired`);
  }
  const strangers = asked.filter(
    (one) => one.channel === expected.left && ledger.messages.has(`${one.channel}|${one.ts}`),
  );
  if (strangers.length > 0) found.push(`${strangers.length} rows of a channel that was left`);
  return found.length > 4 ? [...found.slice(0, 4), `and ${found.length - 4} more`] : found;
}

async function answeredTokens({ discord }: DiscordScene): Promise<ReadonlySet<string>> {
  const written = await discord.people.written();
  return new Set(
    written.flatMap(({ by, text }) =>
      by === "app" ? [...(text ?? "").matchAll(/\[#([\w-]+)\]/gu)].map((match) => match[1] ?? "") : [],
    ),
  );
}

const HOUR_MS = 60 * MINUTE_MS;
const LENGTHS: readonly (readonly [string, number, number, readonly StoreKind[]])[] = [
  ["10-minutes", 10 * MINUTE_MS, 60, []],
  ["2-hours", 2 * HOUR_MS, 700, ["pglite"]],
  ["26-hours", 26 * HOUR_MS, 1_000, []],
];
/** One place of four is closed to the bot before it may read any of it. */
const MANY = 6_700;

export const discordCatchUp: readonly Scenario[] = [
  ...LENGTHS.map(
    ([name, lengthMs, count, reduced]): Scenario => ({
      name: `discord-offline-${name}`,
      stores: STORES,
      reduced,
      run: (stage) => offline(stage, lengthMs, stage.reduced ? 60 : count),
    }),
  ),
  {
    name: "discord-offline-5000-missed",
    stores: ["pglite", "postgres"],
    reduced: [],
    run: (stage) => offline(stage, 26 * HOUR_MS, MANY),
  },
];
