import { fileURLToPath } from "node:url";
import { issueSignInLink } from "../adapters/web/index.ts";
import { findConnectorFaults } from "../agents/registry.ts";
import { createFileAddresses } from "./access/file-addresses.ts";
import { createMemberFacts } from "./access/member-facts.ts";
import { openPolicyBook } from "./access/policy-book.ts";
import { createTextDigest } from "./access/text-digest.ts";
import { createFileReader } from "./access/turn-files.ts";
import { createOperatorAccess } from "./api/operator-access.ts";
import { createPrometheusMetrics } from "./api/prometheus-metrics.ts";
import { createServer } from "./api/server.ts";
import { createA2a } from "./app-a2a.ts";
import { createAgents } from "./app-agents.ts";
import { createDialIn } from "./app-dial-in.ts";
import { type App, compose, reseal } from "./app-lifecycle.ts";
import { createAdapters } from "./app-platforms.ts";
import type { AgentCheck } from "./config/agent-faults.ts";
import { type Config, organizationsOf } from "./config/config.ts";
import { deriveKey } from "./config/secret-key.ts";
import type { ChatAdapter } from "./contracts/adapter.ts";
import type { Logger } from "./contracts/logger.ts";
import type { Operations } from "./contracts/operations.ts";
import { ParleyError } from "./errors/parley-error.ts";
import { createAdapterStateStore } from "./ledger/adapter-state.ts";
import { createAgentSessionStore } from "./ledger/agent-sessions.ts";
import { watchAppends } from "./ledger/audit-appends.ts";
import { openAuditKeys } from "./ledger/audit-keys.ts";
import { appendAudit } from "./ledger/audit-log.ts";
import type { Database } from "./ledger/connection/database.ts";
import { migrate } from "./ledger/connection/migrate.ts";
import { openDatabase } from "./ledger/connection/open-database.ts";
import { openTenants } from "./ledger/connection/tenant-database.ts";
import { createInstallationStore } from "./ledger/installations.ts";
import { createPurge } from "./ledger/purge-loop.ts";
import { createRetention } from "./ledger/retention-loop.ts";
import { createIdSource } from "./ledger/row-ids.ts";
import { createSecretBox } from "./ledger/secret-box.ts";
import { createWebRoomStore } from "./ledger/web/index.ts";
import { defaultAgent } from "./pipeline/default-agent.ts";
import { openDirectory } from "./pipeline/directory.ts";
import { createAccessOperations } from "./pipeline/operations/access-operations.ts";
import { createAccessSync } from "./pipeline/operations/access-sync.ts";
import { explainMessage } from "./pipeline/operations/explain-message.ts";
import { createInvitations } from "./pipeline/operations/invitation-operations.ts";
import { createOperations } from "./pipeline/operations/operations.ts";
import { findPatternFaults } from "./pipeline/operations/pattern-faults.ts";
import { createReplyTokens } from "./pipeline/operations/reply-tokens.ts";
import { createRequestOperations } from "./pipeline/operations/request-operations.ts";
import { createRoomInvitations } from "./pipeline/operations/room-invitations.ts";
import { createScheduleOperations } from "./pipeline/operations/schedule-operations.ts";
import { createTenantOperations } from "./pipeline/operations/tenant-operations.ts";
import { createTokenOperations } from "./pipeline/operations/token-operations.ts";
import { createPipeline } from "./pipeline/pipeline.ts";
import { DEFAULT_LOOP_LIMITS } from "./pipeline/route/loop-guard.ts";
import { createToolTokens } from "./pipeline/tools/tool-tokens.ts";
import { createAuditTrail } from "./pipeline/upkeep/audit-trail.ts";
import { createDoorbell } from "./queue/create-doorbell.ts";
import type { Doorbell } from "./queue/queue-port.ts";

export { createMatrixRecoveryKey } from "../adapters/matrix/index.ts";
export { matrixRegistration, newRegistrationToken } from "../adapters/matrix/registration.ts";
export { slackManifest } from "../adapters/slack/manifest.ts";
export type { App } from "./app-lifecycle.ts";

