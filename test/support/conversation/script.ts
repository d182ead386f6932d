import { AGENT, type ChatDriver, type FileToSend, type ShownPost } from "./chat-driver.ts";
import type { ConversationStage } from "./stage.ts";
import { until } from "./until.ts";

/** What was said on one platform, by the names that the script gives it. */
export interface Told {
  readonly driver: ChatDriver;
  /** The platform's ids of people's messages, by name, in the order in which they were said. */
  readonly said: ReadonlyMap<string, string>;
  /** Ids of what the ledger had recorded before: how the channel came to be and who joined it. */
  readonly before: ReadonlySet<string>;
}

const THUMB = "👍";
/** So many looks in a row that find nothing new. */
const QUIET_LOOKS = 5;
const NOTES: FileToSend = { name: "notes.txt", mediaType: "text/plain", text: "Remember the milk!\n" };

/** The conversation on one platform, step by step; each step waits for what the ledger and the platform show. */
class Talk implements Told {
  readonly driver: ChatDriver;
  readonly said = new Map<string, string>();
  readonly before: ReadonlySet<string>;
  readonly #stage: ConversationStage;

  constructor(stage: ConversationStage, driver: ChatDriver, before: ReadonlySet<string>) {
    this.#stage = stage;
    this.driver = driver;
    this.before = before;
  }

  /** Says something under a name; `to` names the message whose thread it is said in. */
  async say(
    name: string,
    text: string,
    options: { readonly to?: string; readonly file?: FileToSend } = {},
  ): Promise<void> {
    const { to, file } = options;
    const thread = to === undefined ? {} : { thread: this.id(to) };
    this.said.set(name, await this.driver.say(text, { ...thread, ...(file && { file }) }));
  }

  ask(name: string, words: string, options: { readonly to?: string; readonly file?: FileToSend } = {}): Promise<void> {
    return this.say(name, this.driver.ask(words), options);
  }

  id(name: string): string {
    const id = this.said.get(name);
    if (id === undefined) throw new Error(`nothing was said as ${name}`);
    return id;
  }

  /** Resolves with the answers in the thread of a message as soon as there are so many that hold these words. */
  answers(root: string, words: string): Promise<ShownPost> {
    return this.#until(`an answer "${words}" to ${root}`, async () =>
      (await this.driver.posts(this.id(root))).find((post) => post.text.includes(words)),
    );
  }

  /** Resolves as soon as the agent works on the message. */
  async untilAtWork(name: string): Promise<void> {
    await this.#until(`${AGENT.name} at work on ${name}`, async () => {
      const [turn] = await this.#stage.ledger.query<{ id: string }>(
        { text: "select id from turns where trigger_message_id = $1 and state = 'running'" },
        [this.id(name)],
      );
      return turn;
    });
  }

  /** Resolves when every event of the channel has come to an end, and there are at least so many about this message. */
  async untilEnded(name: string, kind: string): Promise<void> {
    await this.#until(`${kind} of ${name} ended`, async () => {
      const [event] = await this.#stage.ledger.query<{ id: string }>(
        {
          text: `select id from events where kind = $1 and envelope->'body'->>'messageId' = $2 and finished_at is not null`,
        },
        [kind, this.said.get(name) ?? name],
      );
      return event;
    });
  }

  async #until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    return await until(`${this.driver.platform}: ${what}`, look);
  }
}

