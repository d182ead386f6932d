import { afterEach, expect, it } from "vitest";
import { DialInAgent, type TurnStart } from "../../support/agents/dial-in-agent.ts";
import { callApi } from "../../support/app/call-api.ts";
import { startDiscordApp } from "../../support/app/discord-app.ts";
import { startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { RoomLog } from "../../support/matrix/index.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const CALLER = { handle: "caller", name: "Caller", connector: { kind: "socket" }, replyInThread: false } as const;
const TEST_MS = 180_000;
const PATIENT_MS = 40_000;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
}, TEST_MS);

/** Dials in as the agent of a running Parley; it says again what it hears, in two pieces. */
async function dial(url: string): Promise<{ agent: DialInAgent; heard: TurnStart["turn"][] }> {
  const request = { method: "POST", path: "/api/agents/caller/token" };
  const { body } = await callApi<{ secret: string }>({ url, token: OPERATOR }, request);
  const heard: TurnStart["turn"][] = [];
  const agent = await DialInAgent.dial(url, {
    token: body.secret,
    onTurn(start, on) {
      heard.push(start.turn);
      const { turnId, trigger } = start.turn;
      on.accept(start);
      on.event(turnId, { type: "text_delta", markdown: `You, ${trigger.sender.name}, ` });
      on.event(turnId, { type: "text_delta", markdown: `said **${/\w+$/u.exec(trigger.text)?.[0] ?? ""}**.` });
      on.event(turnId, { type: "done" });
    },
  });
  ends.push(() => agent.close());
  return { agent, heard };
}

it(
  "an agent that dials in talks on Discord, and hears who said what before",
  async () => {
    const parley = await startDiscordApp([CALLER], { env: { PARLEY_TOKEN: OPERATOR } });
    ends.push(() => parley.close());
    const { agent, heard } = await dial(parley.url);
    const { discord, channel, user } = parley;
    const shows = (text: string) =>
      until(
        () =>
          [...discord.log.posts({ channel }), ...discord.log.ofKind("update", { channel })].find(
            (post) => post.text?.includes(text) === true,
          ),
        PATIENT_MS,
      );
    discord.people.postAs(user, channel, parley.ask("caller", "first"));
    await shows("said **first**.");
    discord.people.postAs(user, channel, parley.ask("caller", "second"));
    await shows("said **second**.");
    await agent.until(() => agent.of("turn_end").length === 2, PATIENT_MS);
    expect(heard.map(({ conversation }) => conversation.platform)).toEqual(["discord", "discord"]);
    expect(heard[1]?.transcript.map(({ text }) => text).join("\n")).toMatch(/first[\s\S]*said \*\*first\*\*/u);
    expect(discord.log.posts({ channel }).filter(({ text }) => text?.includes("said **first**."))).toHaveLength(1);
  },
  TEST_MS,
);

it(
  "an agent that dials in talks on Matrix under an account of its own, and hears who said what before",
  async () => {
    const parley = await startMatrixApp([CALLER], { mode: "service", env: { PARLEY_TOKEN: OPERATOR } });
    ends.push(() => parley.close());
    const { agent, heard } = await dial(parley.url);
    const alice = await parley.person("alice");
    const room = await parley.room(alice, ["caller"]);
    const log = new RoomLog(parley.synapse.url, alice.account.accessToken);
    const account = parley.accountOf("caller");
    const shows = (text: string) =>
      until(
        async () =>
          (await log.events(room)).find(
            (event) =>
              event.sender === account && String(event.content["formatted_body"]).includes(`<strong>${text}</strong>`),
          ),
        PATIENT_MS,
      );
    await alice.say(room, "@caller first");
    await shows("first");
    await alice.say(room, "@caller second");
    await shows("second");
    await agent.until(() => agent.of("turn_end").length === 2, PATIENT_MS);
    expect(heard.map(({ conversation }) => conversation.platform)).toEqual(["matrix", "matrix"]);
    expect(heard[1]?.transcript.map(({ text }) => text).join("\n")).toMatch(/first[\s\S]*said \*\*first\*\*/u);
  },
  TEST_MS,
);
