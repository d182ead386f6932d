/**
 * A Slack that speaks the real wire format over HTTP and WebSocket on loopback, with an append-only log as oracle.
 *
 * In this process (`createSlackStandIn`) or in its own (`spawnSlackStandIn`, `connectSlackStandIn`; same methods, all
 * asynchronous, by POST /_control/<group>.<method> with a JSON array of arguments):
 *
 * ```ts
 * const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
 * const { team, app, bot, users, channels } = slack.setup.smallWorkspace({ requestUrl: "http://127.0.0.1:3000/slack/events" });
 * // the bridge: slackApiUrl = slack.apiUrl, bot.botToken, app.signingSecret (HTTP) or app.appToken (Socket Mode)
 * slack.people.postAs(users[0], channels[0], `<@${bot.botUserId}> hello [#${tokenNumber(1)}]`);
 * await slack.log.waitForPosts({ channel: channels[0], by: "app" });
 * const verdict = checkHistory({ asked: slack.people.asked(), log: slack.log.entries }); // lost, twice, outOfOrder, foreign
 * await slack.close();
 * ```
 *
 * Groups: `setup` builds workspaces, apps, people, channels; `people` writes, edits, reacts, joins, kicks, archives;
 * `gestures` does commands, buttons, modals, stop, uninstall; `load` asks at a rate or with so many in flight; `sockets` disconnects, drops and freezes Socket Mode;
 * `faults` strikes Web API calls (429, 5xx, lost response, late effect, …); `conditions` sets delivery faults (duplicates,
 * reordering, dropped answers), rate limits, mention order, OAuth consent; `log` is the oracle; `requests` knows every call
 * and `callsBeforeRetryAfter()`; `deliveries` knows every event, its attempts and when it was acknowledged.
 *
 * A transport is chosen per app: with `requestUrl` signed HTTP, else Socket Mode. Rate limits are off unless asked for.
 * Retries wait 0, 1 and 5 minutes, times `delivery.retryScale`. Every random choice follows `seed`.
 */
export { connectSlackStandIn, type RemoteSlack, spawnSlackStandIn } from "./control-client.ts";
export type { InteractionOutcome } from "./events/delivery.ts";
export { signature } from "./events/signed-request.ts";
export type { CallFault, CallFaultKind } from "./faults/call-faults.ts";
export type { DeliveryFaults } from "./faults/delivery-faults.ts";
export {
  type Asked,
  checkHistory,
  type Finding,
  type HistoryVerdict,
  isClean,
  TOKEN_PATTERN,
  tokenNumber,
} from "./history-checker.ts";
export type { LoadReport, LoadSpec } from "./humans/load.ts";
export type { WriteOptions, Written } from "./humans/people.ts";
export {
  ALL_SCOPES,
  type AppCredentials,
  type AppSpec,
  type InstalledBot,
  type SmallWorkspace,
} from "./humans/setup.ts";
export type { StandInOptions } from "./options.ts";
export type { LogEntry, LogKind, PostQuery } from "./oracle/channel-log.ts";
export type { DeliveryRecord } from "./oracle/delivery-log.ts";
export type { EarlyCall, RequestEntry } from "./oracle/request-log.ts";
export { createSlackStandIn, type SlackStandIn } from "./stand-in.ts";
