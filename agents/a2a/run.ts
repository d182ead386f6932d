import { setTimeout as sleep } from "node:timers/promises";
import type { SendMessageRequest, StreamResponse, Task } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { isPrivateHost } from "../../src/contracts/private-host.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { ReadCard } from "./card.ts";
import type { A2aConfig } from "./config.ts";
import { endOf } from "./ending.ts";
import { a2aFailureToError, isMemoryRefused, isNoStreaming } from "./errors.ts";
import { pushAddressOf, pushTokenOf, replyTokenIn } from "./push.ts";
import { toMessage } from "./request.ts";
import { type Memory, recall, remember } from "./session.ts";
import { TaskReply } from "./task-reply.ts";

/** Pauses between looks at a task that is not streamed, in ms. */
const FIRST_POLL_MS = 200;
const LONGEST_POLL_MS = 5_000;
/** A task that nobody streams says at this distance that it is still worked on, in ms. */
const SIGN_OF_LIFE_MS = 8_000;
/** Failures in a row after which a task is given up. */
const MAX_FAILURES = 4;
/** Streams of one task that may break off without a word before it is only looked at. */
const MAX_MUTE_STREAMS = 2;
const CANCEL_TIMEOUT_MS = 800;
/** After these nothing is known of the message, or the connection broke: the task is looked at again. */
const BROKEN = new Set(["AGENT_CRASHED", "AGENT_UNAVAILABLE", "AGENT_TIMEOUT"]);

export interface TaskTurn {
  readonly config: A2aConfig;
  readonly card: ReadCard;
  readonly client: Client;
  readonly request: TurnRequest;
  readonly io: TurnIo;
  /** Ends with the turn, whatever ends it. */
  readonly signal: AbortSignal;
}

/**
 * Guarantees the raw events of one turn, whose message is sent once: where a stream breaks off, the task is looked at and taken up again.
 *
 * A task that asks something ends the turn also while its stream is open. A turn that is stopped cancels its task, unless another worker goes on with it.
 */
export async function* runTask(turn: TaskTurn): AsyncGenerator<unknown> {
  const run = new TaskRun(turn);
  let isSettled = false;
  try {
    for await (const event of run.events()) {
      const { type } = event;
      isSettled = type === "done" || type === "deferred";
      yield event;
    }
  } catch (thrown) {
    throw a2aFailureToError(thrown);
  } finally {
    if (!isSettled && !isHandedOver(turn.io.signal)) run.cancel();
  }
}

/** Another process takes the turn up, and with it the task; what people or a deadline stopped is over. */
function isHandedOver({ aborted, reason }: AbortSignal): boolean {
  if (!aborted || !(reason instanceof ParleyError)) return false;
  if (reason.code === "TURN_CANCELLED") return !/^\w+:/.test(reason.detail ?? "");
  return reason.row.fault === "internal";
}

type RunEvent = ReturnType<TaskReply["stillWorking"]> | { readonly type: "deferred"; readonly deadlineMs: number };

class TaskRun {
  readonly #turn: TaskTurn;
  readonly #reply = new TaskReply();
  #memory: Memory = {};
  #isRemembered = false;
  #quietSince = performance.now();
  #lastSign = performance.now();

  constructor(turn: TaskTurn) {
    this.#turn = turn;
  }

  async *events(): AsyncGenerator<RunEvent> {
    const { request, io } = this.#turn;
    const reply = this.#reply;
    this.#memory = await recall(io.session);
    const { running } = this.#memory;
    if (running?.turnId === request.turnId) reply.taskId = running.taskId;
    else yield* this.#send();
    if (reply.ending === undefined) {
      if (reply.taskId === undefined)
        throw new ParleyError("AGENT_CRASHED", { detail: "the answer ended before it was complete" });
      for await (const event of this.#follow(reply.taskId)) {
        yield event;
        if (event.type === "deferred") return;
      }
    }
    const isOpen = reply.ending === "input" || reply.ending === "auth";
    await this.#keep(isOpen && reply.taskId !== undefined ? { taskId: reply.taskId, isOpen: true } : {});
    yield* endOf(reply);
  }

