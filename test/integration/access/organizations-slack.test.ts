import { expect, onTestFinished, test } from "vitest";
import { createDeployment } from "../../support/app/organizations-app.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace, signature } from "../../support/slack/index.ts";

interface Side {
  readonly slack: SlackStandIn;
  readonly space: SmallWorkspace;
}

async function startSide(): Promise<Side> {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  onTestFinished(() => slack.close());
  return { slack, space: slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" }) };
}

function settings(id: string, { slack, space }: Side): string {
  return `agents: [{ handle: "echo", name: "Echo", connector: { kind: "function", run: async () => "answer of ${id}" } }],
    slack: { mode: "http", botToken: "${space.bot.botToken}", signingSecret: "${space.app.signingSecret}", apiUrl: "${slack.apiUrl}", pacing: "off" },`;
}

const posts = ({ slack, space }: Side): string[] =>
  slack.log.posts({ channel: space.channels[0] ?? "", by: "app" }).map(({ text }) => text ?? "");

function ask({ slack, space }: Side): void {
  slack.people.postAs(space.users[0] ?? "", space.channels[0] ?? "", `<@${space.bot.botUserId}> echo hello`, {});
}

test("two workspaces of two organizations are each answered by their own agent, over an address of their own", async () => {
  const [alpha, beta] = [await startSide(), await startSide()];
  const deployment = await createDeployment(`export default {
    organizationId: "alpha", ${settings("alpha", alpha)}
    organizations: [{ id: "beta", ${settings("beta", beta)} }],
  };`);
  const app = await deployment.process();
  alpha.slack.setup.configureApp(alpha.space.app.appId, { requestUrl: `${app.url}/slack/events` });
  beta.slack.setup.configureApp(beta.space.app.appId, { requestUrl: `${app.url}/slack/beta/events` });
  ask(alpha);
  ask(beta);
  await expect.poll(() => posts(alpha), { timeout: 30_000 }).toEqual(["answer of alpha"]);
  await expect.poll(() => posts(beta), { timeout: 30_000 }).toEqual(["answer of beta"]);

  // What the one organization's app has signed is nothing at the other's address.
  const body = JSON.stringify({ type: "url_verification", challenge: "c" });
  const stamp = Math.floor(Date.now() / 1_000);
  const send = async (path: string, secret: string): Promise<number> =>
    (
      await fetch(`${app.url}${path}`, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "x-slack-request-timestamp": String(stamp),
          "x-slack-signature": signature(secret, stamp, body),
        },
      })
    ).status;
  const [own, other] = [beta.space.app.signingSecret, alpha.space.app.signingSecret];
  expect(await send("/slack/beta/events", own)).toBe(200);
  expect(await send("/slack/beta/events", other)).toBe(401);
  expect(await send("/slack/events", own)).toBe(401);
  // Each organization's state names its own workspace alone.
  for (const [organization, side] of [
    ["alpha", alpha],
    ["beta", beta],
  ] as const) {
    const { body: status } = await app.call("GET", "/api/status", { organization });
    const { platforms } = status as { platforms: { platform: string }[] }; // as the API's schema says
    expect(platforms.map(({ platform }) => platform).toSorted()).toEqual(["slack", "web"]);
    expect(side.slack.log.posts({ by: "app" })).toHaveLength(1);
  }
}, 90_000);
