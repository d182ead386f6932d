import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type MatrixApp, startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { isRedacted, type MatrixPerson, type RoomEvent, RoomLog, relationOf } from "../../support/matrix/index.ts";

const echo = defineAgent(async function* (request) {
  yield `heard: ${request.trigger.text}`;
});

/** Asks before it acts. */
const careful = defineAgent(async function* (request) {
  if (request.reason === "action") {
    yield `decided: ${request.trigger.action?.actionId} ${request.trigger.action?.value}`;
    return;
  }
  yield {
    type: "approval_request" as const,
    approvalId: "deploy",
    prompt: "Shall I deploy?",
    options: [
      { id: "yes", label: "Deploy", effect: "allow" as const },
      { id: "no", label: "Leave it", effect: "deny" as const },
    ],
  };
});

describe.each(["bot", "service"] as const)("a conversation in Matrix, %s", (mode) => {
  let parley: MatrixApp;
  let mara: MatrixPerson;
  let log: RoomLog;
  let room: string;

  beforeAll(async () => {
    parley = await startMatrixApp(
      [
        { handle: "echo", name: "Echo", connector: { kind: "function", run: echo } },
        { handle: "careful", name: "Careful", connector: { kind: "function", run: careful } },
      ],
      { mode },
    );
    mara = await parley.person("Mara");
    log = new RoomLog(parley.synapse.url, mara.account.accessToken);
    room = await parley.room(mara, ["echo", "careful"]);
  }, 120_000);

  afterAll(async () => {
    await parley.close();
  });

  /** In a room of a bot the agent's handle says who is meant; a puppet is mentioned like any person. */
  function ask(agent: string, words: string, thread?: string): Promise<string> {
    const account = parley.accountOf(agent);
    const place = thread === undefined ? {} : { thread };
    return mode === "bot"
      ? mara.say(room, `@${agent} ${words}`, { ...place, mentions: [account] })
      : mara.say(room, `${account} ${words}`, { ...place, mentions: [account] });
  }

  async function answers(agent: string): Promise<readonly RoomEvent[]> {
    const account = parley.accountOf(agent);
    return (await log.events(room)).filter(
      (event) => event.type === "m.room.message" && event.sender === account && !isRedacted(event),
    );
  }

  async function answered(agent: string, words: string): Promise<RoomEvent> {
    return await until(
      async () => (await answers(agent)).find((event) => String(event.content["body"]).includes(words)),
      30_000,
    );
  }

  it("answers a mention once, in the room and in a thread", async () => {
    await ask("echo", "first words");
    const inRoom = await answered("echo", "first words");
    const root = await mara.say(room, "a thread begins here");
    await ask("echo", "words in the thread", root);
    const inThread = await answered("echo", "words in the thread");
    expect(relationOf(inThread)).toMatchObject({ rel_type: "m.thread", event_id: root });
    expect(inRoom.content["m.mentions"]).toBeDefined();
    const all = await answers("echo");
    expect(all.filter((event) => relationOf(event).rel_type !== "m.replace")).toHaveLength(2);
  }, 60_000);

  it("takes a reaction to its question as the decision", async () => {
    await ask("careful", "go");
    const question = await answered("careful", "Shall I deploy?");
    const key = await until(async () => {
      const seeded = (await log.events(room)).find(
        (event) => event.type === "m.reaction" && relationOf(event).event_id === question.event_id,
      );
      return seeded && relationOf(seeded).key;
    });
    await mara.react(room, question.event_id, key);
    expect((await answered("careful", "decided:")).content["body"]).toContain("decided: deploy yes");
  }, 60_000);

  it("answers what was said while no process ran", async () => {
    const before = (await answers("echo")).length;
    await parley.restart(async () => {
      await ask("echo", "while you were away");
    });
    await answered("echo", "while you were away");
    expect(await answers("echo")).toHaveLength(before + 1);
    await ask("echo", "and now again");
    await answered("echo", "and now again");
  }, 60_000);

  it("answers once when the homeserver does not say what became of the answer", async () => {
    parley.proxy.strike({ kind: "drop", when: "after", match: { path: /\/send\/m\.room\.message\//u, roomId: room } });
    await ask("echo", "lost on the way back");
    await answered("echo", "lost on the way back");
    await ask("echo", "the next one");
    await answered("echo", "the next one");
    const said = (await answers("echo")).filter((event) => String(event.content["body"]).includes("lost on the way"));
    expect(said).toHaveLength(1);
  }, 60_000);
});
