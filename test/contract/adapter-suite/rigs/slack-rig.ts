import { setTimeout as pause } from "node:timers/promises";
import { type FastifyInstance, fastify } from "fastify";
import { request } from "undici";
import type { SlackAdapterConfig } from "../../../../adapters/slack/index.ts";
import type { ChatAdapter, Target } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../../support/slack/index.ts";
import type { AdapterHarness, AdapterRig, Breaker, FailureMode, MutantTools } from "../harness.ts";
import { RATE_LIMIT_PAUSE_MS } from "../harness.ts";
import { type RecordingSink, recordingSink } from "../recording-sink.ts";
import { SlackMadeUp } from "./slack-made-up.ts";
import { slackOracle } from "./slack-oracle.ts";
import { SlackPeople } from "./slack-people.ts";
import { ORGANIZATION, type SlackSide } from "./slack-side.ts";
import { watchConnections } from "./watch-connections.ts";

const DAWDLE_MS = 40;
const CALL_TIMEOUT_MS = 1_500;

export interface SlackHarnessOptions {
  readonly create: (config: SlackAdapterConfig) => ChatAdapter;
  readonly transport: "http" | "socket";
  readonly breaker?: Breaker;
}

const KINDS: readonly EventKind[] = [
  "message_created",
  "message_edited",
  "message_deleted",
  "reaction_added",
  "reaction_removed",
  "member_joined",
  "member_left",
  "channel_created",
  "channel_renamed",
  "channel_archived",
  "direct_message_opened",
  "command_invoked",
  "action_submitted",
  "session_stopped",
];

const KEYS: AdapterHarness["keys"] = {
  message_created: '["{installation}","message","{channel}","{message}"]',
  message_edited: '["{installation}","edit","{channel}","{message}","*"]',
  message_deleted: '["{installation}","delete","{channel}","{message}"]',
  reaction_added: '["{installation}","reaction_added","{channel}","{message}","*"]',
  reaction_removed: '["{installation}","reaction_removed","{channel}","{message}","*"]',
  member_joined: '["{installation}","member_joined","{channel}","{actor}","*"]',
  member_left: '["{installation}","member_left","{channel}","{actor}","*"]',
  channel_created: '["{installation}","channel_created","{channel}","*"]',
  channel_renamed: '["{installation}","channel_renamed","{channel}","*"]',
  channel_archived: '["{installation}","channel_archive","{channel}","*"]',
  direct_message_opened: '["{installation}","direct_message_opened","{channel}","*"]',
  command_invoked: '["{installation}","command","{channel}","*"]',
  action_submitted: '["{installation}","action","{channel}","{message}","*","{actor}","*"]',
  session_stopped: '["{installation}","session_stopped","{channel}","*"]',
};

/** Slack's adapter on the stand-in that speaks Slack's wire format. */
export function slackHarness(options: SlackHarnessOptions): AdapterHarness {
  return {
    name: `slack over ${options.transport === "http" ? "HTTP" : "Socket Mode"}`,
    kinds: KINDS,
    // Commands and actions are delivered once: the person sees an error and tries again.
    redelivered: KINDS.filter((kind) => kind !== "command_invoked" && kind !== "action_submitted"),
    features: ["preview", "react", "delete", "status", "respond", "privately", "direct", "members", "history", "media"],
    failures: [
      "unreachable",
      "rate_limited",
      "refused_token",
      "forbidden",
      "gone",
      "lost_before",
      "lost_after",
      "error_before",
      "error_after",
      "cut_answer",
      "foreign_answer",
      "silent_before",
      "silent_after",
    ],
    keys: KEYS,
    lossy: [
      "footnote",
      "heading of level 4",
      "html",
      "link by reference",
      "link to anywhere",
      "picture",
      "tool call",
      "tool result",
    ],
    impossible: {},
    skips: [],
    parallel: true,
    start: ({ started = true } = {}) => startRig(options, started),
    close: async () => undefined,
  };
}

