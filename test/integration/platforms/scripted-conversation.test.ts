import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AGENT, type ChatDriver } from "../../support/conversation/chat-driver.ts";
import { levelled } from "../../support/conversation/differences.ts";
import { discordDriver } from "../../support/conversation/discord-driver.ts";
import { projectLedger } from "../../support/conversation/ledger-projection.ts";
import { matrixBotDriver, matrixDriver } from "../../support/conversation/matrix-driver.ts";
import { BOOK_LINES, STORY_LINES } from "../../support/conversation/scribe.ts";
import { converse, type Told } from "../../support/conversation/script.ts";
import { linesShown, shownThreads } from "../../support/conversation/shown.ts";
import { slackDriver } from "../../support/conversation/slack-driver.ts";
import { type ConversationStage, startConversationStage } from "../../support/conversation/stage.ts";
import { webDriver } from "../../support/conversation/web-driver.ts";

const PLATFORMS: Readonly<Record<string, (parleyUrl: string) => Promise<ChatDriver>>> = {
  web: webDriver,
  slack: slackDriver,
  discord: discordDriver,
  matrix: matrixDriver,
};
/** The ways in which Parley is on these platforms: each is one configuration, one process and one ledger. */
const STAGES = [
  { name: "on a ledger in postgres", ledger: "postgres", platforms: PLATFORMS },
  { name: "on a ledger in pglite", ledger: "pglite", platforms: PLATFORMS },
  {
    name: "with a bot account on Matrix",
    ledger: "postgres",
    platforms: { web: webDriver, matrix: matrixBotDriver },
  },
] as const;
/** A minute's work on a quiet machine, in which all platforms share one process. */
const CONVERSATION_MS = 600_000;

const NOTES = "notes.txt (file, 19 bytes) that says Remember the milk!";
const ASKED = "[#plan] [#blue] [#notes] [#deploy] [#story] [#book]";
/** Under each message: every answer once, in order, as the agent; nothing under what was deleted or said to nobody, nothing beside the threads. */
const SHOWN = [
  {
    thread: "plan",
    sentences: [
      "Answer to [#plan] after nothing.",
      "Answer to [#budget] after [#plan] [#plan].",
      "Answer to [#again] after [#plan] [#plan] [#budget] [#budget] [#plan] [#plan].",
    ],
  },
  { thread: "colour", sentences: ["Answer to [#blue] after [#plan]."] },
  {
    thread: "notes",
    sentences: [`Answer to [#notes] after [#plan] [#blue] with ${NOTES}.`],
    files: ["summary.txt: What was in the file, in short."],
  },
  {
    thread: "deploy",
    sentences: [
      "Answer to [#deploy] after [#plan] [#blue] [#notes].",
      "Shall I deploy?",
      `Heard deploy=yes, asked by ${AGENT.handle}.`,
    ],
  },
  { thread: "story", sentences: ["Answer to [#story] after [#plan] [#blue] [#notes] [#deploy]."] },
  { thread: "book", sentences: ["Answer to [#book] after [#plan] [#blue] [#notes] [#deploy] [#story]."] },
  { thread: "slow", sentences: [`Answer to [#slow] after ${ASKED}.`] },
  { thread: "meanwhile", sentences: [`Answer to [#meanwhile] after ${ASKED} [#slow].`] },
].map((thread) => ({ authors: [AGENT.name], files: [], ...thread }));

/** What became of all that people did. */
const ENDS = [
  "plan: message_created answered",
  "plan: message_edited dropped: edit_without_open_turn",
  "answer to plan: reaction_added dropped: recorded",
  "answer to plan: reaction_removed dropped: recorded",
  "budget: message_created answered",
  "colour: message_created superseded: trigger_edited",
  "colour: message_edited answered",
  "mistake: message_created cancelled: trigger_deleted",
  "mistake: message_deleted dropped: trigger_of_open_turns_deleted",
  "chatter: message_created dropped: no_agent_addressed",
  "chatter: message_deleted dropped: recorded",
  "notes: message_created answered",
  "deploy: message_created answered",
  "answer to deploy: action_submitted answered",
  "story: message_created answered",
  "book: message_created answered",
  "slow: message_created answered",
  "meanwhile: message_created answered",
  "again: message_created answered",
];

describe.each(STAGES)("one conversation $name", ({ ledger, platforms }) => {
  const names = Object.keys(platforms);
  let stage: ConversationStage | undefined;
  let told = new Map<string, Told>();

  beforeAll(async () => {
    stage = await startConversationStage(Object.values(platforms), { ledger });
    told = new Map((await converse(stage)).map((one) => [one.driver.platform, one]));
  }, CONVERSATION_MS);
  afterAll(() => stage?.close(), CONVERSATION_MS);

  const of = (platform: string): { readonly running: ConversationStage; readonly one: Told } => {
    const one = told.get(platform);
    if (stage === undefined || one === undefined) throw new Error(`there was no conversation on ${platform}`);
    return { running: stage, one };
  };
  const ledgerOf = async (platform: string): Promise<ReturnType<typeof levelled>> => {
    const { running, one } = of(platform);
    return levelled(platform, await projectLedger(running.ledger, one));
  };

  it.each(names)("%s shows every answer once, in order, in its place, as the agent", async (platform) => {
    const { one } = of(platform);
    expect(await shownThreads(one)).toEqual(SHOWN);
    for (const [name, count] of [
      ["story", STORY_LINES],
      ["book", BOOK_LINES],
    ] as const)
      expect(await linesShown(one, name)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  it.each(names)("%s brings everything to its end", async (platform) => {
    const { projection } = await ledgerOf(platform);
    expect(projection.events.map(({ about, event, end }) => `${about}: ${event} ${end}`)).toEqual(ENDS);
    expect(projection).toMatchObject({ deadLetters: 0, unfinished: 0 });
  });

  it.each(names.slice(1))("%s leaves the same ledger behind as the web room", async (platform) => {
    const { projection, found } = await ledgerOf(platform);
    expect(projection).toEqual((await ledgerOf("web")).projection);
    // A difference that is listed and not there is one to strike from the list.
    expect([...found].filter(([, times]) => times === 0)).toEqual([]);
  });

  it("complains of nothing", () => {
    expect(stage?.complaints).toEqual([]);
  });
});
