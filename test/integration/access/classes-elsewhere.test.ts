import { afterAll, describe, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { SqlRunner } from "../../../src/ledger/connection/database.ts";
import { startDiscordApp } from "../../support/app/discord-app.ts";
import { startMatrixApp } from "../../support/app/matrix-app.ts";
import { type TestAgent, until } from "../../support/app/slack-app.ts";

const HELPER: TestAgent = {
  handle: "helper",
  name: "Helper",
  connector: {
    kind: "function",
    run: defineAgent(async function* () {
      yield "answer";
    }),
  },
};
const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

async function deny(ledger: SqlRunner, memberClass: string): Promise<void> {
  await ledger.query({ text: "delete from access_rules" });
  await ledger.query(
    {
      text: `insert into access_rules (id, organization_id, level, installation_id, place_id, subject_kind, subject, action, effect, source, created_by)
        values ($1, 'main', 'organization', '', '', 'class', $2, 'start_agent', 'deny', 'operator', 'test')`,
    },
    [`deny-${memberClass}`, memberClass],
  );
  await ledger.query({ text: "select pg_notify('parley_access', '')" });
  await new Promise((resolve) => setTimeout(resolve, 300));
}

/** Whether what was said with these words gave the agent a turn. */
async function isAdmitted(ledger: SqlRunner, text: string): Promise<boolean> {
  const decided = "select decisions::text as rules from events where state <> 'pending' and envelope::text like $1";
  const rows = () => ledger.query<{ rules: string }>({ text: decided }, [`%${text}%`]);
  const { rules } = await until(async () => (await rows())[0], 30_000);
  const admitted = rules.includes('"verdict": "turn"');
  expect(admitted || rules.includes("sender_denied_at_organization")).toBe(true);
  return admitted;
}

describe("on Discord", { timeout: 60_000 }, () => {
  it("rules about guests, admins and members hold for the first message of each", async () => {
    const parley = await startDiscordApp([HELPER]);
    closers.push(() => parley.close());
    const { discord, server, ledger } = parley;
    const [channel = ""] = server.channels;
    const people = {
      admin: server.owner,
      member: discord.setup.addUser(server.guild),
      guest: discord.setup.addUser(server.guild, { isGuest: true }),
    };
    for (const which of ["guest", "admin", "member"] as const) {
      await deny(ledger, which);
      for (const [who, id] of Object.entries(people)) {
        discord.people.postAs(id, channel, parley.ask("helper", `${who} under ${which}`));
        expect([who, await isAdmitted(ledger, `${who} under ${which}`)]).toEqual([who, who !== which]);
      }
    }
  });
});

describe("on Matrix", { timeout: 120_000 }, () => {
  it("rules about admins and members hold for the first message of each, and after a restart", async () => {
    const parley = await startMatrixApp([HELPER], { mode: "bot" });
    closers.push(() => parley.close());
    const { ledger } = parley;
    const owner = await parley.person("Mara");
    const member = await parley.person("Ben");
    const room = await parley.room(owner, ["helper"]);
    await owner.invite(room, member.userId);
    await member.join(room);
    for (const which of ["admin", "member"] as const) {
      await deny(ledger, which);
      for (const [who, person] of [
        ["admin", owner],
        ["member", member],
      ] as const) {
        await person.say(room, `helper ${who} under ${which}`, { mentions: [parley.accountOf("helper")] });
        expect([who, await isAdmitted(ledger, `${who} under ${which}`)]).toEqual([who, who !== which]);
      }
      await parley.restart();
    }
  });
});
