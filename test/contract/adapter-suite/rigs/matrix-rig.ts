import { setTimeout as pause } from "node:timers/promises";
import { type FastifyInstance, fastify } from "fastify";
import { createMatrixRecoveryKey, type MatrixAdapterConfig } from "../../../../adapters/matrix/index.ts";
import type { ChatAdapter, InstallationHealth, Target } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import { CALLS, type Fault, type MatrixPerson, RoomLog, startFaultProxy } from "../../../support/matrix/index.ts";
import type { AdapterHarness, AdapterRig, Breaker, FailureMode, MutantTools, Skip } from "../harness.ts";
import { RATE_LIMIT_PAUSE_MS } from "../harness.ts";
import { IDENTITY } from "../probe.ts";
import { type RecordingSink, recordingSink } from "../recording-sink.ts";
import { pushDeliveries, syncDeliveries } from "./matrix-deliveries.ts";
import { MatrixMadeUp } from "./matrix-made-up.ts";
import { matrixOracle } from "./matrix-oracle.ts";
import { MatrixPeople } from "./matrix-people.ts";
import { type MatrixSide, ORGANIZATION } from "./matrix-side.ts";
import { type MatrixStage, puppetOf, startMatrixStage } from "./matrix-stage.ts";

const DAWDLE_MS = 40;
/** Fifty writes at once take a busy machine seconds; less than a check waits for the end of a send. */
const CALL_TIMEOUT_MS = 8_000;
/** Longest time for an adapter to connect that was started, in ms. */
const CONNECTING_MS = 15_000;

export interface MatrixHarnessOptions {
  readonly create: (config: MatrixAdapterConfig) => ChatAdapter;
  /** A bot account that syncs, the same in encrypted rooms, or an application service with a puppet per agent. */
  readonly mode: "bot" | "encrypted" | "service";
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
  "channel_renamed",
  "channel_archived",
  "command_invoked",
  "action_submitted",
];

const KEYS: AdapterHarness["keys"] = {
  message_created: '["{installation}","message","{message}"]',
  message_edited: '["{installation}","edit","{message}","*"]',
  message_deleted: '["{installation}","delete","{message}"]',
  reaction_added: '["{installation}","reaction","*"]',
  reaction_removed: '["{installation}","unreaction","*"]',
  member_joined: '["{installation}","member","*"]',
  member_left: '["{installation}","member","*"]',
  channel_renamed: '["{installation}","renamed","*"]',
  channel_archived: '["{installation}","archived","*"]',
  command_invoked: '["{installation}","command","*"]',
  action_submitted: '["{installation}","reaction","*"]',
};

const NAMES = {
  bot: "matrix as a bot account",
  encrypted: "matrix as a bot account in encrypted rooms",
  service: "matrix as an application service",
} as const;

const PUSH_SKIPS: readonly Skip[] = [
  {
    id: "AD-LIFE-05",
    reason:
      "an application service has no position: the homeserver pushes what was not acknowledged again (AD-AUTH-02)",
    link: "https://spec.matrix.org/v1.19/application-service-api/#pushing-events",
  },
  {
    id: "AD-LIFE-06",
    reason: "the homeserver keeps what was said while nobody took it, and pushes it in order later (AD-AUTH-02)",
    link: "https://spec.matrix.org/v1.19/application-service-api/#pushing-events",
  },
];

/** Matrix's adapter on a real homeserver, with a proxy before it for what goes wrong. */
export function matrixHarness(options: MatrixHarnessOptions): AdapterHarness {
  const isService = options.mode === "service";
  let stage: Promise<MatrixStage> | undefined;
  return {
    name: NAMES[options.mode],
    kinds: KINDS,
    redelivered: KINDS,
    features: ["preview", "react", "delete", "status", "privately", "direct", "members", "history", "access", "media"],
    failures: [
      "unreachable",
      "rate_limited",
      "refused_token",
      "forbidden",
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
      "approval",
      "footnote",
      "form",
      "form of 8 fields",
      "html",
      "link by reference",
      "link to anywhere",
      "picture",
      "task list",
    ],
    impossible: {
      other_bot: "accounts of Matrix do not say whether a person or a program uses them",
      ...(isService ? { position: "the homeserver keeps how far it has pushed" } : {}),
    },
    skips: isService ? PUSH_SKIPS : [],
    parallel: false,
    start: async ({ started = true } = {}) => {
      stage ??= startMatrixStage(isService);
      return await startRig(options, await stage, started);
    },
    close: async () => {
      await (await stage)?.stop();
    },
  };
}