  /** Tells the agent to stop; what it says to that is nobody's concern any more. */
  cancel(): void {
    const { taskId, ending } = this.#reply;
    if (taskId === undefined || ending !== undefined) return;
    const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
    this.#turn.client.cancelTask({ tenant: "", id: taskId, metadata: undefined }, { signal }).catch(() => undefined);
  }

  async *#send(): AsyncGenerator<RunEvent> {
    const open = await this.#openTask();
    const { request, io } = this.#turn;
    // The task goes on with the message, and does not wait for a choice any more.
    if (request.trigger.action === undefined && open !== undefined) await io.callOffQuestions?.();
    try {
      yield* this.#sendOnce(open);
    } catch (thrown) {
      // Refused for certain, so nothing was begun: the agent forgot the task or the context, and is told anew.
      const hasMemory = open !== undefined || this.#memory.contextId !== undefined;
      if (!hasMemory || this.#reply.heard > 0 || !isMemoryRefused(thrown)) throw thrown;
      this.#memory = open === undefined ? {} : { ...this.#memory, taskId: undefined };
      yield* this.#sendOnce(undefined);
    }
  }

  /** The task that waits for this turn. Of one that was put off, the agent is asked whether it does. */
  async #openTask(): Promise<string | undefined> {
    const { taskId, isOpen } = this.#memory;
    if (taskId === undefined || isOpen === true) return taskId;
    const look = new TaskReply();
    const task = await this.#look(taskId).catch((): undefined => undefined);
    if (task === undefined) return undefined;
    for (const _event of look.takeTask(task));
    return look.ending === "input" || look.ending === "auth" ? taskId : undefined;
  }

  async *#sendOnce(taskId: string | undefined): AsyncGenerator<RunEvent> {
    const { config, card, client, request, io, signal } = this.#turn;
    const message = await toMessage({ request, io, config, memory: this.#memory, taskId });
    const params: SendMessageRequest = {
      tenant: "",
      message,
      configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately: true },
      metadata: undefined,
    };
    if (card.isStreaming) {
      try {
        yield* this.#stream(client.sendMessageStream(params, { signal }));
        return;
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        if (this.#reply.heard > 0) {
          this.#throwUnlessBroken(thrown);
          return;
        }
        if (!isNoStreaming(thrown)) throw thrown;
      }
    }
    const result = await client.sendMessage(params, { signal });
    yield* this.#hear(
      "messageId" in result
        ? { payload: { $case: "message", value: result } }
        : { payload: { $case: "task", value: result } },
    );
  }

  async *#hear(event: StreamResponse): AsyncGenerator<RunEvent> {
    this.#quietSince = performance.now();
    yield* this.#reply.take(event);
    await this.#noteTask();
  }

  /** Reads a stream until the task ends or asks, or is silent for so long that it is put off. */
  async *#stream(events: AsyncGenerator<StreamResponse>): AsyncGenerator<RunEvent> {
    for (;;) {
      const next = events.next();
      const first = await this.#orSilence(next);
      if (first === "silence") {
        // The stream is let go; the task goes on, and is followed in another way.
        next.catch(() => undefined);
        void events.return(undefined).catch(() => undefined);
        return;
      }
      if (first.done === true) return;
      yield* this.#hear(first.value);
      if (this.#reply.ending !== undefined) {
        void events.return(undefined).catch(() => undefined);
        return;
      }
    }
  }

  async #orSilence<T>(next: Promise<T>): Promise<T | "silence"> {
    if (!this.#mayDefer()) return await next;
    const timer = new AbortController();
    try {
      const silence = sleep(this.#turn.config.deferAfterMs, "silence" as const, { signal: timer.signal });
      return await Promise.race([next, silence]);
    } finally {
      timer.abort();
    }
  }

  /** Follows a task that is known: by looking at it, and by its stream where there is one. */
  async *#follow(taskId: string): AsyncGenerator<RunEvent> {
    const { card, client, signal } = this.#turn;
    const reply = this.#reply;
    let failures = 0;
    let muteStreams = 0;
    let pauseMs = FIRST_POLL_MS;
    while (reply.ending === undefined) {
      try {
        const before = reply.heard;
        yield* reply.takeTask(await this.#look(taskId));
        await this.#noteTask();
        failures = 0;
        if (reply.ending !== undefined) return;
        if (this.#mayDefer() && performance.now() - this.#quietSince >= this.#turn.config.deferAfterMs) {
          if (await this.#askForPush(taskId)) {
            yield* reply.takeTask(await this.#look(taskId));
            if (reply.ending !== undefined) return;
            yield await this.#defer(taskId);
            return;
          }
        }
        if (card.isStreaming && muteStreams < MAX_MUTE_STREAMS) {
          muteStreams += 1;
          yield* this.#stream(client.resubscribeTask({ tenant: "", id: taskId }, { signal }));
          if (reply.heard > before + 1) muteStreams = 0;
          if (reply.ending !== undefined) return;
        }
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        failures += 1;
        if (failures >= MAX_FAILURES) throw thrown;
        if (muteStreams === 0 || failures > 1) this.#throwUnlessBroken(thrown);
      }
      if (failures === 0 && performance.now() - this.#lastSign >= SIGN_OF_LIFE_MS) {
        this.#lastSign = performance.now();
        yield reply.stillWorking();
      }
      await sleep(pauseMs, undefined, { signal });
      pauseMs = Math.min(pauseMs * 1.5, LONGEST_POLL_MS);
    }
  }

  async #look(taskId: string): Promise<Task> {
    const { client, signal } = this.#turn;
    return await client.getTask({ tenant: "", id: taskId }, { signal });
  }

  #throwUnlessBroken(thrown: unknown): void {
    const error = a2aFailureToError(thrown);
    if (!BROKEN.has(error.code)) throw error;
  }

  #mayDefer(): boolean {
    const { card, config, io } = this.#turn;
    if (!card.sendsPush || config.push === "off" || this.#pushFailed || this.#reply.taskId === undefined) return false;
    // From outside nobody reaches an address of this machine or network.
    const { hostname } = new URL(io.replyUrl());
    return !isPrivateHost(hostname) || isPrivateHost(card.address.hostname);
  }

  #pushFailed = false;

  async #askForPush(taskId: string): Promise<boolean> {
    const { client, io, signal } = this.#turn;
    const replyUrl = io.replyUrl();
    try {
      const token = pushTokenOf(replyTokenIn(replyUrl), taskId);
      const config = {
        tenant: "",
        id: "",
        taskId,
        url: pushAddressOf(replyUrl, taskId),
        token,
        authentication: undefined,
      };
      await client.createTaskPushNotificationConfig(config, { signal });
      return true;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      this.#pushFailed = true;
      return false;
    }
  }

  async #defer(taskId: string): Promise<RunEvent> {
    await this.#keep({ taskId, isOpen: false });
    return { type: "deferred", deadlineMs: Math.max(1, Date.parse(this.#turn.request.deadlineAt) - Date.now()) };
  }

  /** As soon as a task is known, another attempt at this turn can take it up. */
  async #noteTask(): Promise<void> {
    const { taskId } = this.#reply;
    if (this.#isRemembered || taskId === undefined || this.#reply.ending !== undefined) return;
    this.#isRemembered = true;
    const { request, io } = this.#turn;
    await remember(io.session, { ...this.#memory, ...this.#context(), running: { turnId: request.turnId, taskId } });
  }

  async #keep(task: Pick<Memory, "taskId" | "isOpen">): Promise<void> {
    const { request, io } = this.#turn;
    await remember(io.session, { ...this.#context(), ...task, heardUntil: request.trigger.messageId });
  }

  #context(): Pick<Memory, "contextId"> {
    const contextId = this.#reply.contextId ?? this.#memory.contextId;
    return contextId === undefined ? {} : { contextId };
  }
}
