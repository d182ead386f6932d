import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import type { DiscordAdapterConfig } from "../../../../adapters/discord/config.ts";
import type { ChatAdapter, Target } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import { createDiscordStandIn, type DiscordStandIn, type SmallServer } from "../../../support/discord/index.ts";
import type { AdapterHarness, AdapterRig, Breaker, FailureMode, MutantTools } from "../harness.ts";
import { RATE_LIMIT_PAUSE_MS } from "../harness.ts";
import { type RecordingSink, recordingSink } from "../recording-sink.ts";
import { DiscordMadeUp } from "./discord-made-up.ts";
import { discordOracle } from "./discord-oracle.ts";
import { DiscordPeople } from "./discord-people.ts";
import { type DiscordSide, ORGANIZATION } from "./discord-side.ts";
import { watchConnections } from "./watch-connections.ts";

const DAWDLE_MS = 40;
const CALL_TIMEOUT_MS = 3_000;
/** Where new messages are written: by the bot, or by the webhook of an agent. */
const WRITES = ["POST /channels/:channel/messages", "POST /webhooks/:webhook/:token"];

export interface DiscordHarnessOptions {
  readonly create: (config: DiscordAdapterConfig) => ChatAdapter;
  /** What becomes of the gateway's sessions between two processes: kept, so that what was missed is replayed, or lost, so that it has to be read from the history. Default kept. */
  readonly sessions?: "kept" | "lost";
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
  "thread_created",
  "command_invoked",
  "action_submitted",
  "session_stopped",
];
/**
 * Discord waits 3 s for interactions and does not come back: the person sees that it failed. CHANNEL_UPDATE says what is and not what
 * was: to a process that finds the new name there already it is no renaming.
 */
const ONCE: readonly EventKind[] = ["command_invoked", "action_submitted", "session_stopped", "channel_renamed"];

const KEYS: AdapterHarness["keys"] = {
  message_created: '["{installation}","message","{channel}","{message}"]',
  message_edited: '["{installation}","edit","{channel}","{message}","*"]',
  message_deleted: '["{installation}","delete","{channel}","{message}"]',
  reaction_added: '["{installation}","reaction_added","{channel}","{message}","{actor}","*","*"]',
  reaction_removed: '["{installation}","reaction_removed","{channel}","{message}","{actor}","*","*"]',
  member_joined: '["{installation}","member_joined","{channel}","{actor}","*"]',
  member_left: '["{installation}","member_left","{channel}","{actor}","*"]',
  channel_created: '["{installation}","channel_created","{channel}"]',
  channel_renamed: '["{installation}","channel_renamed","{channel}","*"]',
  channel_archived: '["{installation}","channel_deleted","{channel}"]',
  thread_created: '["{installation}","thread_created","*"]',
  command_invoked: '["{installation}","interaction","*"]',
  action_submitted: '["{installation}","interaction","*"]',
  session_stopped: '["{installation}","interaction","*"]',
};

/** Discord's adapter on the stand-in that speaks Discord's wire format. */
export function discordHarness(options: DiscordHarnessOptions): AdapterHarness {
  const { sessions = "kept" } = options;
  return {
    name: `discord with its sessions ${sessions}`,
    kinds: KINDS,
    redelivered: sessions === "kept" ? KINDS.filter((kind) => !ONCE.includes(kind)) : ["message_created"],
    features: [
      "preview",
      "react",
      "delete",
      "status",
      "respond",
      "privately",
      "direct",
      "members",
      "history",
      "access",
      "media",
    ],
    failures: [
      "unreachable",
      "rate_limited",
      "refused_token",
      "forbidden",
      "gone",
      "rejected",
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
      "form of 8 fields",
      "heading of level 4",
      "html",
      "link by reference",
      "link to anywhere",
      "picture",
      "rule",
      "table",
      "task list",
      "tool call",
      "tool result",
    ],
    impossible: {
      chosen_ids: "every id is a snowflake, and anything else is malformed",
      plain_text: "notifications and screen readers get what the message shows; there is no field for another text",
    },
    skips: [
      {
        id: "AD-AUTH-01",
        reason:
          "no request comes in: the adapter itself opens the connection over which events come, and proves who it is",
        link: "https://docs.discord.com/developers/events/gateway",
      },
    ],
    parallel: true,
    start: ({ started = true } = {}) => startRig(options, started),
    close: async () => undefined,
  };
}

