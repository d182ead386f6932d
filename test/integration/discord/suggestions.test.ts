import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type DiscordApp, startDiscordApp } from "../../support/app/discord-app.ts";

/** What Discord is told while somebody types an agent's name: no more than `/parley agents` would tell them there. */

let parley: DiscordApp;
let other = "";

const quiet = {
  kind: "function" as const,
  run: defineAgent(async function* () {
    yield "yes?";
  }),
};

beforeAll(async () => {
  parley = await startDiscordApp([
    { handle: "guide", name: "Guide", connector: quiet },
    { handle: "gardener", name: "Gardener", connector: quiet, channels: ["elsewhere"] },
    { handle: "scribe", name: "Scribe", connector: quiet },
  ]);
  other = parley.server.users[1] ?? "";
});
afterAll(() => parley.close());

async function offered(person: string, word: string, typed = ""): Promise<readonly string[]> {
  const { discord, channel } = parley;
  const { data } = await discord.gestures.autocomplete(person, channel, `parley ${word}`, {
    name: "agent",
    value: typed,
  });
  return ((data?.["choices"] ?? []) as { value: string }[]).map(({ value }) => value).sort(); // choices as Discord takes them
}
async function deny(kind: "person" | "agent", subject: string, action: string): Promise<void> {
  await parley.ledger.query(
    {
      text: `insert into access_rules (id, organization_id, level, subject_kind, subject, action, effect, source, created_by)
        values ('no-' || $3, 'main', 'organization', $1, $2, $3, 'deny', 'operator', 'test')`,
    },
    [kind, subject, action],
  );
  await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
}

it("offers the agents of the channel, and to invite those that are not there", async () => {
  expect(await offered(parley.user, "ask")).toEqual(["assistant", "guide", "scribe"]);
  expect(await offered(parley.user, "ask", "g")).toEqual(["guide"]);
  expect(await offered(parley.user, "invite")).toEqual(["gardener"]);
});

it("offers nobody to who may ask none, and none to invite to who may not invite", async () => {
  await deny("person", other, "start_agent");
  await deny("person", other, "invite_agent");
  await expect.poll(() => offered(other, "ask"), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => offered(other, "invite"), { timeout: 10_000 }).toEqual([]);
  expect(await offered(parley.user, "ask")).toEqual(["assistant", "guide", "scribe"]);
});

it("does not offer an agent that may not speak there", async () => {
  await deny("agent", "scribe", "post");
  await expect.poll(() => offered(parley.user, "ask"), { timeout: 10_000 }).toEqual(["assistant", "guide"]);
});