async function startRig(options: SlackHarnessOptions, started: boolean): Promise<AdapterRig> {
  const slack = await createSlackStandIn({ delivery: { timeoutMs: 1_500, retryScale: 0.001 } });
  const workspace = slack.setup.smallWorkspace({ transport: options.transport, name: "Parley" });
  const [asker = "", bystander = ""] = workspace.users;
  slack.core.user(asker).isAdmin = true;
  const twin = slack.setup.addTeam();
  const twinBot = slack.setup.install(workspace.app.appId, twin.id);
  const connections = watchConnections(new URL(slack.url).port);
  const sink = recordingSink();
  const other = await saveTwin(sink, twin.id, twinBot);
  const inner: ChatAdapter[] = [];
  const create = (): ChatAdapter => {
    const adapter = options.create(configFor(slack, workspace, options.transport));
    inner.push(adapter);
    return options.breaker?.(adapter, toolsFor(slack, workspace)) ?? adapter;
  };
  const adapter = create();
  const server = await serve(adapter, slack, workspace);
  const servers = [server.server];
  if (started) await adapter.start(sink, new AbortController().signal);
  const installationId = `installation:${ORGANIZATION}:${workspace.team.id}`;
  const side: SlackSide = { slack, workspace, transport: options.transport, installationId, asker, bystander };
  const people = new SlackPeople(side, adapter);
  const madeUp = new SlackMadeUp(side);
  return {
    adapter,
    sink,
    platform: slackOracle(side),
    organizationId: ORGANIZATION,
    installationId,
    asker: personOf(slack, asker),
    bystander: personOf(slack, bystander),
    secrets: [workspace.bot.botToken, workspace.app.appToken, workspace.app.signingSecret, twinBot.botToken],
    create,
    traffic: () => slack.requests.count(),
    connections: () => connections.open(),
    conversation: async () => people.conversation(),
    thread: async (target) => people.thread(target),
    inbound: (kind, how) => people.inbound(kind, how),
    inboundTwice: (kind) => people.inboundTwice(kind),
    inboundForTwins: async () => {
      people.tellBoth(twin.id);
      return { otherInstallationId: other };
    },
    changeWithoutText: async () => people.unfurl(),
    otherBotSpeaks: () => people.otherBotSpeaks(),
    unknownEvents: async () => madeUp.unknownEvents(),
    malformedEvents: async () => madeUp.malformedEvents(),
    lookalikes: async () => madeUp.lookalikes(),
    forgeries: async () => madeUp.forgeries(server.url),
    genuine: async () => madeUp.genuine(),
    fail: (mode, target) => fail(side, mode, target),
    dawdle: () =>
      void slack.faults.add({ kind: "slow", method: "chat.postMessage", probability: 0.5, delayMs: DAWDLE_MS }),
    afterwards: {
      say: async (target) => {
        // Within a millisecond two channels give out the same id, and the checks know messages by id alone.
        await pause(2);
        return slack.people.postAs(asker, target.conversation.channel.id, `words ${Date.now()}`).ts;
      },
      succeed: async (onto) => {
        await copyInstallations(sink, onto);
        const next = create();
        const place = await serve(next, slack, workspace);
        servers.push(place.server);
        await next.start(onto, new AbortController().signal);
        return next;
      },
      putOut: async (target) => slack.people.kick(asker, target.conversation.channel.id, workspace.bot.botUserId),
      reads: (target) =>
        ["conversations.history", "conversations.replies"]
          .flatMap((method) => slack.requests.of(method))
          .filter((entry) => entry.channel === target.conversation.channel.id).length,
    },
    stop: async () => {
      await Promise.all(inner.map((one) => one.stop()));
      await Promise.all(servers.map((one) => one.close()));
      await slack.close();
      connections.stop();
    },
  };
}