async function startRig(options: DiscordHarnessOptions, started: boolean): Promise<AdapterRig> {
  const discord = await createDiscordStandIn({ gateway: { identifyWindowMs: 0 } });
  const server = discord.setup.smallServer({ name: "Parley" });
  const twin = discord.setup.addGuild({ ownerId: server.owner });
  discord.setup.install(server.app.applicationId, twin);
  const connections = watchConnections(new URL(discord.url).port);
  const { sink, refusals } = countingSink();
  const inner: ChatAdapter[] = [];
  const create = (): ChatAdapter => {
    const adapter = options.create(configFor(discord, server));
    inner.push(adapter);
    return options.breaker?.(adapter, toolsFor(discord, server)) ?? adapter;
  };
  const adapter = create();
  let current = adapter;
  const [asker = "", bystander = ""] = server.users;
  discord.people.join(asker, twin);
  discord.people.giveRole(server.guild, asker, discord.setup.addRole(server.guild, { permissions: ["MANAGE_GUILD"] }));
  const outsider = discord.setup.addUser();
  const side: DiscordSide = {
    discord,
    server,
    installationId: `installation:${ORGANIZATION}:${server.guild}`,
    asker,
    bystander,
    sink,
    refusals,
    current: () => current,
    succeed: async (onto) => {
      if (options.sessions === "lost") discord.gateway.forgetSessions(server.app.applicationId);
      current = create();
      await copyInstallations(sink, onto);
      await current.start(onto, new AbortController().signal);
      return current;
    },
  };
  if (started) await adapter.start(sink, new AbortController().signal);
  const people = new DiscordPeople(side);
  const madeUp = new DiscordMadeUp(side);
  return {
    adapter,
    sink,
    platform: discordOracle(side),
    organizationId: ORGANIZATION,
    installationId: side.installationId,
    asker: personOf(discord, asker),
    bystander: personOf(discord, bystander),
    outsider: personOf(discord, outsider),
    get secrets() {
      const { webhooks, interactions } = discord.core.world;
      const handedOut = [...webhooks.values(), ...interactions.values()].map((one) => one.token);
      return [server.app.botToken, ...handedOut];
    },
    create,
    traffic: () => discord.requests.count() + discord.gateway.identifies().length,
    connections: () => connections.open(),
    conversation: () => people.conversation(),
    thread: (target) => people.thread(target),
    inbound: (kind, how) => people.inbound(kind, how),
    inboundTwice: (kind) => people.inboundTwice(kind),
    inboundForTwins: async () => {
      await people.tellBoth(twin);
      return { otherInstallationId: `installation:${ORGANIZATION}:${twin}` };
    },
    changeWithoutText: () => people.unfurl(),
    otherBotSpeaks: () => people.otherBotSpeaks(),
    unknownEvents: async () => madeUp.unknownEvents(),
    malformedEvents: async () => madeUp.malformedEvents(),
    forgeries: async () => [],
    genuine: async () => [],
    fail: (mode, target) => fail(side, mode, target),
    dawdle: () => void discord.faults.add({ kind: "slow", route: WRITES, probability: 0.5, delayMs: DAWDLE_MS }),
    afterwards: {
      say: async (target) => discord.people.postAs(asker, placeOf(target), `words ${Date.now()}`).message,
      succeed: (onto) => side.succeed(onto),
      putOut: async (target) =>
        discord.people.setOverwrite(target.conversation.channel.id, {
          id: server.app.botUserId,
          type: "member",
          deny: ["VIEW_CHANNEL"],
        }),
      reads: (target) =>
        discord.requests
          .of("GET /channels/:channel/messages")
          .filter((entry) => entry.channel === target.conversation.channel.id).length,
    },
    stop: async () => {
      await Promise.all(inner.map((one) => one.stop()));
      await discord.close();
      connections.stop();
    },
  };
}