/** Before the restart: everything that people do while Parley runs. */
async function firstHalf(talk: Talk): Promise<void> {
  const { driver } = talk;
  await talk.ask("plan", "what is the plan? [#plan]");
  const plan = await talk.answers("plan", "Answer to [#plan]");
  await talk.say("budget", "and the budget? [#budget]", { to: "plan" });
  await talk.answers("plan", "Answer to [#budget]");

  await talk.ask("colour", "hold on, red or [#red]");
  await talk.untilAtWork("colour");
  await driver.edit(talk.id("colour"), driver.ask("blue, I mean [#blue]"));
  await talk.answers("colour", "Answer to [#blue]");
  await driver.edit(talk.id("plan"), driver.ask("what was the plan? [#plan]"));
  await talk.untilEnded("plan", "message_edited");

  await talk.ask("mistake", "hold this [#mistake]");
  await talk.untilAtWork("mistake");
  await driver.remove(talk.id("mistake"));
  await talk.untilEnded("mistake", "message_deleted");
  await talk.untilEnded("mistake", "message_created");
  await talk.say("chatter", "just thinking aloud");
  await talk.untilEnded("chatter", "message_created");
  await driver.remove(talk.id("chatter"));
  await talk.untilEnded("chatter", "message_deleted");

  const inPlan = { thread: talk.id("plan") };
  await driver.react(plan.id, THUMB, inPlan);
  await talk.untilEnded(plan.id, "reaction_added");
  await driver.unreact(plan.id, THUMB, inPlan);
  await talk.untilEnded(plan.id, "reaction_removed");

  await talk.ask("notes", "put this into a file [#notes]", { file: NOTES });
  await talk.answers("notes", "Answer to [#notes]");
  await talk.untilEnded("notes", "message_created");

  await talk.ask("deploy", "ask me first [#deploy]");
  const question = await talk.answers("deploy", "Shall I deploy?");
  await driver.choose(question, { approvalId: "deploy", index: 0, id: "yes" });
  await talk.answers("deploy", "Heard deploy=yes");

  for (const name of ["story", "book"]) {
    await talk.ask(name, `tell the whole ${name} [#${name}]`);
    await talk.untilEnded(name, "message_created");
  }
  await talk.ask("slow", "hold until you are started again [#slow]");
  await talk.untilAtWork("slow");
}

/** After it: what was under way, what was said meanwhile, and a thread that is older than the process. */
async function secondHalf(talk: Talk): Promise<void> {
  await talk.answers("slow", "Answer to [#slow]");
  await talk.answers("meanwhile", "Answer to [#meanwhile]");
  await talk.say("again", "and the time? [#again]", { to: "plan" });
  await talk.answers("plan", "Answer to [#again]");
  for (const name of ["slow", "meanwhile", "again"]) await talk.untilEnded(name, "message_created");
}

/** Has the conversation on all platforms of the stage at once, with one restart of Parley in the middle of all of them. */
export async function converse(stage: ConversationStage): Promise<readonly Told[]> {
  await untilQuiet(stage);
  const known = await stage.ledger.query<{ id: string }>({ text: "select id from events" });
  const before = new Set(known.map(({ id }) => id));
  const talks = stage.drivers.map((driver) => new Talk(stage, driver, before));
  await Promise.all(talks.map(firstHalf));
  const waiting: Promise<void>[] = [];
  await stage.restart(async () => {
    for (const talk of talks) {
      const said = talk.ask("meanwhile", "is anybody there? [#meanwhile]");
      if (talk.driver.livesInParley) waiting.push(said);
      else await said;
    }
  });
  await Promise.all(waiting);
  await Promise.all(talks.map(secondHalf));
  await untilQuiet(stage);
  return talks;
}

/** Resolves when nothing is left to do and nothing more has come for a while: platforms tell of late things, such as one's own posts. */
async function untilQuiet(stage: ConversationStage): Promise<void> {
  let earlier = "";
  let alikes = 0;
  await until("nothing more happens", async () => {
    const [row] = await stage.ledger.query<{ events: number; open: number }>({
      text: `select (select count(*) from events)::int as events, ((select count(*) from turns where finished_at is null)
        + (select count(*) from events where finished_at is null)
        + (select count(*) from deliveries where state in ('pending', 'sending', 'open', 'unknown')))::int as open`,
    });
    const now = JSON.stringify(row);
    alikes = now === earlier && row?.open === 0 ? alikes + 1 : 0;
    earlier = now;
    return alikes >= QUIET_LOOKS ? true : undefined;
  });
}
