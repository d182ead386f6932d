import { expect, it } from "vitest";
import { createDiscordAdapter } from "../../../adapters/discord/index.ts";
import { recordingSink } from "../../contract/adapter-suite/recording-sink.ts";
import { createDiscordStandIn } from "../../support/discord/index.ts";

it("direct messages of somebody new, said while no session was open, are read with the next one", async () => {
  const discord = await createDiscordStandIn({ gateway: { identifyWindowMs: 0 } });
  const { app, users } = discord.setup.smallServer();
  const user = users[0] ?? "";
  const sink = recordingSink();
  const adapter = createDiscordAdapter({
    organizationId: "acme",
    botToken: app.botToken,
    apiUrl: `${discord.apiUrl}/v10`,
    shardCount: 1,
    pacing: false,
  });
  try {
    await adapter.start(sink, new AbortController().signal);
    const direct = discord.people.openDirect(user, app.botUserId);
    discord.gateway.forgetSessions(app.applicationId);
    const missed = [1, 2].map((n) => discord.people.postAs(user, direct, `missed ${n}`).message);
    discord.gateway.closeAll(app.applicationId, 4_000);
    await expect.poll(() => discord.gateway.identifies().length, { timeout: 15_000 }).toBe(2);
    await expect.poll(() => discord.gateway.sequences(app.applicationId).length).toBe(1);
    const said = discord.people.postAs(user, direct, "are you there?").message;
    const heard = (): readonly string[] =>
      sink.taken.flatMap((one) => (one.kind === "message_created" ? [one.body.messageId] : []));
    await expect.poll(() => [...new Set(heard())].toSorted(), { timeout: 5_000 }).toEqual([...missed, said]);
  } finally {
    await adapter.stop();
    await discord.close();
  }
});
