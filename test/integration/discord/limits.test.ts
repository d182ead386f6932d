import { afterEach, expect, it } from "vitest";
import { DiscordClient } from "../../../adapters/discord/client.ts";
import { ROUTES } from "../../../adapters/discord/routes.ts";
import { createDiscordStandIn, type DiscordStandIn } from "../../support/discord/index.ts";

let discord: DiscordStandIn | undefined;
let client: DiscordClient | undefined;
afterEach(async () => {
  await client?.close();
  await discord?.close();
});

it("a call that waits for its own route waits on when all routes are told to wait meanwhile", async () => {
  discord = await createDiscordStandIn();
  const { app, channels } = discord.setup.smallServer({ channels: 2 });
  const [limited = "", other = ""] = channels;
  client = new DiscordClient({
    apiUrl: `${discord.apiUrl}/v10`,
    token: app.botToken,
    timeoutMs: 5_000,
    pacing: false,
    onUnauthorized: () => undefined,
  });
  const write = (channel: string): Promise<unknown> | undefined =>
    client?.call({ route: ROUTES.createMessage(channel), body: { content: "x" } });
  const limits = { kind: "rate_limited", times: 1 } as const;
  discord.faults.add({ ...limits, channel: limited, retryAfterMs: 300 });
  discord.faults.add({ ...limits, channel: other, retryAfterMs: 900, scope: "global" });
  await expect(write(limited)).rejects.toMatchObject({ code: "PLATFORM_RATE_LIMITED" });
  const waiting = write(limited);
  await expect(write(other)).rejects.toMatchObject({ code: "PLATFORM_RATE_LIMITED" });
  await waiting;
  expect(discord.requests.callsBeforeRetryAfter({ inFlightMs: 0 })).toEqual([]);
  expect(discord.log.posts()).toHaveLength(1);
});
