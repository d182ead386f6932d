import { setTimeout as delay } from "node:timers/promises";
import { DIAL_IN_PATH, DIAL_IN_PROTOCOL } from "../../../src/contracts/dial-in-protocol.ts";
import { DialInAgent } from "../agents/dial-in-agent.ts";
import { callApi } from "../app/call-api.ts";
import { until } from "../app/slack-app.ts";
import { createRunFolder, startParley } from "../parley/index.ts";
import { createSlackStandIn } from "../slack/index.ts";
import { WebClient } from "../web/web-client.ts";
import { watchMemory } from "./process-memory.ts";
import { RawWebSocket } from "./raw-web-socket.ts";
import { SOCKET_ATTACKS, type SocketAttack } from "./socket-attacks.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const ASK_EVERY_MS = 500;
const GIVE_UP_MS = 30_000;
const MIB = 1024 ** 2;

export interface SocketAttackOutcome {
  readonly name: string;
  /** Whose socket it was: an agent's with its token, an agent's that has not said who it is, a person's page. */
  readonly socket: "agent" | "stranger" | "page";
  /** From the first byte of the attack to the end of the line; undefined when it never ended. */
  readonly closedAfterMs: number | undefined;
  readonly code: number | undefined;
}

export interface SocketsTrial {
  readonly attacks: readonly SocketAttackOutcome[];
  /** Questions to another agent that dials in, asked all the while. */
  readonly asked: number;
  readonly answered: number;
  /** How often that agent's connection was lost. */
  readonly drops: number;
  readonly grownMib: number;
}

/** Security rule R13: a real Parley whose WebSockets are attacked while another agent, which dials in as well, answers. */
export async function runSocketsTrial(options: {
  readonly size: number;
  readonly databaseUrl?: string | undefined;
}): Promise<SocketsTrial> {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.01 } });
  const space = slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" });
  const agents = ["honest", "mallory"].map((handle) => ({
    handle,
    name: handle,
    connector: { kind: "socket" as const },
  }));
  const folder = await createRunFolder({ agents });
  const parley = await startParley({
    folder,
    databaseUrl: options.databaseUrl,
    slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
    env: { PARLEY_TOKEN: OPERATOR },
  });
  const operator = { url: parley.url, token: OPERATOR };
  const tokenOf = async (handle: string): Promise<string> =>
    (await callApi<{ secret: string }>(operator, { method: "POST", path: `/api/agents/${handle}/token` })).body.secret;
  let honest: DialInAgent | undefined;
  let asking: NodeJS.Timeout | undefined;
  try {
    slack.setup.configureApp(space.app.appId, { requestUrl: `${parley.url}/slack/events` });
    honest = await DialInAgent.dial(parley.url, {
      token: await tokenOf("honest"),
      onTurn: (start, agent) => agent.answer(start, `answer to ${start.turn.trigger.text.split(" ").at(-1)}`),
    });
    let drops = 0;
    void honest.closed.then(() => {
      drops += 1;
    });
    let asked = 0;
    const ask = (): void => {
      const [channel = "", user = ""] = [space.channels[0], space.users[0]];
      slack.people.postAs(user, channel, `<@${space.bot.botUserId}> honest question-${asked}-`);
      asked += 1;
    };
    const answers = (): number =>
      new Set(
        slack.log.posts({ by: "app" }).flatMap(({ text = "" }) => /answer to (question-\d+-)/.exec(text)?.[1] ?? []),
      ).size;
    ask();
    await until(() => answers() === asked, 30_000);
    asking = setInterval(ask, ASK_EVERY_MS);
    const openings = await openingsOf(parley.url, operator, await tokenOf("mallory"));
    const memory = watchMemory(parley.pid);
    await memory.sample();
    const before = memory.take();
    const attacks: SocketAttackOutcome[] = [];
    for (const attack of SOCKET_ATTACKS)
      for (const [socket, open] of openings)
        attacks.push({ socket, ...(await attackOnce(attack, open, options.size)) });
    await memory.sample();
    const grownMib = Math.round((memory.take() - before) / MIB);
    memory.stop();
    clearInterval(asking);
    await until(() => answers() === asked, 60_000).catch(() => undefined);
    return { attacks, asked, answered: answers(), drops, grownMib };
  } finally {
    clearInterval(asking);
    honest?.drop();
    await parley.stop();
    await slack.close();
    await folder.remove();
  }
}

type Opening = readonly [SocketAttackOutcome["socket"], () => Promise<RawWebSocket>];

async function openingsOf(
  url: string,
  operator: { readonly url: string; readonly token: string },
  token: string,
): Promise<readonly Opening[]> {
  const { body } = await callApi<{ link: string }>(operator, { method: "POST", path: "/api/sign-in-links" });
  const client = new WebClient(url);
  await client.signIn(body.link);
  const page = client.socketUrl().replace(/^ws/, "http");
  return [
    [
      "agent",
      async () => {
        const socket = await RawWebSocket.open(url + DIAL_IN_PATH, { Authorization: `Bearer ${token}` });
        await socket.text({ type: "hello", protocol: DIAL_IN_PROTOCOL, client: { name: "mallory", version: "1" } });
        return socket;
      },
    ],
    ["stranger", () => RawWebSocket.open(url + DIAL_IN_PATH, {})],
    ["page", () => RawWebSocket.open(page, { Origin: client.origin, Cookie: client.cookie ?? "" })],
  ];
}

async function attackOnce(
  attack: SocketAttack,
  open: () => Promise<RawWebSocket>,
  size: number,
): Promise<Omit<SocketAttackOutcome, "socket">> {
  const socket = await open();
  if (socket.head.includes("permessage-deflate")) throw new Error("the server agreed to compression");
  if (attack.isDeaf === true) socket.pause();
  const beganMs = performance.now();
  const over = delay(GIVE_UP_MS, undefined, { ref: false });
  await Promise.race([attack.run(socket, size), over]);
  // Whoever does not read does not hear of the end either.
  if (attack.isDeaf === true) socket.resume();
  const closed = await Promise.race([socket.closed, over]);
  socket.end();
  return {
    name: attack.name,
    code: closed?.code,
    closedAfterMs: closed === undefined ? undefined : Math.round(closed.atMs - beganMs),
  };
}
