import { WebClient } from "@slack/web-api";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";
import { silentLogger } from "./silent-logger.ts";

let slack: SlackStandIn;
let space: SmallWorkspace;
let client: WebClient;
let channel: string;
let user: string;

async function start(options: Parameters<typeof createSlackStandIn>[0] = {}): Promise<void> {
  slack = await createSlackStandIn(options);
  space = slack.setup.smallWorkspace();
  channel = space.channels[0] ?? "";
  user = space.users[0] ?? "";
  client = new WebClient(space.bot.botToken, {
    slackApiUrl: slack.apiUrl,
    retryConfig: { retries: 0 },
    logger: silentLogger,
  });
}
beforeEach(() => start());
afterEach(() => slack.close());

async function errorOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "no error",
    (error: { data?: { error?: string }; message: string }) => error.data?.error ?? error.message,
  );
}

it("streams with the SDK's ChatStreamer: start, append, task cards, stop with blocks", async () => {
  const asked = slack.people.postAs(user, channel, "tell me");
  const streamer = client.chatStream({
    channel,
    thread_ts: asked.ts,
    recipient_team_id: space.team.id,
    recipient_user_id: user,
    buffer_size: 4,
  });
  await streamer.append({ markdown_text: "one " });
  await streamer.append({ markdown_text: "two " });
  await streamer.append({ chunks: [{ type: "task_update", id: "t1", title: "look", status: "in_progress" }] });
  await streamer.append({ chunks: [{ type: "task_update", id: "t1", title: "look", status: "complete" }] });
  const stopped = await streamer.stop({ markdown_text: "three", blocks: [{ type: "divider" }] });
  expect(stopped.message).toMatchObject({ text: "one two three", streaming_state: "completed" });
  expect(stopped.message?.blocks?.map((block) => block.type)).toEqual(["task_card", "divider"]);
  const kinds = slack.log.entries.filter((entry) => entry.ts === stopped.ts).map((entry) => entry.kind);
  expect(kinds).toEqual([
    "stream_start",
    "stream_append",
    "stream_append",
    "stream_append",
    "stream_append",
    "stream_stop",
  ]);
  expect(slack.log.ofKind("session").map((entry) => entry.text)).toEqual(["processing", "active"]);
  expect(await errorOf(client.chat.appendStream({ channel, ts: stopped.ts ?? "", markdown_text: "x" }))).toBe(
    "message_not_in_streaming_state",
  );
});

it("refuses broken streams with Slack's codes", async () => {
  const { ts: thread } = slack.people.postAs(user, channel, "tell me");
  const recipient = { recipient_team_id: space.team.id, recipient_user_id: user };
  expect(await errorOf(client.chat.startStream({ channel, thread_ts: thread, markdown_text: "x" }))).toBe(
    "missing_recipient_team_id",
  );
  const { ts = "" } = await client.chat.startStream({ channel, thread_ts: thread, markdown_text: "x", ...recipient });
  expect(await errorOf(client.chat.appendStream({ channel, ts }))).toBe("markdown_text_or_chunks_required");
  expect(await errorOf(client.chat.appendStream({ channel, ts, chunks: [{ type: "markdown_text", text: "y" }] }))).toBe(
    "streaming_mode_mismatch",
  );
  expect(await errorOf(client.chat.appendStream({ channel, ts, markdown_text: "y".repeat(12_001) }))).toBe(
    "msg_too_long",
  );
  expect(await errorOf(client.chat.update({ channel, ts, text: "no" }))).toBe("streaming_state_conflict");
  const plain = await client.chat.postMessage({ channel, text: "plain" });
  expect(await errorOf(client.chat.stopStream({ channel, ts: plain.ts ?? "" }))).toBe("message_not_in_streaming_state");
});

it("stops a stream for the person who presses stop", async () => {
  const { ts: thread } = slack.people.postAs(user, channel, "tell me");
  const args = {
    channel,
    thread_ts: thread,
    markdown_text: "x",
    recipient_team_id: space.team.id,
    recipient_user_id: user,
  };
  const first = (await client.chat.startStream(args)).ts ?? "";
  expect(slack.gestures.stopSession(user, channel, thread)).toEqual([first]);
  expect(await errorOf(client.chat.appendStream({ channel, ts: first, markdown_text: "y" }))).toBe("stopped_by_user");
  expect(await errorOf(client.chat.stopStream({ channel, ts: first, session_status: "active" }))).toBe("no error");
});

it("stops a stream by itself after its lifetime", async () => {
  await slack.close();
  await start({ streamLifetimeMs: 50 });
  const { ts: thread } = slack.people.postAs(user, channel, "tell me");
  const args = {
    channel,
    thread_ts: thread,
    markdown_text: "x",
    recipient_team_id: space.team.id,
    recipient_user_id: user,
  };
  const second = (await client.chat.startStream(args)).ts ?? "";
  await expect
    .poll(() => errorOf(client.chat.appendStream({ channel, ts: second, markdown_text: "y" })), { interval: 20 })
    .toBe("message_not_in_streaming_state");
  expect(await errorOf(client.chat.stopStream({ channel, ts: second }))).toBe("message_not_in_streaming_state");
  expect(await errorOf(client.chat.update({ channel, ts: second, text: "the whole text" }))).toBe("no error");
});

it("takes a file in three steps from the SDK's uploadV2 and shows it in the thread", async () => {
  const { ts: thread } = slack.people.postAs(user, channel, "a file please");
  await client.files.uploadV2({
    channel_id: channel,
    thread_ts: thread,
    filename: "report.txt",
    content: "the report",
    initial_comment: "here",
  });
  const [share] = slack.log.posts({ channel, thread, by: "app" });
  expect(share).toMatchObject({ text: "here", subtype: "file_share" });
  const replies = await client.conversations.replies({ channel, ts: thread });
  const file = replies.messages?.[1]?.files?.[0];
  expect(file).toMatchObject({ name: "report.txt", size: 10, mimetype: "text/plain" });

  const address = file?.url_private_download ?? "";
  const good = await fetch(address, { headers: { authorization: `Bearer ${space.bot.botToken}` } });
  expect(await good.text()).toBe("the report");
  const anonymous = await fetch(address);
  expect(anonymous.headers.get("content-type")).toContain("text/html");
  const strict = await fetch(address, { redirect: "manual", headers: { authorization: "Bearer xoxb-wrong" } });
  expect(strict.status).toBe(302);
  const info = await client.files.info({ file: file?.id ?? "" });
  expect(info.file).toMatchObject({ title: "report.txt", channels: [channel] });
});

it("sets statuses and tells an app that does not listen to the stop button", async () => {
  const { ts: thread } = slack.people.postAs(user, channel, "hi");
  await client.assistant.threads.setStatus({
    channel_id: channel,
    thread_ts: thread,
    status: "is thinking...",
    username: "Guide",
  });
  expect(slack.log.ofKind("status")).toMatchObject([{ text: "is thinking...", threadTs: thread, username: "Guide" }]);
  const set = (status: string): Promise<object> =>
    client.agents.sessions.setStatus({ channel_id: channel, thread_ts: thread, status });
  expect(await set("processing")).toMatchObject({ agent_status: "processing" });
  slack.setup.configureApp(space.app.appId, { eventTypes: ["message.channels"] });
  expect(await set("processing")).toMatchObject({ warning: "missing_agent_session_stopped_event_subscription" });
  expect(await errorOf(set("dancing"))).toBe("invalid_arguments");
});