/** What is wrong with an agent of the configuration that its shape does not show, for `loadConfig`. */
export const findAgentFaults: AgentCheck = ({ connector, subscriptions }) => [
  ...findConnectorFaults(connector, "config").map((fault) => ({ ...fault, path: `connector.${fault.path}` })),
  ...findPatternFaults(subscriptions),
];

/** Puts something between Parley and the outside: what a fault test needs to stop it at an exact point. Default: nothing. */
export interface AppPorts {
  readonly database?: (opened: Database) => Database;
  readonly doorbell?: (opened: Doorbell) => Doorbell;
  readonly adapter?: (created: ChatAdapter) => ChatAdapter;
}

const ANSWER_AGE_MS = 1_800_000;
const OWNER_NAME = "Owner";

/** The composition root: the only place that knows concrete adapters and connectors. Opens the ledger; takes messages after `start`. */
export async function createApp(config: Config, logger: Logger, ports: AppPorts = {}): Promise<App> {
  const roles = {
    ingest: config.roles.includes("ingest"),
    worker: config.roles.includes("worker"),
    delivery: config.roles.includes("delivery"),
  };
  if (config.databaseUrl === undefined && !(roles.ingest && roles.worker && roles.delivery)) {
    throw new ParleyError("CONFIG_INVALID", {
      detail: "roles: the embedded ledger serves one process with all roles; set DATABASE_URL to run roles apart",
    });
  }
  const { organizationId } = config;
  const organizations = organizationsOf(config);
  const newId = createIdSource();
  const metrics = createPrometheusMetrics();
  const opened = await openDatabase({
    dataFolder: config.dataFolder,
    ...(config.databaseUrl && { databaseUrl: config.databaseUrl.reveal() }),
  });
  const composed = ports.database?.(opened) ?? opened;
  // Only the embedded ledger has no other process that appends to it.
  const watched = composed.backend === "pglite" ? watchAppends(composed) : { database: composed };
  const { database } = watched;
  const closers: (() => Promise<void>)[] = [() => database.close()];
  try {
    await migrate(database, fileURLToPath(new URL("./ledger/migrations", import.meta.url)));
    const tenant = await openTenants(database, {
      // With one organization there is nobody on the other side of the wall.
      required: organizations.length > 1,
      onMissing: (fix) => logger.warn({ fix }, "row-level security is not in use: its role is missing"),
    });
    for (const { id, name } of organizations)
      await database.query({ text: "insert into organizations (id, name) values ($1, $2) on conflict do nothing" }, [
        id,
        name,
      ]);
    const keysFor = (purpose: string): readonly [Buffer, ...Buffer[]] => [
      deriveKey(config.secretKey, purpose),
      ...(config.previousSecretKey === undefined ? [] : [deriveKey(config.previousSecretKey, purpose)]),
    ];
    const box = createSecretBox(...keysFor("ledger secrets"));
    const textDigest = createTextDigest(deriveKey(config.secretKey, "text digests"));
    const replyTokens = createReplyTokens(deriveKey(config.secretKey, "reply addresses"));
    const fileAddresses = createFileAddresses(deriveKey(config.secretKey, "file addresses"));
    const bell = await createDoorbell({
      database,
      logger,
      ...(config.redisUrl && { redisUrl: config.redisUrl.reveal() }),
    });
    const doorbell = ports.doorbell?.(bell) ?? bell;
    closers.push(() => doorbell.close({ drainMs: 2_000 }));
    const directory = await openDirectory(database, (error) =>
      logger.warn({ err: error }, "the agents could not be read again"),
    );
    closers.push(() => directory.close());
    const policies = await openPolicyBook(database, (error) =>
      logger.warn({ err: error }, "the access lists could not be read again"),
    );
    closers.push(() => policies.close());

    const agentTokenKeys = keysFor("agent tokens");
    const dialIn = createDialIn({ database, directory, newId, keys: agentTokenKeys, logger, roles });
    closers.push(() => dialIn.stop());
    const operationsHolder: { operations?: Operations } = {};
    const running: { cancel?: (turnIds: readonly string[], request: string) => void } = {};
    const { connectors, agentsOn, isAssistantReady } = await createAgents({
      config,
      organizations,
      database,
      directory,
      box,
      newId,
      operations: () => held(operationsHolder),
      dialIn,
      agentTokenKeys,
      cancelRunning: (turnIds, request) => running.cancel?.(turnIds, request),
    });
    closers.push(() => connectors.close());

    const invitations = createInvitations({
      database,
      directory,
      policies,
      newId,
      cancelRunning: (turnIds, request) => running.cancel?.(turnIds, request),
    });
    const store = createWebRoomStore({ database, tenant, uploadsFolder: `${config.dataFolder}/uploads` });
    const { adapters, ownerOf, visitors } = createAdapters(config, {
      store,
      directory,
      policies,
      invitations: createRoomInvitations({
        invitations,
        directory,
        policies,
        facts: { of: (question) => facts.of(question) },
      }),
      explain: (organization, { roomId, postId }) =>
        explainMessage(
          tenant(organization),
          organization,
          { platform: "web", channelId: roomId, id: postId },
          "member",
        ),
      presenceOf: dialIn.presenceOf,
      port: ports.adapter ?? ((adapter) => adapter),
    });
    const state = { url: config.web.publicUrl ?? "", started: false, draining: false };
    const ended: { cancel: (turnIds: readonly string[], request: string) => void } = { cancel: () => undefined };
    const facts = createMemberFacts({
      database,
      adapter: (platform) => adapters.get(platform),
      logger,
      onEndedAccess: (turns) => {
        for (const { id, reason } of turns) ended.cancel([id], `cancelled:${reason}`);
      },
    });
    closers.push(() => facts.close());
    const pipeline = await createPipeline({
      facts,
      database,
      doorbell,
      directory,
      policies,
      invitations,
      digest: textDigest,
      connectors,
      adapters,
      newId,
      logger,
      metrics,
      roles,
      installations: createInstallationStore(database, box, logger),
      adapterState: (owner) => createAdapterStateStore({ database, box, owner, logger }),
      sessions: createAgentSessionStore(database, box),
      replyUrl: (turnId) => `${state.url}/api/replies/${replyTokens.mint(turnId)}`,
      files: { addresses: fileAddresses, baseUrl: () => state.url },
      tools: {
        tokens: createToolTokens(deriveKey(config.secretKey, "tool tokens")),
        baseUrl: () => state.url,
        box,
      },
      loopLimits: {
        ...DEFAULT_LOOP_LIMITS,
        maxHops: config.pipeline.maxHops,
        maxPairTurns: config.pipeline.pairTurnsPerMinute,
        turnBudget: config.pipeline.turnBudget,
      },
      answerAgeMs: ANSWER_AGE_MS,
      maxConcurrentTurns: config.pipeline.concurrentTurns,
      reconcileEveryMs: config.pipeline.reconcileIntervalMs,
      lateEffectMs: config.pipeline.lateEffectMs,
      defaultAgent: (organization) => defaultAgent(directory, organization, isAssistantReady),
    });
    ended.cancel = pipeline.cancelRunning;
    running.cancel = pipeline.cancelRunning;
    const access = createAccessOperations({
      database,
      directory,
      policies,
      invitations,
      cancelRunning: pipeline.cancelRunning,
    });
    for (const { id, access: wanted } of organizations) {
      const accessSync = createAccessSync({ access, organizationId: id, config: wanted, logger });
      closers.push(() => accessSync.stop());
      await accessSync.start();
    }
    const operationsOn = (own: Database): Operations =>
      createOperations({
        database: own,
        doorbell,
        newId,
        directory,
        policies,
        facts,
        agents: agentsOn(own),
        adapters,
        replyTokens,
        queueBackend: config.redisUrl === undefined ? database.backend : "redis",
        wake: pipeline.wake,
        cancelRunning: pipeline.cancelRunning,
      });
    const operations = createTenantOperations(operationsOn(database), (own) => operationsOn(tenant(own)));
    operationsHolder.operations = operations;
    const audit = createAuditTrail({
      ...watched,
      keys: await openAuditKeys(database, box, keysFor("audit log")),
      dataFolder: config.dataFolder,
      retention: config.retention,
      logger,
    });
    closers.push(() => audit.stop());
    if (roles.worker) audit.start();
    const purge = createPurge({ database, digest: textDigest, logger });
    closers.push(() => purge.stop());
    if (roles.worker) purge.start();
    const retention = createRetention({ database, logger, ...config.retention });
    closers.push(() => retention.stop());
    if (roles.worker) retention.start();
    const resealing = new AbortController();
    closers.push(async () => resealing.abort());
    if (roles.worker) void reseal({ database, box, logger, signal: resealing.signal });

    const a2a = createA2a({
      database,
      tenant,
      visitors,
      directory,
      policies,
      connectors,
      replyTokens,
      box,
      newId,
      logger,
      operations,
      pushNetwork: { allowPrivateAddresses: config.allowPrivatePushAddresses, allowedCidrs: [] },
      baseUrl: () => state.url,
    });
    closers.push(() => a2a.stop());
    if (roles.worker) a2a.start();

    const operator = createOperatorAccess({ dataFolder: config.dataFolder, token: config.operatorToken });
    const signInLink = async (forOrganization = organizationId): Promise<string> =>
      (
        await issueSignInLink({
          store,
          baseUrl: state.url,
          organizationId: forOrganization,
          personName: OWNER_NAME,
          role: "owner",
        })
      ).url;
    const tokens = createTokenOperations({
      database,
      tenant,
      newId,
      keys: keysFor("api tokens"),
    });
    const server = await createServer({
      config,
      organizations: organizations.map(({ id }) => id),
      operations,
      audit: audit.operations,
      tools: pipeline.tools,
      requests: createRequestOperations({ tenant, newId, ingest: (envelope) => pipeline.sink.ingest(envelope) }),
      schedules: createScheduleOperations({
        tenant,
        directory,
        policies,
        facts,
        newId,
        ingest: (envelope) => pipeline.sink.ingest(envelope),
      }),
      access,
      logger,
      metrics,
      auth: {
        operator,
        ownerSession: ownerOf,
        createSignInLink: signInLink,
        tokens,
        denied: (caller, { route, scope }) =>
          appendAudit(database, caller.organizationId, [
            { what: "denied", by: caller.id, rule: "scope_of_token", route, scope },
          ]),
      },
      mounts: roles.ingest
        ? [...adapters.values()].flatMap((adapter) =>
            adapter.mount === undefined ? [] : [adapter.mount.bind(adapter)],
          )
        : [],
      ...(roles.worker && { dialIn: dialIn.hub }),
      ...(roles.ingest && { a2a: a2a.routes }),
      taskNotices: a2a.notices,
      readFile: createFileReader({
        addresses: fileAddresses,
        media: (platform) => adapters.get(platform)?.features.media,
        isTurnOpen: async (turnId) =>
          (await database.query({ text: "select 1 from turns where id = $1 and finished_at is null" }, [turnId]))
            .length > 0,
      }),
      pageFolder: fileURLToPath(new URL("./console/dist", import.meta.url)),
      isStarting: () => !state.started,
      isDraining: () => state.draining,
    });
    return compose({
      config,
      logger,
      roles,
      server,
      adapters,
      pipeline,
      operator,
      signInLink,
      state,
      dialIn,
      closers,
      directory,
    });
  } catch (error) {
    for (const close of closers.toReversed()) await close().catch(() => undefined);
    throw error;
  }
}

function held(holder: { operations?: Operations }): Operations {
  if (holder.operations === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "operations were asked for before they exist" });
  return holder.operations;
}
