import { createTurnFiles } from "../access/turn-files.ts";
import type { ChatAdapter } from "../contracts/adapter.ts";
import { ParleyError } from "../errors/parley-error.ts";
import { handOver } from "../ledger/agent-connections.ts";
import { endStopped, SWITCHED } from "../ledger/switches.ts";
import { findForgotten, forgetAllWorkers, settleForgotten } from "../ledger/upkeep.ts";
import { createReconciler } from "../queue/reconciler.ts";
import { createReadingRights } from "./assemble/reading-rights.ts";
import { createRosters } from "./assemble/roster.ts";
import { toTrigger } from "./assemble/transcript.ts";
import { createTranscripts } from "./assemble/transcripts.ts";
import { connectorFacts } from "./connector-facts.ts";
import { createDeliverer } from "./deliver/deliverer.ts";
import { createOutboxLoop } from "./deliver/outbox-loop.ts";
import { createUnsureReplies } from "./deliver/unsure-replies.ts";
import type { DirectoryAgent } from "./directory.ts";
import { createAdapterSink } from "./ingest/adapter-sink.ts";
import { createIngest } from "./ingest/ingest.ts";
import { createBudgets } from "./invoke/budgets.ts";
import { fromPlanned } from "./invoke/runnable-turn.ts";
import { startPromoted } from "./invoke/start-promoted.ts";
import { createTurnRunner } from "./invoke/turn-runner.ts";
import { createUnreachableAgents } from "./invoke/unreachable-agents.ts";
import { createMassMentions } from "./mass-mentions.ts";
import type { Pipeline, PipelineOptions } from "./pipeline-options.ts";
import { createAudienceRule } from "./render/audience-rule.ts";
import { createShadowGuard } from "./render/shadow-guard.ts";
import { createTurnEnds } from "./render/turn-ends.ts";
import { openRequestDesk } from "./requests/request-desk.ts";
import { answerCommand } from "./route/command-answers.ts";
import type { ConversationPlan } from "./route/conversation-plan.ts";
import { hears } from "./route/decide.ts";
import { createDrain } from "./route/drain.ts";
import { createExpress } from "./route/express.ts";
import { createInvitationCommands } from "./route/invitation-commands.ts";
import { keepUnroutable } from "./route/keep-unroutable.ts";
import { createPausedNotices } from "./route/paused-notices.ts";
import { createReviewRooms } from "./route/review-rooms.ts";
import { createScheduleCommands } from "./route/schedule-commands.ts";
import { createSenderClasses } from "./route/sender-classes.ts";
import { showAnswers } from "./route/show-answers.ts";
import { openTurnTools } from "./tools/open-tools.ts";
import { openTurnSignals } from "./turn-signals.ts";
import { createMembershipUpkeep } from "./upkeep/membership-upkeep.ts";
import { createScheduleLoop } from "./upkeep/schedule-loop.ts";
import { createSweep } from "./upkeep/sweep.ts";

const HEARTBEAT_MS = 1_000;
const FIRST_ATTEMPT = { epoch: 1, attempt: 1 };

