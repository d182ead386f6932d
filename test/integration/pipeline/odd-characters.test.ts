import { afterAll, beforeAll, expect, it } from "vitest";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
beforeAll(async () => {
  parley = await startSlackApp([]);
});
afterAll(() => parley.close());

it.each(["\u0000", "\ud800"])(
  "an event with %j in a key is one dead letter, acknowledged, and holds up nothing",
  async (bad) => {
    const { slack, user, channel, ledger } = parley;
    const asked = slack.people.postAs(user, channel, `words with ${bad} in them`);
    slack.people.reactAs(user, channel, asked.ts, `eyes${bad}`);
    const after = slack.people.postAs(user, channel, "and on it goes");
    await slack.deliveries.whenIdle({ timeoutMs: 10_000 });
    expect(slack.deliveries.acknowledgedAt(channel, asked.ts)).toBeDefined();
    expect(slack.deliveries.ofType("reaction_added").every((one) => one.attempts.length === 1)).toBe(true);
    expect(slack.deliveries.pendingCount()).toBe(0);
    const letters = async () =>
      ledger.query<{ code: string; stage: string; reason: string }>({
        text: "select code, stage, reason from dead_letters order by created_at",
      });
    await until(async () => (await letters()).length > 0);
    const found = await letters();
    expect(found.at(-1)).toMatchObject({ code: "PAYLOAD_MALFORMED", stage: "ingest" });
    expect(found.at(-1)?.reason).toContain("body.reaction");
    const [first] = await ledger.query<{ text: string }>({ text: "select text from messages where message_id = $1" }, [
      asked.ts,
    ]);
    expect(first?.text).toBe("words with \ufffd in them");
    expect(await ledger.query({ text: "select 1 from messages where message_id = $1" }, [after.ts])).toHaveLength(1);
  },
);
