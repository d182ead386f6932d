import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONNECTOR_KINDS } from "../../../agents/registry.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import {
  FAULT_ROWS,
  type Fault,
  type FaultRow,
  type FaultyAgent,
  FINE,
  NEVER,
  SEEN,
} from "../../support/agents/faulty/fault.ts";
import { FAULTY_KINDS } from "../../support/agents/faulty/index.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/**
 * The rows F16 to F20 of the fault table for each connector: a whole Parley, real agents that fail, and the log of the platform as the oracle.
 * A poison message that kills Parley's own process is `poison.test.ts`.
 */
const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const SETTLED_WITHIN_MS = 60_000;
/** Of a machine that is busy with other tests; alone it is a tenth of that. */
const OTHERS_WITHIN_MS = 10_000;
/** Most times that an agent is given a question it dies of each time (`MAX_AWAY_ATTEMPTS` and the first). */
const MOST_DEATHS = 11;
const ROWS = Object.keys(FAULT_ROWS) as FaultRow[]; // the keys of that very table
const EVERY_FAULT = ROWS.flatMap((row): readonly Fault[] => FAULT_ROWS[row]);

it("says of every connector how it shows each fault, or why it cannot", () => {
  expect(Object.keys(FAULTY_KINDS).sort()).toEqual([...CONNECTOR_KINDS].sort());
  for (const { impossible, sees } of Object.values(FAULTY_KINDS)) {
    for (const reason of Object.values(impossible)) expect(reason.length).toBeGreaterThan(20);
    for (const { because } of Object.values(sees)) expect(because.length).toBeGreaterThan(20);
  }
  // No row may mean nothing for a connector.
  for (const { impossible } of Object.values(FAULTY_KINDS))
    for (const row of ROWS) expect(FAULT_ROWS[row].some((fault) => impossible[fault] === undefined)).toBe(true);
});

describe.each(Object.entries(FAULTY_KINDS))("%s", (_kind, faulty) => {
  const agents = new Map<Fault, FaultyAgent>();
  const tooLate = Promise.withResolvers<void>();
  let app: SlackApp;

  beforeAll(async () => {
    const { turnTimeoutMs, idleTimeoutMs } = faulty;
    const definitions = [];
    for (const fault of EVERY_FAULT.filter((one) => faulty.impossible[one] === undefined)) {
      const handle = handleOf(fault);
      const agent = await faulty.start(fault, { handle, tooLate: tooLate.promise });
      agents.set(fault, agent);
      const { connector } = agent;
      definitions.push({ handle, name: handle, historyMessages: 0, turnTimeoutMs, idleTimeoutMs, connector });
    }
    const fine = { kind: "function", run: defineAgent(async () => "as ever") };
    app = await startSlackApp([...definitions, { handle: "fine", name: "Fine", connector: fine }], {
      env: { PARLEY_TOKEN: OPERATOR },
    });
    for (const agent of agents.values()) await agent.join?.({ url: app.url, token: OPERATOR });
  }, 60_000);
  afterAll(async () => {
    for (const agent of agents.values()) await agent.stop();
    await app?.close();
  }, 60_000);

  const ask = (handle: string, words: string): string =>
    app.slack.people.postAs(app.user, app.channel, app.ask(handle, words), {}).ts;
  const postsIn = (thread: string): string[] =>
    app.slack.core
      .channel(app.channel)
      .messages.filter(({ author, threadTs }) => author.botId === app.space.bot.botId && threadTs === thread)
      .filter(({ deleted }) => deleted !== true)
      .map(({ text }) => text.trim());
  const count = async (text: string): Promise<number> =>
    (await app.ledger.query<{ count: number }>({ text: `select count(*)::int as count from ${text}` }))[0]?.count ?? -1;
  const settled = (thread: string): Promise<string> =>
    until(async () => {
      const [row] = await app.ledger.query<{ state: string }>(
        {
          text: "select state from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human' and finished_at is not null",
        },
        [thread],
      );
      return row?.state;
    }, SETTLED_WITHIN_MS);

  it.each(ROWS)("%s", { timeout: 3 * SETTLED_WITHIN_MS, retry: 0 }, async (row) => {
    const faults = FAULT_ROWS[row].filter((fault) => agents.has(fault));
    const lettersBefore = await count("dead_letters");
    const threads = new Map(faults.map((fault) => [fault, ask(handleOf(fault), "tell me all")]));

    // The others are answered while these fail.
    const askedMs = performance.now();
    const other = ask("fine", "and you?");
    expect(await settled(other)).toBe("answered");
    expect(postsIn(other)).toEqual(["as ever"]);
    expect(performance.now() - askedMs).toBeLessThan(OTHERS_WITHIN_MS);

    for (const thread of threads.values()) await settled(thread);
    if (row === "F19") tooLate.resolve();

    // What is under each question: one notice, or one answer, and no half of one. It stays as it is when the agent goes on.
    const look = () => Object.fromEntries([...threads].map(([fault, thread]) => [fault, postsIn(thread)]));
    const wanted = Object.fromEntries(faults.map((fault) => [fault, [expect.stringMatching(patternOf(fault))]]));
    expect(look()).toEqual(wanted);
    let notices = 0;
    for (const fault of faults) if ("notice" in (faulty.sees[fault] ?? SEEN[fault])) notices += 1;
    expect(await count("dead_letters")).toBe(lettersBefore + notices);
    for (const fault of faults) expect(agents.get(fault)?.asked()).toBeLessThanOrEqual(MOST_DEATHS);

    // Its slot is free, and its connections are closed.
    await until(() => faults.every((fault) => agents.get(fault)?.open() === 0));
    await until(async () => (await count("turns where finished_at is null")) === 0);

    // The same agent, once it is well, answers the next question.
    for (const fault of faults) await agents.get(fault)?.recover();
    for (const fault of faults) {
      const again = ask(handleOf(fault), "and now?");
      expect(await settled(again)).toBe("answered");
      expect(postsIn(again)).toEqual([FINE]);
    }
    expect(look()).toEqual(wanted);
    const told = app.slack.log.since(0).filter(({ text }) => text?.includes(NEVER));
    expect(told.map(({ threadTs, text }) => ({ threadTs, text }))).toEqual([]);
    const rules = faults.flatMap((fault) => faulty.audited?.[fault] ?? []);
    const audited = await Promise.all(rules.map((rule) => count(`audit_log where entries like '%${rule}%'`)));
    expect(audited.filter((entries) => entries === 0)).toEqual([]);
  });

  function patternOf(fault: Fault): RegExp {
    const seen = faulty.sees[fault] ?? SEEN[fault];
    return "notice" in seen ? seen.notice : seen.answer;
  }
});

const handleOf = (fault: Fault): string => `a-${fault.replaceAll("_", "-")}`;