/** A sink that counts the events that it refused, so that the rig can tell a refusal from a delay. */
function countingSink(): { readonly sink: RecordingSink; readonly refusals: () => number } {
  const inner = recordingSink();
  let refused = 0;
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      refused += 1;
      throw error;
    }
  };
  const sink: RecordingSink = { ...inner, ingest: (...what) => counted(inner.ingest(...what)) };
  return { sink, refusals: () => refused };
}

/** What the ledger knows of installations outlives each process. */
async function copyInstallations(from: RecordingSink, onto: RecordingSink): Promise<void> {
  if (from === onto) return;
  for (const { installationId: _id, status: _status, ...row } of await from.installations.list("discord"))
    await onto.installations.save(row);
}

function configFor(discord: DiscordStandIn, { app }: SmallServer): DiscordAdapterConfig {
  return {
    organizationId: ORGANIZATION,
    botToken: app.botToken,
    memberEvents: true,
    apiUrl: `${discord.apiUrl}/v10`,
    cdnHosts: [new URL(discord.cdnUrl).host],
    shardCount: 1,
    pacing: false,
    reconcileSettleMs: 100,
    callTimeoutMs: CALL_TIMEOUT_MS,
  };
}

function personOf(discord: DiscordStandIn, id: string): { id: string; name: string } {
  const { globalName, username } = discord.core.user(id);
  return { id, name: globalName ?? username };
}

function placeOf(target: Target): string {
  return target.conversation.thread?.id ?? target.conversation.channel.id;
}

async function fail(side: DiscordSide, mode: FailureMode, target: Target): Promise<void> {
  const { discord, server, asker } = side;
  const strike = (fault: Parameters<DiscordStandIn["faults"]["add"]>[0]): void =>
    void discord.faults.add({ route: WRITES, channel: placeOf(target), times: 1, ...fault });
  switch (mode) {
    case "unreachable":
      await discord.close();
      // The adapter's idle connections have to notice.
      await pause(50);
      return;
    case "rate_limited":
      return strike({ kind: "rate_limited", retryAfterMs: RATE_LIMIT_PAUSE_MS });
    case "refused_token":
      discord.conditions.resetToken(server.app.applicationId);
      return;
    case "forbidden":
      return discord.people.setOverwrite(target.conversation.channel.id, {
        id: server.app.botUserId,
        type: "member",
        deny: ["SEND_MESSAGES", "SEND_MESSAGES_IN_THREADS", "MANAGE_WEBHOOKS"],
      });
    case "gone":
      return discord.people.deleteChannelAs(asker, target.conversation.channel.id);
    case "rejected":
      return strike({ kind: "refusal", status: 400, code: 50_035 });
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
      throw new Error("Discord has no such failure");
  }
}

function toolsFor(discord: DiscordStandIn, { app }: SmallServer): MutantTools {
  return {
    signingSecret: "",
    writeDirectly: async (target, text) => {
      const { channel, thread } = target.conversation;
      const hook = [...discord.core.world.webhooks.values()].find((one) => one.channelId === channel.id);
      const inThread = thread === undefined ? "" : `&thread_id=${thread.id}`;
      // As the adapter writes: by the webhook where there is one, so that it is one and the same limit.
      const path =
        hook === undefined
          ? `/channels/${placeOf(target)}/messages`
          : `/webhooks/${hook.id}/${hook.token}?wait=true${inThread}`;
      const answer = await request(`${discord.apiUrl}/v10${path}`, {
        method: "POST",
        headers: { authorization: `Bot ${app.botToken}`, "content-type": "application/json" },
        body: JSON.stringify({ content: text }),
      });
      const body: unknown = await answer.body.json();
      return typeof body === "object" && body !== null && "id" in body ? String(body.id) : "";
    },
  };
}
