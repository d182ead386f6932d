import bolt from "@slack/bolt";
import { readPeerSettings, sayReady } from "./peer-settings.ts";

/** Plain Bolt as its own documentation begins: the handler answers, nothing is stored. */
const settings = readPeerSettings();
const app = new bolt.App({
  token: settings.botToken,
  signingSecret: settings.signingSecret,
  logLevel: bolt.LogLevel.ERROR,
  clientOptions: { slackApiUrl: settings.apiUrl },
});
app.message(/\[#[\w-]+\]/, async ({ message, context, say }) => {
  if (message.subtype !== undefined) return;
  await say({
    text: `Answer to ${String(context["matches"][0])}.`,
    thread_ts: message.thread_ts ?? message.ts,
  });
});
await app.start(settings.port);
sayReady();
