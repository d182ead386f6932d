import { setTimeout as pause } from "node:timers/promises";
import { createRecoveryKey } from "../../../adapters/matrix/crypto/client-recovery-key.ts";
import type { Synapse } from "../matrix/index.ts";
import type { BotFunctions, BotParameters, KillPoint } from "./bot-process.ts";
import { CalledProcess } from "./child-calls.ts";
import type { PersonFunctions } from "./person-process.ts";

export interface KillRunOptions {
  readonly synapse: Synapse;
  readonly ledger: Pick<BotParameters, "databaseUrl" | "dataFolder">;
  /** A process dies at each of these moments, at the so-manieth passing of it. */
  readonly targeted: readonly (readonly [KillPoint, number])[];
  /** Processes that die some time after their start, every third of them while it opens. */
  readonly randomRounds: number;
  readonly sabotage?: BotParameters["sabotage"];
}

export interface KillRunResult {
  /** What was lost, unreadable or repeated; empty when nothing was. */
  readonly findings: readonly string[];
  readonly kills: number;
  readonly messages: number;
}

const PERSON = new URL("person-process.ts", import.meta.url);
const BOT = new URL("bot-process.ts", import.meta.url);
const MAX_WORDS = 40;
const BETWEEN_WORDS_MS = 400;
const MAX_RANDOM_MS = 1_500;
const SETTLE_MS = 30_000;

/** A person talks in an encrypted room to a bot whose processes are killed one after another, and looks at what is left of it. */
export async function killRun(options: KillRunOptions): Promise<KillRunResult> {
  const { synapse, ledger, targeted, randomRounds, sabotage } = options;
  const [alice, bot] = await Promise.all([synapse.register(), synapse.register()]);
  const account = { url: synapse.url, userId: bot.userId, deviceId: bot.deviceId, accessToken: bot.accessToken };
  const fixed = {
    ...account,
    ...ledger,
    recoveryKey: createRecoveryKey(),
    ...(sabotage !== undefined && { sabotage }),
  };
  const processes: { stop(): Promise<void> }[] = [];
  const spawn = (kill?: BotParameters["kill"]): CalledProcess<BotFunctions> => {
    const process = new CalledProcess<BotFunctions>(BOT, { ...fixed, ...(kill !== undefined && { kill }) });
    processes.push(process);
    return process;
  };
  const person = new CalledProcess<PersonFunctions>(PERSON, { ...alice, url: synapse.url });
  processes.push(person);
  try {
    await person.call("start");
    const first = spawn();
    await first.call("start");
    const room = await person.call("createRoom", [bot.userId], true);
    await person.call("sees", room, bot.userId);
    await first.kill9();
    const talk = new Talk(person, room);
    const findings: string[] = [];
    for (const [point, passing] of targeted) {
      const process = spawn({ point, passing });
      if (!(await diesWhileSpokenTo(process, talk))) findings.push(`${point} ${passing} was never passed`);
    }
    for (let round = 0; round < randomRounds; round += 1) await diesAtRandom(spawn(), talk, round);
    findings.push(...(await look({ last: spawn(), person, room, botId: bot.userId, said: talk.said })));
    return { findings, kills: 1 + targeted.length + randomRounds, messages: talk.said.length };
  } finally {
    await Promise.all(processes.map((process) => process.stop()));
  }
}

class Talk {
  readonly said: string[] = [];
  readonly #person: CalledProcess<PersonFunctions>;
  readonly #room: string;

  constructor(person: CalledProcess<PersonFunctions>, room: string) {
    this.#person = person;
    this.#room = room;
  }

  /** Every other message begins a new session, whose key travels before it. */
  async say(): Promise<void> {
    const body = `question ${this.said.length + 1}?`;
    if (this.said.length % 2 === 0) await this.#person.call("rotate", this.#room);
    this.said.push(body);
    await this.#person.call("say", this.#room, body);
  }
}

async function diesWhileSpokenTo(process: CalledProcess<BotFunctions>, talk: Talk): Promise<boolean> {
  let ended = false;
  void process.ended().then(() => {
    ended = true;
  });
  await process.call("start").catch(() => undefined);
  for (let words = 0; !ended && words < MAX_WORDS; words += 1) {
    await talk.say();
    await Promise.race([process.ended(), pause(BETWEEN_WORDS_MS)]);
  }
  if (!ended) await process.kill9();
  return ended;
}

async function diesAtRandom(process: CalledProcess<BotFunctions>, talk: Talk, round: number): Promise<void> {
  const began = process.call("start").catch(() => undefined);
  await talk.say();
  if (round % 3 !== 0) await began;
  const more = talk.say();
  await pause(Math.random() * MAX_RANDOM_MS);
  await process.kill9();
  await more;
}

async function look(run: {
  last: CalledProcess<BotFunctions>;
  person: CalledProcess<PersonFunctions>;
  room: string;
  botId: string;
  said: readonly string[];
}): Promise<readonly string[]> {
  const { last, person, room, botId, said } = run;
  try {
    await last.call("start");
  } catch (error) {
    return [`the last process did not start: ${error instanceof Error ? error.message : String(error)}`];
  }
  const endMs = performance.now() + SETTLE_MS;
  let heard: readonly string[] = [];
  while (performance.now() < endMs && heard.length < said.length) {
    await pause(100);
    heard = (await last.call("heard")).map(({ body }) => body);
  }
  const answers = said.map((body) => `answer to ${body}`);
  const unread = await person.call("missing", room, botId, answers, SETTLE_MS);
  const shown = (await person.call("show", room)).filter(({ sender }) => sender === botId);
  const health = await last.call("health");
  const rejections = await last.call("rejections");
  return [
    ...said.filter((body) => !heard.includes(body)).map((body) => `never heard: ${body}`),
    ...unread.map((body) => `never read by the person: ${body}`),
    ...shown.filter(({ readable }) => !readable).map(({ eventId }) => `unreadable to the person: ${eventId}`),
    ...(shown.length > answers.length ? [`${shown.length - answers.length} answers too many`] : []),
    ...(health === undefined ? [] : [health]),
    ...rejections.map((reason) => `unhandled rejection: ${reason}`),
  ];
}