async function startRig(options: MatrixHarnessOptions, stage: MatrixStage, started: boolean): Promise<AdapterRig> {
  const proxy = await startFaultProxy(() => stage.synapse.url);
  const encrypting =
    options.mode === "encrypted"
      ? { asker: await stage.encrypting("Mara"), bystander: await stage.encrypting("Ben") }
      : undefined;
  const { asker, bystander } = encrypting ?? {
    asker: await stage.person("Mara"),
    bystander: await stage.person("Ben"),
  };
  const outsider = await stage.person("Olga");
  const recoveryKey = encrypting === undefined ? undefined : await createMatrixRecoveryKey();
  const service = options.mode === "service" ? stage.service() : undefined;
  const speaker =
    service === undefined
      ? await stage.person("Parley")
      : await puppetOf(stage, service, `${service.puppetPrefix}${IDENTITY.handle}`);
  const noise = await outsider.createRoom();
  const ownerId = service === undefined ? speaker.userId : `@${service.senderLocalpart}:${stage.synapse.serverName}`;
  const inner: ChatAdapter[] = [];
  let running: ChatAdapter | undefined;
  const side: MatrixSide = {
    stage,
    proxy,
    installationId: `installation:${ORGANIZATION}:${ownerId}`,
    service,
    speaker,
    asker,
    bystander,
    encrypting,
    deliveries:
      service === undefined
        ? syncDeliveries(proxy, speaker.account.accessToken, () => outsider.say(noise, "anything"))
        : pushDeliveries(stage.router, service.name),
    directRooms: [],
    log: new RoomLog(stage.synapse.url, asker.account.accessToken),
    isRunning: () => takesEvents(() => running?.health() ?? []),
  };
  const create = (): ChatAdapter => {
    const adapter = options.create({
      ...configFor(side),
      ...(recoveryKey === undefined ? {} : { encryption: true, recoveryKey }),
    });
    inner.push(adapter);
    return options.breaker?.(adapter, toolsFor(side)) ?? adapter;
  };
  const servers: FastifyInstance[] = [];
  const serve = async (served: ChatAdapter): Promise<string> => {
    const server = fastify({ forceCloseConnections: true });
    await served.mount?.(server);
    const url = await server.listen({ host: "127.0.0.1", port: 0 });
    servers.push(server);
    if (service !== undefined) stage.router.route(service.name, { url, hsToken: service.hsToken });
    return url;
  };
  const sink = recordingSink();
  const twin = await saveTwin(side, sink);
  const adapter = create();
  const url = await serve(adapter);
  const run = async (started: ChatAdapter, on: RecordingSink): Promise<void> => {
    running = started;
    await started.start(on, new AbortController().signal);
  };
  if (started) await run(adapter, sink);
  const people = new MatrixPeople(side, adapter);
  const madeUp = new MatrixMadeUp(side, people);
  return {
    adapter: {
      ...bound(adapter),
      // The check that starts it itself waits for what people do like any other.
      start: async (on, signal) => {
        running = adapter;
        await adapter.start(on, signal);
      },
    },
    sink,
    platform: matrixOracle(side),
    organizationId: ORGANIZATION,
    installationId: side.installationId,
    asker: { id: asker.userId, name: "Mara" },
    bystander: { id: bystander.userId, name: "Ben" },
    outsider: { id: outsider.userId, name: "Olga" },
    secrets: [
      speaker.account.accessToken,
      ...(service === undefined ? [] : [service.asToken, service.hsToken]),
      ...(recoveryKey === undefined ? [] : [recoveryKey]),
    ],
    create,
    traffic: () => trafficOf(side),
    connections: () => proxy.connections(),
    conversation: () => people.conversation(),
    agree: () => people.agree(),
    thread: (target) => people.thread(target),
    inbound: (kind, how) => people.inbound(kind, how),
    inboundTwice: (kind) => people.inboundTwice(kind),
    inboundForTwins: async () => {
      // The other account takes no part in encrypted rooms.
      const target = await people.conversation({ plain: true });
      await twin.enter(target);
      await people.say(target);
      return { otherInstallationId: twin.installationId };
    },
    changeWithoutText: () => people.pin(),
    otherBotSpeaks: () => Promise.reject(new Error("nobody says that they are a bot here")),
    unknownEvents: () => madeUp.unknownEvents(),
    malformedEvents: () => madeUp.malformedEvents(),
    lookalikes: () => madeUp.lookalikes(),
    forgeries: async () => madeUp.forgeries(url),
    genuine: () => madeUp.genuine(url),
    fail: (mode, target) => fail(side, mode, target),
    dawdle: () =>
      void proxy.strike({
        kind: "slow",
        delayMs: DAWDLE_MS,
        match: { path: CALLS.send },
        probability: 0.5,
        times: Number.POSITIVE_INFINITY,
      }),
    afterwards: {
      say: (target) => people.say(target),
      succeed: async (next) => {
        const successor = create();
        await serve(successor);
        await run(successor, next);
        return successor;
      },
      putOut: (target) => asker.kick(target.conversation.channel.id, speaker.userId),
      reads: ({ conversation: { channel } }) => proxy.log.of({ path: CALLS.messages, roomId: channel.id }).length,
    },
    stop: async () => {
      // What waits for a silent homeserver has to get its end before it can stop.
      await proxy.close();
      await Promise.all(inner.map((one) => one.stop()));
      if (service !== undefined) stage.router.route(service.name, undefined);
      twin.stop();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** What still connects takes what happens meanwhile, and so has to be waited for like what is connected. */
async function takesEvents(health: () => readonly InstallationHealth[]): Promise<boolean> {
  const isIn = (state: InstallationHealth["state"]): boolean => health().some((row) => row.state === state);
  for (const untilMs = performance.now() + CONNECTING_MS; performance.now() < untilMs; await pause(20)) {
    if (isIn("connected")) return true;
    if (!isIn("connecting")) return false;
  }
  return false;
}

/** The members of an adapter, to be spread. */
function bound(adapter: ChatAdapter): ChatAdapter {
  return {
    platform: adapter.platform,
    limits: adapter.limits,
    features: adapter.features,
    start: (...how) => adapter.start(...how),
    stop: () => adapter.stop(),
    render: (...how) => adapter.render(...how),
    losses: (...how) => adapter.losses(...how),
    send: (post) => adapter.send(post),
    reconcile: (query) => adapter.reconcile(query),
    health: () => adapter.health(),
  };
}

function configFor({ proxy, service, speaker }: MatrixSide): MatrixAdapterConfig {
  return {
    organizationId: ORGANIZATION,
    homeserverUrl: proxy.url,
    ...(service === undefined
      ? { accessToken: speaker.account.accessToken }
      : {
          appServiceToken: service.asToken,
          homeserverToken: service.hsToken,
          senderLocalpart: service.senderLocalpart,
          puppetPrefix: service.puppetPrefix,
        }),
    pacing: false,
    // What is said begins with the words themselves.
    showNames: false,
    reconcileSettleMs: 100,
    callTimeoutMs: CALL_TIMEOUT_MS,
  };
}

interface Twin {
  readonly installationId: string;
  enter(target: Target): Promise<void>;
  stop(): void;
}

/** Another account in the same rooms: of all its events the homeserver's ids are the same. */
async function saveTwin({ stage, proxy, service, asker }: MatrixSide, sink: RecordingSink): Promise<Twin> {
  const other = service === undefined ? undefined : stage.service();
  const member: MatrixPerson =
    other === undefined
      ? await stage.person("Umbrella")
      : await puppetOf(stage, other, `${other.puppetPrefix}${IDENTITY.handle}`);
  const ownerId = other === undefined ? member.userId : `@${other.senderLocalpart}:${stage.synapse.serverName}`;
  const saved = await sink.installations.save({
    organizationId: "umbrella",
    platform: "matrix",
    externalId: ownerId,
    name: "Umbrella",
    settings: {
      homeserverUrl: proxy.url,
      userId: ownerId,
      botName: "Umbrella",
      ...(other === undefined ? { deviceId: member.account.deviceId } : { puppetPrefix: other.puppetPrefix }),
    },
    secrets: {
      accessToken: member.account.accessToken,
      ...(other === undefined ? {} : { homeserverToken: other.hsToken }),
    },
  });
  return {
    installationId: saved.installationId,
    enter: async ({ conversation: { channel } }) => {
      if (other !== undefined && service !== undefined) {
        const url = stage.router.urlOf(service.name);
        if (url !== undefined) stage.router.route(other.name, { url, hsToken: other.hsToken });
      }
      await asker.invite(channel.id, member.userId);
      await member.join(channel.id);
    },
    stop: () => {
      if (other !== undefined) stage.router.route(other.name, undefined);
    },
  };
}

/** Syncs, receipts and keys go to and fro by themselves: however many there are, they count once beside what is written. */
function trafficOf({ proxy }: MatrixSide): number {
  const writes = proxy.log.of({ path: CALLS.send }).length;
  return writes + (writes < proxy.log.entries.length ? 1 : 0);
}

async function fail(side: MatrixSide, mode: FailureMode, target: Target): Promise<void> {
  const { proxy, asker, speaker, service } = side;
  const roomId = target.conversation.channel.id;
  const strike = (fault: Omit<Fault, "match">): void =>
    void proxy.strike({ ...fault, match: { path: CALLS.send, roomId } } as Fault); // one fault with its match
  switch (mode) {
    case "unreachable":
      await proxy.goOffline();
      // The adapter's idle connections have to notice.
      await pause(50);
      return;
    case "rate_limited":
      return strike({ kind: "rate_limited", retryAfterMs: RATE_LIMIT_PAUSE_MS } as Fault);
    case "refused_token":
      if (service === undefined) await speaker.api.call("POST", "/_matrix/client/v3/logout", { body: {} });
      else
        proxy.strike({
          kind: "refused",
          status: 401,
          errcode: "M_UNKNOWN_TOKEN",
          match: {},
          times: Number.POSITIVE_INFINITY,
        });
      return;
    case "forbidden":
      await asker.setPower(roomId, { [speaker.userId]: 0 }, { events_default: 50 });
      return;
    case "rejected":
      return strike({ kind: "refused", status: 413, errcode: "M_TOO_LARGE" } as Fault);
    case "lost_before":
      return strike({ kind: "drop", when: "before" } as Fault);
    case "lost_after":
      return strike({ kind: "drop", when: "after" } as Fault);
    case "error_before":
      return strike({ kind: "status", status: 502, when: "before" } as Fault);
    case "error_after":
      return strike({ kind: "status", status: 502, when: "after" } as Fault);
    case "cut_answer":
      return strike({ kind: "half" } as Fault);
    case "foreign_answer":
      return strike({ kind: "page", when: "after" } as Fault);
    case "silent_before":
      return strike({ kind: "silence", when: "before" } as Fault);
    case "silent_after":
      return strike({ kind: "silence", when: "after" } as Fault);
    case "gone":
    case "lost_midway":
      throw new Error(`Matrix has no such failure as ${mode}`);
  }
}

function toolsFor({ speaker }: MatrixSide): MutantTools {
  return {
    signingSecret: "",
    writeDirectly: async (target, text) => {
      const { channel, thread } = target.conversation;
      return await speaker.say(channel.id, text, thread === undefined ? {} : { thread: thread.id });
    },
  };
}
