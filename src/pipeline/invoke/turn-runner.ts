import type { PolicyBook } from "../../access/policy-book.ts";
import type { ChatAdapter, Target } from "../../contracts/adapter.ts";
import type { AgentConnector, TranscriptMessage, TurnFiles, TurnRequest } from "../../contracts/connector.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Metrics } from "../../contracts/metrics.ts";
import { ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { AgentSessionStore } from "../../ledger/agent-sessions.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { deferTurn } from "../../ledger/turns.ts";
import { createPastReader } from "../assemble/past-reader.ts";
import type { Rosters } from "../assemble/roster.ts";
import type { Transcripts } from "../assemble/transcripts.ts";
import { assembleTurn } from "../assemble/turn-request.ts";
import type { Directory } from "../directory.ts";
import { endedAccess } from "../ended-access.ts";
import type { MassMentions } from "../mass-mentions.ts";
import { questionLine, withQuestionLine } from "../render/link-to-question.ts";
import type { TurnEnds } from "../render/turn-ends.ts";
import type { TurnRequestSource, WaitingTurn } from "../requests/turn-requests.ts";
import type { TurnKits } from "../tools/turn-kit.ts";
import type { ActiveTurn } from "./active-turn.ts";
import type { Budgets } from "./budgets.ts";
import { deferredParts, type Invocation, invokeAgent } from "./invoke-agent.ts";
import { createTurnClock } from "./pausable-clock.ts";
import { createPreviewDriver } from "./preview-driver.ts";
import { createQuestionHandOver, type QuestionHandOverPorts } from "./question-hand-over.ts";
import type { RunnableTurn } from "./runnable-turn.ts";
import { isShadowed } from "./shadow.ts";
import { createSteering } from "./steering.ts";
import { createTrials } from "./trials.ts";
import { createTurnSlots } from "./turn-slots.ts";
import type { UnreachableAgents } from "./unreachable-agents.ts";
import { createWorkReactions } from "./work-reactions.ts";
import { createWorkSign } from "./work-sign.ts";

export interface TurnRunner {
  start(turn: RunnableTurn): void;
  /** Ends a turn that must not be invoked any more, with the notice of this error. */
  fail(turn: RunnableTurn, error: ParleyError): void;
  /** Asks a running turn to end; `request` is `state:reason`. False when it does not run here. */
  cancel(turnId: string, request: string): boolean;
  /** Lets go of a turn that another worker has taken over: its agent is stopped and nothing of it is shown or committed any more. */
  abandon(turnId: string): void;
  /** Hands a message to a running turn. False when it does not run here. */
  steer(turnId: string, eventId: string, message: TranscriptMessage): boolean;
  active(): ReadonlySet<string>;
  readonly freeSlots: number;
  /** How many turns of an agent run here. */
  activeOf(agentId: string): number;
  /** Waits up to `graceMs` for running turns, then aborts the rest without committing them. */
  stop(graceMs: number): Promise<void>;
}

export interface TurnRunnerOptions extends QuestionHandOverPorts {
  readonly database: Database;
  readonly owner: string;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly directory: Directory;
  readonly rosters: Rosters;
  readonly policies: PolicyBook;
  readonly massMentions: Pick<MassMentions, "expects">;
  readonly transcripts: Transcripts;
  readonly ends: TurnEnds;
  readonly unreachable: UnreachableAgents;
  readonly budgets: Budgets;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly connector: (agentId: string) => AgentConnector;
  /** What agents may call, and the commands in what they write. */
  readonly kits: TurnKits;
  readonly replyUrl: (turnId: string) => string;
  /** What connectors remember of an agent in a conversation. */
  readonly sessions: AgentSessionStore;
  readonly requests: TurnRequestSource;
  /** The files of a turn's messages; undefined where the platform's cannot be read. */
  readonly files: (turn: RunnableTurn, request: TurnRequest, signal: AbortSignal) => TurnFiles | undefined;
  readonly maxConcurrentTurns: number;
  /** Called when a turn has left its slot. */
  readonly onEnd: () => void;
}

const QUESTION_GONE: ReadonlySet<string> = new Set(["trigger_deleted", "trigger_edited"]);

/** Creates the part that runs claimed turns: invokes the agent, shows it live, and commits how the turn ends; nothing a turn does throws out of it. */
export function createTurnRunner(options: TurnRunnerOptions): TurnRunner {
  const { logger, owner, database } = options;
  const running = new Map<string, ActiveTurn>();
  const slots = createTurnSlots(options.maxConcurrentTurns, options.onEnd);
  const reactions = createWorkReactions(options.policies);
  const trials = createTrials(database, owner);
  const handOver = createQuestionHandOver(options);
  const couldRead = createPastReader(options.adapter);
  let abandoned = false;

  async function run(active: ActiveTurn): Promise<void> {
    const { turn } = active;
    const startedAtMs = performance.now();
    try {
      if (await options.budgets.stop(turn, waitingTurn(active))) return;
      active.endTrial = await trials.enter(turn, waitingTurn(active));
      const invocation =
        turn.deferredReply === undefined
          ? await invoke(active, startedAtMs)
          : await answerLate(active, turn.deferredReply);
      if (abandoned || active.abandoned) return;
      await active.preview?.settle();
      if (turn.deferredReply === undefined) await options.unreachable.reached(turn);
      if (invocation.kind === "deferred") {
        const { deadlineMs } = invocation;
        await deferTurn(database, { id: turn.turnId, epoch: turn.epoch, owner, deadlineMs, context: active.context });
        return;
      }
      const { parts, usage } = invocation;
      const closed = active.preview?.closed;
      if (closed !== undefined)
        logger.warn({ turnId: turn.turnId, reason: closed }, "a place is closed: an answer was given up");
      const ended = await options.ends.commit(turn, {
        outcome: closed === undefined ? "answered" : "cancelled",
        reason: closed ?? null,
        parts: closed === undefined ? withQuestionLine(parts, active.questionLine) : [],
        usage,
        consumed: active.steering.consumed,
        context: active.context,
      });
      if (ended) active.reaction?.end(closed === undefined ? "done" : "none");
      else await endRefused(active);
      options.metrics.turnFinished(
        turn.agent.definition.connector.kind,
        ended ? "answered" : "lost",
        performance.now() - startedAtMs,
      );
    } catch (thrown) {
      await handleFailure(active, toParleyError(thrown, "AGENT_CRASHED"), startedAtMs);
    }
  }

  async function invoke(active: ActiveTurn, startedAtMs: number): Promise<Invocation> {
    const { turn, controller } = active;
    const target = targetOf(turn);
    const adapter = options.adapter(turn.platform);
    active.reaction = reactions.of(turn, adapter.features.react);
    const connector = options.connector(turn.agent.agentId);
    const request = { ...(await assemble(turn)), ...(await options.kits.resultsFor(turn, connector)) };
    // Whoever stopped it while it was put together has stopped it before its agent heard of it.
    controller.signal.throwIfAborted();
    active.context = request.transcript.map((message) => message.messageId);
    active.questionLine = questionLine(turn, request);
    const shadowed = isShadowed(turn);
    const sign = createWorkSign(shadowed ? undefined : adapter.features.status, target, turn.agent.identity);
    active.sign = sign;
    const preview = createPreviewDriver({
      adapter,
      sql: database,
      logger,
      owner,
      target,
      startedAtMs,
      turn,
      deliveryId: options.newId("d"),
      identity: turn.agent.identity,
      signal: controller.signal,
    });
    // No platform notifies anybody by an edit: what may call everybody is posted whole.
    const isPostedWhole = shadowed || turn.hasPreview || !turn.sources.isEmpty || options.massMentions.expects(turn);
    active.preview = isPostedWhole ? undefined : preview;
    turn.sources.onFirstRead(() => preview.settle());
    const files = options.files(turn, request, controller.signal);
    const waiting = waitingTurn(active);
    const requests = options.requests.of(turn, waiting);
    const kit = options.kits.open(turn, connector, { request, files, requests, pause: () => waiting.pause() });
    try {
      const invocation = await invokeAgent({
        connector: kit.connector,
        request,
        controller,
        io: {
          signal: controller.signal,
          steering: active.steering.messages,
          replyUrl: () => options.replyUrl(turn.turnId),
          tools: kit.tools,
          ...kit.access,
          ...(files === undefined ? {} : { files }),
          session: options.sessions.of(
            { organizationId: turn.organizationId, agentId: turn.agent.agentId, sessionKey: request.sessionKey },
            { turnId: turn.turnId, epoch: turn.epoch, owner },
          ),
          requests,
          callOffQuestions: () => options.requests.callOffEarlier(turn),
          notSilent: () => active.clock.touch(),
          logger,
        },
        clock: active.clock,
        onProgress: (collector) => {
          active.text = () => withLine(active.questionLine, collector.text());
          // What was read elsewhere may not be meant for everybody here: the whole answer is weighed, and until then nothing of it is shown.
          if (!turn.sources.isEmpty) return;
          active.preview?.offer(active.text);
          sign.say(collector.status());
        },
      });
      return await kit.finish(invocation, controller.signal);
    } finally {
      kit.close();
      if (endedAccess(active.cancelRequest) === undefined) sign.clear();
      else sign.abandon();
    }
  }

  async function answerLate({ turn, controller }: ActiveTurn, stored: unknown): Promise<Invocation> {
    const late = { kind: "reply", parts: deferredParts(stored), stopReason: "end", usage: undefined } as const;
    return await options.kits.finishDeferred(turn, options.connector(turn.agent.agentId), late, controller.signal);
  }

  async function assemble(turn: RunnableTurn): Promise<TurnRequest> {
    const { channel, thread } = turn.envelope.conversation;
    return assembleTurn(
      turn,
      { sql: database, directory: options.directory, rosters: options.rosters, policies: options.policies, couldRead },
      () =>
        turn.transcript ??
        options.transcripts.read({
          conversationId: turn.conversationId,
          installationId: turn.installationId,
          channelId: channel.id,
          threadId: thread?.id ?? null,
        }),
    );
  }

  async function handleFailure(active: ActiveTurn, error: ParleyError, startedAtMs: number): Promise<void> {
    const { turn } = active;
    if (abandoned || active.abandoned) return;
    try {
      await active.preview?.settle();
      if (active.cancelRequest !== undefined) return await endRefused(active);
      const wasShown = active.preview?.opened === true;
      if (await options.unreachable.postpone(turn, { error, remainingMs: active.clock.remainingMs(), wasShown }))
        return;
      logger.warn(
        {
          turnId: turn.turnId,
          agent: turn.agent.handle,
          code: error.code,
          detail: turn.sources.isEmpty ? error.detail : undefined,
        },
        "turn failed",
      );
      const next = await handOver.next(turn, { error, wasShown });
      if (await options.ends.commitFailure(turn, error, active.steering.consumed, active.context))
        await handOver.give(turn, next);
      active.reaction?.end("failed");
      await options.unreachable.giveUp(turn, error);
      options.metrics.turnFinished(turn.agent.definition.connector.kind, error.code, performance.now() - startedAtMs);
    } catch (lost) {
      // The row stays ours until our heartbeat stops or the sweep finds it unattended; then it runs again under a new epoch.
      logger.error({ err: lost, turnId: turn.turnId }, "a turn's end could not be committed");
    }
  }

  /**
   * Ends a turn that somebody stopped; a preview that people saw keeps its words and says that it was stopped. Where the question is gone or
   * was put anew, a half answer to it helps nobody and is taken back.
   */
  async function endRefused(active: ActiveTurn): Promise<void> {
    const request = active.cancelRequest ?? (await options.ends.cancelRequest(active.turn));
    if (request === undefined) return;
    if (endedAccess(request) === undefined) active.reaction?.end("none");
    const separator = request.indexOf(":");
    const outcome = request.slice(0, separator) === "superseded" ? "superseded" : "cancelled";
    const reason = request.slice(separator + 1);
    const removed = QUESTION_GONE.has(reason) && (await active.preview?.remove()) === true;
    const shown =
      !removed && endedAccess(request) === undefined && (active.preview?.opened === true || active.turn.hasPreview);
    const text = shown ? `${active.text()}\n\n_Stopped._`.trim() : undefined;
    await options.ends.commit(active.turn, {
      outcome,
      reason,
      parts: text === undefined ? [] : [{ type: "text", markdown: text }],
      usage: undefined,
      consumed: active.steering.consumed,
      context: active.context,
    });
  }

  /** While people are asked the turn's time stands still, and its slot is others'. */
  function waitingTurn(active: ActiveTurn): WaitingTurn {
    const { turn, clock, controller } = active;
    return {
      signal: controller.signal,
      pause() {
        active.endTrial();
        const ends = [clock.pause(), slots.rest(turn.agent.agentId)];
        return () => {
          for (const end of ends) end();
        };
      },
      remainingMs: () => clock.remainingMs(),
    };
  }

  function launch(turn: RunnableTurn, work: (active: ActiveTurn) => Promise<void>): void {
    const controller = new AbortController();
    const active: ActiveTurn = {
      turn,
      controller,
      clock: createTurnClock(controller, {
        deadlineMs: Math.max(1, turn.deadlineAt.getTime() - Date.now()),
        idleTimeoutMs: turn.agent.definition.idleTimeoutMs,
      }),
      steering: createSteering(),
      preview: undefined,
      sign: undefined,
      reaction: undefined,
      context: [],
      questionLine: "",
      text: () => "",
      cancelRequest: undefined,
      abandoned: false,
      endTrial: () => undefined,
      done: Promise.resolve(),
    };
    running.set(turn.turnId, active);
    slots.take(turn.agent.agentId);
    active.done = work(active).finally(() => {
      active.endTrial();
      active.steering.end();
      active.reaction?.abandon();
      if (running.get(turn.turnId) === active) running.delete(turn.turnId);
      slots.leave(turn.agent.agentId);
      options.onEnd();
    });
  }

  return {
    start: (turn) => launch(turn, run),
    fail: (turn, error) => launch(turn, (active) => handleFailure(active, error, performance.now())),
    cancel(turnId, request) {
      const active = running.get(turnId);
      if (active === undefined) return false;
      active.cancelRequest ??= request;
      if (endedAccess(request) !== undefined) active.sign?.abandon();
      active.controller.abort(new ParleyError("TURN_CANCELLED", { detail: request }));
      return true;
    },
    abandon(turnId) {
      const active = running.get(turnId);
      if (active === undefined) return;
      active.abandoned = true;
      active.controller.abort(new ParleyError("LEASE_LOST", { detail: "another worker took this turn over" }));
      // The preview belongs to whoever has the turn now.
      void active.preview?.settle();
    },
    steer(turnId, eventId, message) {
      const active = running.get(turnId);
      active?.steering.push(eventId, message);
      return active !== undefined;
    },
    active: () => new Set(running.keys()),
    activeOf: (agentId) => slots.of(agentId),
    get freeSlots() {
      return slots.free;
    },
    async stop(graceMs) {
      // Those that wait for people go on waiting in the process that comes next.
      const busy = [...running.values()].filter(({ clock }) => !clock.paused);
      const all = Promise.allSettled(busy.map((active) => active.done));
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      abandoned = true;
      for (const active of running.values())
        active.controller.abort(new ParleyError("TURN_CANCELLED", { detail: "the process ends" }));
    },
  };
}

function withLine(line: string, text: string): string {
  return text === "" ? "" : `${line}${text}`;
}

export function targetOf(turn: RunnableTurn): Target {
  const base = {
    organizationId: turn.organizationId,
    installationId: turn.installationId,
    conversation: turn.replyPath,
  };
  return turn.envelope.sender.kind === "agent" || isShadowed(turn)
    ? base
    : { ...base, askerId: turn.envelope.sender.id };
}