/** Composes the pipeline of one process: ingest → route → assemble → invoke → render → deliver, over the ledger. */
export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { database, directory, policies, connectors, logger, metrics, newId, roles, adapters } = options;
  const owner = newId("w");
  const { featuresOf, reach } = connectorFacts(connectors);
  const rosters = createRosters(database, directory, policies);
  const transcripts = createTranscripts(database, () => directory.longestHistory());
  const logError = (error: unknown): void => logger.warn({ err: error }, "a signal between processes was lost");
  const adapter = (platform: string): ChatAdapter => {
    const found = adapters.get(platform);
    if (found === undefined)
      throw new ParleyError("FEATURE_UNSUPPORTED", { detail: `no adapter for ${platform} is set up in this process` });
    return found;
  };

  const massMentions = createMassMentions({ ...options, rights: createReadingRights(options.facts, policies) });
  const deliverer = createDeliverer({
    database,
    owner,
    newId,
    logger,
    metrics,
    directory,
    adapter,
    massMentions,
    deliver: roles.delivery,
    stopRule: ({ agent_id, organization_id }) => stopRule(organization_id, directory.get(agent_id)),
    wake: wakeRouting,
    onRecorded: (conversationIds) => drain.moved(conversationIds),
    onWaiting: (state, waitMs) => (state === "pending" ? outbox.wakeIn(waitMs) : sweep.readBackIn(waitMs)),
  });
  const platforms = [...adapters.keys()];
  const unsure = createUnsureReplies({ ...options, directory, wakeOutbox: () => outbox.wakeSoon() });
  const outbox = createOutboxLoop({ database, owner, logger, deliverer, platforms, onDue: () => unsure.look() });
  const audience = createAudienceRule({
    database,
    owner,
    facts: options.facts,
    policies,
    directory,
    adapters,
    adapter,
    newId,
    digest: options.digest,
    logger,
    wakeOutbox: () => outbox.wakeSoon(),
  });
  const shadowGuard = createShadowGuard({ database, facts: options.facts });
  const requests = await openRequestDesk({
    ...options,
    owner,
    adapter,
    shadowGuard,
    rights: audience.reader.rights,
    wake: wakeRouting,
    wakeOutbox: () => outbox.wake(),
  });
  const ends = createTurnEnds({
    database,
    owner,
    newId,
    logger,
    directory,
    adapter,
    deliver: roles.delivery,
    digest: options.digest,
    sourceGuard: audience.guard,
    shadowGuard,
    onWithheld: (turnId) => void audience.withheld.tellAsker(turnId),
    dispatch: (deliveries, markedAtMs) => deliverer.dispatch(deliveries, markedAtMs),
    wake: wakeRouting,
    onSilentEnd: (conversationIds) => drain.moved(conversationIds),
  });
  const tools = await openTurnTools({
    ...options,
    ...options.tools,
    owner,
    reader: audience.reader,
    rosters,
    adapter,
    ingest: (envelope) => ingest.ingest(envelope),
    ringOutbox,
    scheduleAdded: () => schedules.wake(),
  });
  const runner = createTurnRunner({
    database,
    owner,
    newId,
    logger,
    metrics,
    directory,
    rosters,
    policies,
    massMentions,
    transcripts,
    ends,
    budgets: createBudgets(database, ends),
    ingest: (envelope) => ingest.ingest(envelope),
    unreachable: createUnreachableAgents({
      database,
      owner,
      newId,
      logger,
      adapter,
      schedule: (agentId) => featuresOf(agentId)?.retry,
      isFailing: (agentId) => (directory.get(agentId)?.row.failingSince ?? null) !== null,
      wakeOutbox: () => outbox.wakeSoon(),
      wake: wakeRouting,
    }),
    adapter,
    connector: (agentId) => connectors.of(agentId),
    kits: tools.kits,
    replyUrl: options.replyUrl,
    sessions: options.sessions,
    requests: requests.turns,
    files(turn, request, signal) {
      const media = adapters.get(request.conversation.platform)?.features.media;
      if (media === undefined) return undefined;
      const { addresses, baseUrl } = options.files;
      return createTurnFiles({
        request,
        installationId: turn.installationId,
        media,
        addresses,
        baseUrl: baseUrl(),
        signal,
      });
    },
    maxConcurrentTurns: options.maxConcurrentTurns,
    onEnd: () => drain.slotFreed(),
  });
  const signals = await openTurnSignals(database, runner, (turnId, rule) => deliverer.haltTurn(turnId, rule), logError);
  const haltStopped = (): void =>
    void Promise.all([directory.refresh(), policies.refresh()]).then(() => deliverer.haltStopped(), logError);
  const stopWatching = await database.listen(SWITCHED, haltStopped, haltStopped);
  const plan = {
    directory,
    policies,
    newId,
    limits: options.loopLimits,
    answerAgeMs: options.answerAgeMs,
    defaultAgent: options.defaultAgent,
    answersInThread: (platform: string) => adapters.get(platform)?.limits.answersInThread === true,
    canSteer: (agentId: string) => featuresOf(agentId)?.steer === true,
    reach,
    reviewRooms: createReviewRooms(database, directory),
  };
  const slots = {
    free: () => runner.freeSlots,
    used: (agentId: string) => runner.activeOf(agentId),
    most: Math.max(1, Math.ceil(options.maxConcurrentTurns / 4)),
  };
  const pausedNotices = createPausedNotices({ ...options, wakeOutbox: () => outbox.wakeSoon() });
  const scheduleCommands = createScheduleCommands(options);
  const invitationCommands = createInvitationCommands({ invitations: options.invitations, directory, logger });
  const drain = createDrain({
    database,
    owner,
    platforms,
    logger,
    metrics,
    plan,
    slots,
    transcripts,
    classes: createSenderClasses({ ...options, wake: wakeRouting }),
    startTurns(planned, promoted) {
      for (const { turn, started, transcript } of planned) runner.start(fromPlanned(turn, started, transcript));
      if (promoted.length > 0)
        void startPromoted({ database, owner, directory, runner, ends }, promoted).catch((error: unknown) =>
          logger.warn({ err: error }, "promoted turns could not be read; the sweep takes them again"),
        );
    },
    async carryOut(claimed) {
      await invitationCommands.carryOut(claimed);
      await scheduleCommands.carryOut(claimed);
    },
    onUnroutable: (eventId, error) => void keepUnroutable(options, eventId, error),
    afterCommit: (plans) => {
      for (const plan of plans) signalPlan(plan);
    },
  });
  const express = createExpress({
    owner,
    plan,
    slots,
    transcripts,
    start: (turn, transcript) => runner.start(fromPlanned(turn, FIRST_ATTEMPT, transcript)),
  });
  const cancel = (turnId: string, request: string): void => signals.cancel(turnId, request);
  const membership = createMembershipUpkeep({ database, facts: options.facts, logger, platforms, cancel });
  const ingest = createIngest({
    database,
    newId,
    metrics,
    express: roles.worker ? express : undefined,
    ring: (ids) => options.doorbell.ringQuietly(ids),
    digest: options.digest,
    onEndedAccess: cancel,
    onChannelSeen: membership.see,
    isHeard: (envelope) => directory.list(envelope.organizationId).some((agent) => hears(envelope, agent)),
    holdMs: (platform) => adapters.get(platform)?.limits.orderingHoldMs ?? 0,
  });
  const schedules = createScheduleLoop({
    ...options,
    rights: audience.reader.rights,
    ingest: (envelope) => ingest.ingest(envelope),
    ringOutbox,
  });
  // Processes that share a ledger watch each other's heartbeats; a single one only looks for what was forgotten.
  const sweepEveryMs =
    database.backend === "pglite" ? options.reconcileEveryMs : Math.min(HEARTBEAT_MS, options.reconcileEveryMs);
  const sweep = createSweep({
    database,
    newId,
    logger,
    directory,
    adapter,
    platforms,
    runner,
    ends,
    deliverer,
    roles,
    wake,
    worker: {
      id: owner,
      roles: Object.entries(roles)
        .filter(([, on]) => on)
        .map(([role]) => role)
        .join(","),
    },
    wakeOutbox: () => outbox.wake(),
    everyMs: sweepEveryMs,
    lateEffectMs: options.lateEffectMs,
  });
  const reconciler = createReconciler({
    everyMs: options.reconcileEveryMs,
    logger,
    findDue: async () => {
      const settled = await settleForgotten(database);
      if (settled > 0) logger.warn({ settled }, "turns or previews that nobody ended were ended");
      for (const { id, rule } of await endStopped(database)) signals.cancel(id, `cancelled:${rule}`);
      return await findForgotten(database);
    },
    ring: (ids) => options.doorbell.ring(ids),
  });
  options.doorbell.onBell(async () => {
    if (roles.worker) drain.wake();
    // Replies are sent by whoever commits them; the outbox waits for others' only where turns run elsewhere.
    if (roles.delivery) outbox.wakeSoon();
  });

  function ringOutbox(conversationId: string): void {
    if (roles.delivery) outbox.wakeSoon();
    options.doorbell.ringQuietly([conversationId]);
  }

  function stopRule(organizationId: string, agent: DirectoryAgent | undefined): string | undefined {
    if (policies.of(organizationId).stopped) return "organization_stopped";
    return agent?.status === "stopped" ? "agent_stopped" : undefined;
  }

  function wakeRouting(): void {
    if (roles.worker) drain.wake();
  }

  function wake(): void {
    wakeRouting();
    if (roles.delivery) outbox.wake();
  }

  function signalPlan(plan: ConversationPlan): void {
    for (const { id, state, reason } of plan.cancel) signals.cancel(id, `${state}:${reason}`);
    for (const event of plan.events) {
      const claimed = plan.claimed.events?.find((candidate) => candidate.id === event.id);
      if (event.steered === null || claimed === undefined) continue;
      signals.steer(
        event.steered,
        event.id,
        toTrigger(claimed.envelope as Parameters<typeof toTrigger>[0], plan.claimed.id, undefined),
      ); // validated at ingest
    }
    for (const agentId of plan.elsewhere) void handOver(database, agentId).catch(logError);
    for (const click of plan.withheldClicks) void audience.withheld.decide(click);
    requests.takeClicks(plan.requestClicks);
    if (plan.cancel.length > 0) requests.turnsEnded();
    pausedNotices.tell(plan.paused);
    showAnswers(plan.commands, {
      adapter: (platform) => adapters.get(platform),
      answer: (envelope, stopped) =>
        invitationCommands.answerTo(envelope) ??
        scheduleCommands.answerTo(envelope) ??
        answerCommand(envelope, stopped, directory.list(envelope.organizationId), policies.of(envelope.organizationId)),
      logger,
    });
  }

  const sink = createAdapterSink({
    ...options,
    ingest,
    state: options.adapterState(owner),
  });

  return {
    sink,
    wake,
    tools: tools.desk,
    cancelRunning: (turnIds, request) => {
      for (const id of turnIds) signals.cancel(id, request);
    },
    async start() {
      // The embedded ledger has one process: whoever worked on it before is gone, so nothing waits for a heartbeat to grow old.
      if (database.backend === "pglite") await forgetAllWorkers(database);
      await sweep.start();
      await options.doorbell.start({ worker: roles.worker || roles.delivery });
      await sweep.run();
      reconciler.start();
      if (roles.ingest) membership.start();
      if (roles.delivery) audience.withheld.start();
      if (roles.worker) requests.start();
      if (roles.worker) schedules.start();
      wake();
    },
    async stop(graceMs) {
      await reconciler.stop();
      await schedules.stop();
      membership.stop();
      express.stop();
      await drain.stop();
      await runner.stop(graceMs);
      await ends.settle();
      await audience.withheld.stop();
      await requests.stop();
      await outbox.stop();
      await unsure.stop();
      await Promise.race([
        deliverer.settle(),
        new Promise((resolve) => setTimeout(resolve, Math.max(2_000, graceMs)).unref()),
      ]);
      await ingest.settle();
      await sweep.stop();
      await stopWatching();
      await tools.desk.close();
      await signals.close();
    },
  };
}
