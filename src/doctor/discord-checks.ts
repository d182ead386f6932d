import { z } from "zod";
import type { DiscordConfig } from "../config/config.ts";
import { type Finding, failed, ok, reasonOf, skipped, warning } from "./finding.ts";

const TIMEOUT_MS = 10_000;
/** Flags by which an application may ask for privileged intents, verified and not. https://docs.discord.com/developers/resources/application#application-object-application-flags */
const MESSAGE_CONTENT = (1 << 18) | (1 << 19);
const GUILD_MEMBERS = (1 << 14) | (1 << 15);
/** What the bot needs in channels; never more. */
const PERMISSIONS = "309774617664";
const Application = z.looseObject({ id: z.string(), name: z.string(), flags: z.number().default(0) });
const Gateway = z.looseObject({
  session_start_limit: z.looseObject({ remaining: z.number(), total: z.number(), reset_after: z.number() }),
});

/** The bot token, the privileged intents that the settings ask for, and how many gateway sessions may still be begun today. */
export async function checkDiscord(discord: DiscordConfig | undefined): Promise<Finding[]> {
  if (discord === undefined)
    return [skipped("discord", "not set up", "set DISCORD_BOT_TOKEN to connect a bot; see deploy/discord.md")];
  let answer: Response;
  try {
    answer = await call(discord, "/applications/@me");
  } catch (error) {
    return [unreachable(discord, reasonOf(error))];
  }
  if (answer.status === 401) {
    const fix = "reset the token in the developer portal (Bot, Reset Token) and copy it into DISCORD_BOT_TOKEN";
    return [failed("discord", "the bot token is refused", fix)];
  }
  const application = answer.ok ? Application.safeParse(await answer.json()) : undefined;
  if (application?.success !== true) return [unreachable(discord, `HTTP ${answer.status}`)];
  const { id, name, flags } = application.data;
  const invite = `https://discord.com/oauth2/authorize?client_id=${id}&scope=bot+applications.commands&permissions=${PERMISSIONS}`;
  return [
    ok("discord", `connected as ${name}; invite: ${invite}`),
    ...intents(discord, flags),
    ...(await sessions(discord)),
  ];
}

function intents(discord: DiscordConfig, flags: number): Finding[] {
  const wanted = [
    {
      name: "Message Content",
      asked: discord.messages === "all",
      bits: MESSAGE_CONTENT,
      without: "DISCORD_MESSAGES=mentions",
    },
    { name: "Server Members", asked: discord.memberEvents, bits: GUILD_MEMBERS, without: "DISCORD_MEMBER_EVENTS=off" },
  ];
  const missing = wanted.filter((one) => one.asked && (flags & one.bits) === 0);
  if (missing.length === 0)
    return [ok("discord intents", discord.messages === "all" ? "every message is heard" : "mentions are heard")];
  return missing.map(({ name, without }) =>
    failed(
      "discord intents",
      `${name} Intent is not granted, and Discord closes the gateway for asking`,
      `switch it on in the developer portal (Bot, Privileged Gateway Intents), or set ${without}`,
    ),
  );
}

async function sessions(discord: DiscordConfig): Promise<Finding[]> {
  try {
    const answer = await call(discord, "/gateway/bot");
    const { remaining, total, reset_after } = Gateway.parse(await answer.json()).session_start_limit;
    if (remaining > total / 10) return [ok("discord sessions", `${remaining} of ${total} may be begun today`)];
    const hours = Math.ceil(reset_after / 3_600_000);
    const detail = `only ${remaining} of ${total} may be begun within ${hours} h`;
    return [
      warning(
        "discord sessions",
        detail,
        "find what begins them so often: another program with this token, or a crash loop",
      ),
    ];
  } catch (error) {
    return [warning("discord sessions", `cannot be asked for: ${reasonOf(error)}`, "try again in a while")];
  }
}

function unreachable(discord: DiscordConfig, reason: string): Finding {
  return failed(
    "discord",
    `${discord.apiUrl} does not answer as Discord: ${reason}`,
    "check the network, a proxy, and DISCORD_API_URL",
  );
}

function call(discord: DiscordConfig, path: string): Promise<Response> {
  return fetch(discord.apiUrl.replace(/\/$/u, "") + path, {
    headers: { authorization: `Bot ${discord.botToken.reveal()}`, "user-agent": "DiscordBot (parley, 0.1.0)" },
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}
