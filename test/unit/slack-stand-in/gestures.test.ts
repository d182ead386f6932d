import { InstallProvider } from "@slack/oauth";
import { WebClient } from "@slack/web-api";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";
import { RequestListener } from "./request-listener.ts";
import { silentLogger } from "./silent-logger.ts";

let slack: SlackStandIn;
let space: SmallWorkspace;
let app: RequestListener;
let client: WebClient;
let channel: string;
let user: string;

beforeEach(async () => {
  app = await RequestListener.start();
  slack = await createSlackStandIn({ triggerLifetimeMs: 500, delivery: { timeoutMs: 200, retryScale: 0 } });
  space = slack.setup.smallWorkspace({ requestUrl: app.url, eventTypes: [] });
  channel = space.channels[0] ?? "";
  user = space.users[0] ?? "";
  client = new WebClient(space.bot.botToken, {
    slackApiUrl: slack.apiUrl,
    retryConfig: { retries: 0 },
    logger: silentLogger,
  });
});
afterEach(async () => {
  await slack.close();
  await app.close();
});

function payload(index: number): Record<string, unknown> {
  return JSON.parse(new URLSearchParams(app.received[index]?.body).get("payload") ?? "{}") as Record<string, unknown>;
}

it("sends a slash command as a signed form; the response_url works five times", async () => {
  app.answer = () => ({ body: JSON.stringify({ text: "one moment" }) });
  const outcome = await slack.gestures.slash(user, channel, "/ask", "why?");
  expect(outcome).toEqual({ acknowledged: true, response: { text: "one moment" } });
  const form = Object.fromEntries(new URLSearchParams(app.received[0]?.body));
  expect(form).toMatchObject({
    command: "/ask",
    text: "why?",
    user_id: user,
    channel_id: channel,
    team_id: space.team.id,
    api_app_id: space.app.appId,
  });
  const respond = (): Promise<Response> =>
    fetch(form["response_url"] ?? "", {
      method: "POST",
      body: JSON.stringify({ text: "because", response_type: "in_channel" }),
      headers: { "content-type": "application/json" },
    });
  for (let n = 0; n < 5; n++) expect((await respond()).status).toBe(200);
  expect(await (await respond()).json()).toEqual({ ok: false, error: "used_url" });
  expect(slack.log.posts({ channel, by: "app" })).toHaveLength(5);
});

it("reports an app that does not answer a command in time", async () => {
  app.answer = () => undefined;
  expect(await slack.gestures.slash(user, channel, "/ask", "why?")).toMatchObject({
    acknowledged: false,
    reason: "http_timeout",
  });
});

it("clicks a button, opens a modal with the fresh trigger, submits it, replaces the message", async () => {
  const posted = await client.chat.postMessage({
    channel,
    text: "approve?",
    blocks: [
      {
        type: "actions",
        block_id: "gate",
        elements: [{ type: "button", action_id: "yes", value: "42", text: { type: "plain_text", text: "Yes" } }],
      },
    ],
  });
  const clicked = await slack.gestures.clickButton(user, { channel, ts: posted.ts ?? "" }, "yes");
  expect(clicked.acknowledged).toBe(true);
  const click = payload(0);
  expect(click).toMatchObject({
    type: "block_actions",
    user: { id: user },
    channel: { id: channel },
    container: { message_ts: posted.ts },
    actions: [{ action_id: "yes", block_id: "gate", value: "42", type: "button" }],
  });

  const view = {
    type: "modal" as const,
    callback_id: "form",
    title: { type: "plain_text" as const, text: "Form" },
    blocks: [],
  };
  const opened = await client.views.open({ trigger_id: String(click["trigger_id"]), view });
  expect(opened.view).toMatchObject({ callback_id: "form", team_id: space.team.id });
  await expect(client.views.open({ trigger_id: String(click["trigger_id"]), view })).rejects.toMatchObject({
    data: { error: "exchanged_trigger_id" },
  });
  await expect(client.views.open({ trigger_id: "1.2.nonsense", view })).rejects.toMatchObject({
    data: { error: "invalid_trigger_id" },
  });

  const [seen] = slack.gestures.viewsOf(user);
  await slack.gestures.submitView(user, seen?.id ?? "", { b: { a: { type: "plain_text_input", value: "text" } } });
  expect(payload(1)).toMatchObject({
    type: "view_submission",
    view: { callback_id: "form", state: { values: { b: { a: { value: "text" } } } } },
  });
  expect(slack.gestures.viewsOf(user)).toEqual([]);

  await fetch(String(click["response_url"]), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ replace_original: true, text: "approved" }),
  });
  const history = await client.conversations.history({ channel, limit: 1 });
  expect(history.messages?.[0]?.text).toBe("approved");
});

it("installs by OAuth with the SDK's InstallProvider", async () => {
  const team = slack.setup.addTeam({ name: "Second" });
  slack.conditions.setConsent({ teamId: team.id, userId: "UINSTALLER" });
  const provider = new InstallProvider({
    clientId: space.app.clientId,
    clientSecret: space.app.clientSecret,
    stateSecret: "state-secret",
    authorizationUrl: `${slack.url}/oauth/v2/authorize`,
    clientOptions: { slackApiUrl: slack.apiUrl },
    logger: silentLogger,
  });
  const redirectUri = "http://127.0.0.1:9/slack/oauth_redirect";
  const address = await provider.generateInstallUrl({ scopes: ["chat:write", "channels:read"], redirectUri });
  const consent = await fetch(address, { redirect: "manual" });
  const back = new URL(consent.headers.get("location") ?? "");
  expect(back.searchParams.get("state")).not.toBeNull();
  const code = back.searchParams.get("code") ?? "";
  const anonymous = new WebClient(undefined, {
    slackApiUrl: slack.apiUrl,
    retryConfig: { retries: 0 },
    logger: silentLogger,
  });
  const secrets = { client_id: space.app.clientId, client_secret: space.app.clientSecret };
  const access = await anonymous.oauth.v2.access({ ...secrets, code, redirect_uri: redirectUri });
  expect(access).toMatchObject({
    ok: true,
    token_type: "bot",
    scope: "chat:write,channels:read",
    team: { id: team.id, name: "Second" },
    authed_user: { id: "UINSTALLER" },
  });
  const me = await new WebClient(access.access_token, { slackApiUrl: slack.apiUrl }).auth.test();
  expect(me.team_id).toBe(team.id);
  await expect(anonymous.oauth.v2.access({ ...secrets, code })).rejects.toMatchObject({
    data: { error: "invalid_code" },
  });
  await expect(anonymous.oauth.v2.access({ ...secrets, client_secret: "no", code })).rejects.toMatchObject({
    data: { error: "bad_client_secret" },
  });
});
