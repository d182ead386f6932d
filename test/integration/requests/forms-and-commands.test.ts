import { afterEach, expect, it } from "vitest";
import { askCode } from "../../../adapters/matrix/ask.ts";
import { startDiscordApp } from "../../support/app/discord-app.ts";
import { startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import asking from "./asking-agent.ts";

const ASKER = { handle: "asker", name: "Asker", connector: { kind: "function", run: asking }, replyInThread: false };
const TEST_MS = 120_000;
const PATIENT_MS = 40_000;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
}, TEST_MS);

it(
  "takes a form on Discord, over a restart between the question and the answer",
  async () => {
    const parley = await startDiscordApp([ASKER]);
    ends.push(() => parley.close());
    const { discord, channel, user } = parley;
    const newest = (text: string) =>
      until(() => {
        const posts = [...discord.log.posts({ channel }), ...discord.log.ofKind("update", { channel })];
        return posts.find((post) => post.text?.includes(text) === true);
      }, PATIENT_MS);
    discord.people.postAs(user, channel, parley.ask("asker", "form please"));
    const asked = await newest("Which version?");
    await parley.restart();
    const pressed = await discord.gestures.press(user, { channel, message: asked.message ?? "" }, "Answer");
    const submitted = await discord.gestures.submitModal(pressed.interactionId, { "field:v": "1.2.3" });
    expect(submitted.acknowledged).toBe(true);
    await newest('Decided form (none) with {"v":"1.2.3"}');
    const shown = await newest("Answered by");
    expect([shown.message, shown.text]).toEqual([asked.message, expect.not.stringContaining("1.2.3")]);
  },
  TEST_MS,
);

it(
  "takes a decision on Matrix by a command, and a later reaction changes nothing",
  async () => {
    const parley = await startMatrixApp([ASKER], { mode: "bot" });
    ends.push(() => parley.close());
    const nadia = await parley.person("nadia");
    const room = await parley.room(nadia, ["asker"]);
    const account = parley.accountOf("asker");
    await nadia.send(room, "m.room.message", {
      msgtype: "m.text",
      body: "Parley asker live please",
      format: "org.matrix.custom.html",
      formatted_body: `<a href="https://matrix.to/#/${account}">Parley</a> asker live please`,
      "m.mentions": { user_ids: [account] },
    });
    const [request] = await until(async () => {
      const rows = await parley.ledger.query<{ message_id: string }>({
        text: "select d.message_id from requests r join deliveries d on d.request_id = r.id where d.state = 'delivered'",
      });
      return rows.length > 0 ? rows : undefined;
    }, PATIENT_MS);
    await nadia.send(room, "m.room.message", { msgtype: "m.text", body: `!deny ${askCode("deploy")}` });
    const decided = await until(async () => {
      const [row] = await parley.ledger.query<{ option_id: string | null; state: string }>({
        text: "select option_id, state from requests where state = 'decided'",
      });
      return row;
    }, PATIENT_MS);
    expect(decided.option_id).toBe("no");
    await nadia.react(room, request?.message_id ?? "", "✅");
    await until(
      async () =>
        (
          await parley.ledger.query({
            text: "select 1 from events where kind = 'action_submitted' and state = 'dropped' and state_reason = 'request_not_open'",
          })
        ).length === 1,
      PATIENT_MS,
    );
    const [now] = await parley.ledger.query<{ option_id: string }>({ text: "select option_id from requests" });
    expect(now?.option_id).toBe("no");
  },
  TEST_MS,
);

it(
  "takes no decision on Matrix by the reaction of somebody who may not react, and takes it from them by a command",
  async () => {
    const parley = await startMatrixApp([ASKER], { mode: "bot" });
    ends.push(() => parley.close());
    const nadia = await parley.person("nadia");
    const room = await parley.room(nadia, ["asker"]);
    const account = parley.accountOf("asker");
    await parley.ledger.query(
      {
        text: `insert into access_rules (id, organization_id, level, subject_kind, subject, action, effect, source, created_by)
          values ('no-reactions', 'main', 'organization', 'person', $1, 'react', 'deny', 'operator', 'test')`,
      },
      [nadia.userId],
    );
    await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
    await nadia.send(room, "m.room.message", {
      msgtype: "m.text",
      body: "Parley asker live please",
      format: "org.matrix.custom.html",
      formatted_body: `<a href="https://matrix.to/#/${account}">Parley</a> asker live please`,
      "m.mentions": { user_ids: [account] },
    });
    const [request] = await until(async () => {
      const rows = await parley.ledger.query<{ message_id: string }>({
        text: "select d.message_id from requests r join deliveries d on d.request_id = r.id where d.state = 'delivered'",
      });
      return rows.length > 0 ? rows : undefined;
    }, PATIENT_MS);
    await nadia.react(room, request?.message_id ?? "", "✅");
    await until(
      async () =>
        (
          await parley.ledger.query({
            text: "select 1 from events where kind = 'action_submitted' and state_reason = 'decision_refused_denied_at_organization'",
          })
        ).length === 1,
      PATIENT_MS,
    );
    await nadia.send(room, "m.room.message", { msgtype: "m.text", body: `!deny ${askCode("deploy")}` });
    const decided = await until(async () => {
      const [row] = await parley.ledger.query<{ option_id: string | null }>({
        text: "select option_id from requests where state = 'decided'",
      });
      return row;
    }, PATIENT_MS);
    expect(decided.option_id).toBe("no");
  },
  TEST_MS,
);
