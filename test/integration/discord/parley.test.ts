import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createDiscordStandIn,
  type DiscordStandIn,
  type LogEntry,
  type SmallServer,
} from "../../support/discord/index.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";

let discord: DiscordStandIn;
let server: SmallServer;
let folder: RunFolder;
let parley: ParleyProcess;

const start = (): Promise<ParleyProcess> =>
  startParley({
    folder,
    env: {
      DISCORD_BOT_TOKEN: server.app.botToken,
      DISCORD_API_URL: `${discord.apiUrl}/v10`,
      DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
      DISCORD_PACING: "off",
    },
  });

beforeAll(async () => {
  discord = await createDiscordStandIn({ gateway: { identifyWindowMs: 0 } });
  server = discord.setup.smallServer({ name: "Parley", channels: 2 });
  folder = await createRunFolder();
  parley = await start();
}, 120_000);

afterAll(async () => {
  await parley.stop();
  await discord.close();
  await folder.remove();
});

/** What was said in a thread; Discord itself opens it with a message without words. */
async function saidIn(thread: string, count: number): Promise<readonly LogEntry[]> {
  const posts = await discord.log.waitForPosts({ channel: thread, count: count + 1, timeoutMs: 30_000 });
  return posts.filter((post) => post.text !== "");
}

const ask = (words: string, channel: string, user = server.users[0] ?? ""): string =>
  discord.people.postAs(user, channel, `<@${server.app.botUserId}> echo ${words}`).message;

describe("a whole Parley on Discord", () => {
  it("answers a mention in a thread of its message, under the agent's name", async () => {
    const [channel = ""] = server.channels;
    const question = ask("[#one]", channel);
    const [answer] = await saidIn(question, 1);
    expect(answer).toMatchObject({ text: "Answer to [#one].", by: "webhook", name: "Echo" });
    expect(answer?.applicationId).toBe(server.app.applicationId);
  });

  it("hears in the thread what is said without naming anybody", async () => {
    const [channel = ""] = server.channels;
    const question = ask("[#two]", channel);
    await saidIn(question, 1);
    discord.people.postAs(server.users[0] ?? "", question, "and [#three]?");
    const posts = await saidIn(question, 3);
    expect(posts.map((post) => post.text)).toContain("Answer to [#three].");
  });

  it("answers a direct message, where the bot speaks for the agent", async () => {
    const [user = ""] = server.users;
    const direct = discord.people.openDirect(user, server.app.botUserId);
    discord.people.postAs(user, direct, "[#direct]");
    const posts = await discord.log.waitForPosts({ channel: direct, count: 2, timeoutMs: 15_000 });
    expect(posts.at(-1)?.text).toBe("**Echo**\nAnswer to [#direct].");
  });

  it("answers commands: one for its caller alone, one for everybody", async () => {
    const [channel = "", second = ""] = server.channels;
    const [user = ""] = server.users;
    const listed = await discord.gestures.slash(user, channel, "parley agents");
    expect(listed.acknowledged).toBe(true);
    const [entry] = await discord.log.waitForKind("ephemeral_update", { channel, timeoutMs: 15_000 });
    expect(entry?.text).toContain("@echo");
    const asked = await discord.gestures.slash(user, second, "parley ask", { question: "[#slash]", agent: "echo" });
    expect(asked.acknowledged).toBe(true);
    const posts = await discord.log.waitForPosts({ channel: second, count: 2, timeoutMs: 15_000 });
    expect(posts.map((post) => post.text)).toContain("Answer to [#slash].");
  });

  it("answers what was said while it was dead, once", async () => {
    const [, channel = ""] = server.channels;
    await parley.kill9();
    const missed = [ask("[#dead-1]", channel), ask("[#dead-2]", channel)];
    parley = await start();
    for (const question of missed) await saidIn(question, 1);
    discord.gateway.forgetSessions(server.app.applicationId);
    await parley.kill9();
    const later = ask("[#dead-3]", channel);
    parley = await start();
    await saidIn(later, 1);
    for (const question of [...missed, later]) expect(await saidIn(question, 1)).toHaveLength(1);
  }, 90_000);
});