function configFor(
  slack: SlackStandIn,
  { app, bot }: SmallWorkspace,
  transport: "http" | "socket",
): SlackAdapterConfig {
  return {
    organizationId: ORGANIZATION,
    mode: transport,
    botToken: bot.botToken,
    signingSecret: app.signingSecret,
    ...(transport === "socket" ? { appToken: app.appToken } : {}),
    apiUrl: slack.apiUrl,
    pacing: false,
    reconcileSettleMs: 100,
    // Slack's retries are a thousand times as quick here.
    catchUpAfterMs: 0,
    callTimeoutMs: CALL_TIMEOUT_MS,
  };
}

async function serve(
  adapter: ChatAdapter,
  slack: SlackStandIn,
  { app }: SmallWorkspace,
): Promise<{ server: FastifyInstance; url: string }> {
  const server = fastify();
  await adapter.mount?.(server);
  const url = `${await server.listen({ host: "127.0.0.1", port: 0 })}/slack/events`;
  slack.setup.configureApp(app.appId, { requestUrl: url });
  return { server, url };
}

/** What the ledger knows of installations outlives each process. */
async function copyInstallations(from: RecordingSink, onto: RecordingSink): Promise<void> {
  for (const { installationId: _id, status: _status, ...row } of await from.installations.list("slack"))
    await onto.installations.save(row);
}

/** The same app in another workspace, as an install by OAuth leaves it behind. */
async function saveTwin(
  sink: RecordingSink,
  teamId: string,
  bot: { botToken: string; botUserId: string; botId: string; appId: string },
): Promise<string> {
  const { botToken, botUserId, botId, appId } = bot;
  const saved = await sink.installations.save({
    organizationId: "umbrella",
    platform: "slack",
    externalId: teamId,
    name: "Umbrella",
    settings: { teamId, botUserId, botId, appId },
    secrets: { botToken },
  });
  return saved.installationId;
}

function personOf(slack: SlackStandIn, id: string): { id: string; name: string } {
  return { id, name: slack.core.user(id).name };
}

async function fail(side: SlackSide, mode: FailureMode, target: Target): Promise<void> {
  const { slack, workspace, asker } = side;
  const channel = target.conversation.channel.id;
  const strike = (fault: Parameters<SlackStandIn["faults"]["add"]>[0]): void =>
    void slack.faults.add({ method: "chat.postMessage", channel, times: 1, ...fault });
  switch (mode) {
    case "unreachable":
      await slack.close();
      // The adapter's idle connections have to notice.
      await pause(50);
      return;
    case "rate_limited":
      return strike({ kind: "rate_limited", retryAfterSeconds: RATE_LIMIT_PAUSE_MS / 1_000 });
    case "refused_token":
      return slack.gestures.revokeTokens(workspace.team.id);
    case "forbidden":
      return slack.people.kick(asker, channel, workspace.bot.botUserId);
    case "gone":
      return slack.people.archive(asker, channel);
    case "lost_before":
      return strike({ kind: "reset_before" });
    case "lost_after":
      return strike({ kind: "lost_response" });
    case "error_before":
      return strike({ kind: "status_before" });
    case "error_after":
      return strike({ kind: "status_after" });
    case "cut_answer":
      return strike({ kind: "cut_response" });
    case "foreign_answer":
      return strike({ kind: "html" });
    case "silent_before":
      return strike({ kind: "hang_before" });
    case "silent_after":
      return strike({ kind: "hang_after" });
    case "lost_midway":
    case "rejected":
      throw new Error("Slack has no such failure");
  }
}

function toolsFor(slack: SlackStandIn, { app, bot }: SmallWorkspace): MutantTools {
  return {
    signingSecret: app.signingSecret,
    writeDirectly: async (target, text) => {
      const { channel, thread } = target.conversation;
      const answer = await request(`${slack.apiUrl}chat.postMessage`, {
        method: "POST",
        headers: { authorization: `Bearer ${bot.botToken}`, "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify({ channel: channel.id, thread_ts: thread?.id, text }),
      });
      const body: unknown = await answer.body.json();
      return typeof body === "object" && body !== null && "ts" in body ? String(body.ts) : "";
    },
  };
}
