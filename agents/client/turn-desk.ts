import { inspect } from "node:util";
import type { ToolAccess, TranscriptMessage, TurnRequest } from "../../src/contracts/connector.ts";
import {
  type AgentFrameInput,
  type OfferedTool,
  type ParleyFrame,
  REFUSALS,
} from "../../src/contracts/dial-in-protocol.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { AgentClientError } from "./client-error.ts";
import { FinishedReplies } from "./finished-replies.ts";
import { PendingCalls } from "./pending-calls.ts";
import { SteeringQueue } from "./steering-queue.ts";
import { readTurnFile } from "./turn-files.ts";
import { TurnLog } from "./turn-log.ts";
import { createTurnReply, type TurnReply } from "./turn-reply.ts";
import { problemOf } from "./turn-tools.ts";

/** One turn as a handler gets it: what was asked and where, and how to notice that it is over. */
export interface AgentTurn extends TurnRequest {
  /** The words of the message that asked. */
  readonly text: string;
  /** What `reply.tools.call` can name. */
  readonly tools: readonly OfferedTool[];
  /** Where the same tools answer by MCP, for agents that speak it. */
  readonly toolAccess?: ToolAccess;
  /** The bytes of a file in the turn's messages (blocks of the type `media`). Each can be read once. */
  readFile(mediaId: string): Promise<Uint8Array>;
  /** Aborts when the turn is over for the agent: stopped by people, out of time, or the connection ended for good. */
  readonly signal: AbortSignal;
  /** Messages that arrive during the turn; only with `steer: true`. Ends with the turn. */
  readonly steering: AsyncIterable<TranscriptMessage>;
}

/** Answers one turn by `reply`, or by the text it returns. What it throws becomes one notice in the conversation, without its words. */
export type TurnHandler = (turn: AgentTurn, reply: TurnReply) => Promise<string | void> | string | void;

type TurnStart = Extract<ParleyFrame, { type: "turn_start" }>;
type Named = Extract<ParleyFrame, { type: "welcome" }>["turns"];

interface LiveTurn {
  readonly log: TurnLog;
  readonly controller: AbortController;
  readonly steering: SteeringQueue;
  readonly calls: PendingCalls;
  isPumpDue: boolean;
}

/** The turns of one agent: runs the handler for each, once, and sees that Parley gets the whole reply whatever happens to the connection. */
export class TurnDesk {
  readonly #handler: TurnHandler;
  readonly #send: (frame: AgentFrameInput) => boolean;
  readonly #log: (line: string) => void;
  readonly #live = new Map<string, LiveTurn>();
  readonly #finished = new FinishedReplies();
  readonly #idle: (() => void)[] = [];
  #takesTurns = true;

  constructor(
    handler: TurnHandler,
    ports: { readonly send: (frame: AgentFrameInput) => boolean; readonly log: (line: string) => void },
  ) {
    this.#handler = handler;
    this.#send = ports.send;
    this.#log = ports.log;
  }

  /** For `hello`. */
  named(): { turnId: string; attempt: number; sent: number }[] {
    return [...this.#live.values()].map(({ log }) => ({ turnId: log.turnId, attempt: log.attempt, sent: log.length }));
  }

  welcome(named: Named): void {
    const states = new Map(named.map((turn) => [turn.turnId, turn]));
    for (const live of this.#live.values()) {
      const turn = states.get(live.log.turnId);
      if (turn?.state !== "continue") {
        this.#leave(live, "Parley has ended the turn");
        continue;
      }
      live.log.rewind(turn.received);
      live.calls.sendAgain();
      this.#pump(live);
    }
  }

  take(frame: ParleyFrame): void {
    switch (frame.type) {
      case "turn_start":
        this.#start(frame);
        break;
      case "turn_message":
        this.#live.get(frame.turnId)?.steering.push(frame.message);
        break;
      case "turn_cancel":
        this.#over(frame.turnId, frame.reason);
        break;
      case "turn_end":
        this.#over(frame.turnId, "the turn is over");
        break;
      case "event_ack":
        this.#acknowledge(frame.turnId, frame.n);
        break;
      case "tool_result":
        this.#settle(frame, (calls) =>
          frame.ok ? calls.answer(frame.callId, frame.result) : calls.refuse(frame.callId, wordsOf(frame.result)),
        );
        break;
      case "request_result":
        this.#settle(frame, (calls) => calls.answer(frame.callId, frame.outcome));
        break;
      case "error":
        this.#refused(frame);
        break;
      default:
    }
  }

  /** Takes no further turns, and resolves when those that run are over. */
  drain(): Promise<void> {
    this.#takesTurns = false;
    if (this.#live.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  end(error: AgentClientError): void {
    this.#takesTurns = false;
    for (const live of this.#live.values()) this.#leave(live, error.message);
  }

  #start(frame: TurnStart): void {
    const { turnId, attempt } = frame.turn;
    const known = this.#live.get(turnId) ?? this.#revive(turnId);
    if (known === undefined && !this.#takesTurns) return;
    this.#send({ type: "turn_accept", turnId, attempt });
    if (known !== undefined) {
      // Given again after a crash of Parley: it is the same work, and its reply is said again from the beginning.
      known.log.restart(attempt);
      known.calls.sendAgain();
      this.#pump(known);
      return;
    }
    const live = createLive(new TurnLog(turnId, attempt), this.#send);
    this.#live.set(turnId, live);
    void this.#run(live, frame);
  }

  #revive(turnId: string): LiveTurn | undefined {
    const log = this.#finished.take(turnId);
    if (log === undefined) return undefined;
    const live = createLive(log, this.#send);
    this.#live.set(turnId, live);
    return live;
  }

  async #run(live: LiveTurn, { turn: request, tools = [], files = [], toolAccess }: TurnStart): Promise<void> {
    const { log, controller, calls, steering } = live;
    const { signal } = controller;
    const reply = createTurnReply(log, calls, { signal, pump: () => this.#pump(live) });
    try {
      const turn = {
        ...request,
        text: request.trigger.text,
        signal,
        steering,
        tools,
        readFile: (mediaId: string) => readTurnFile(mediaId, { files, signal }),
        ...(toolAccess === undefined ? {} : { toolAccess }),
      };
      const text = await this.#handler(turn, reply);
      if (signal.aborted) return;
      if (typeof text === "string") log.text(text);
      const usage = reply.lastUsage();
      log.event({ type: "done", stopReason: "end", ...(usage === undefined ? {} : { usage }) });
    } catch (thrown) {
      if (signal.aborted) return;
      this.#log(`The turn ${log.turnId} failed: ${inspect(thrown)}`);
      log.fail();
    }
    this.#pump(live);
  }

  /** Sends at the end of the current step, so that pieces of text written in one go travel together. */
  #pump(live: LiveTurn): void {
    if (live.isPumpDue) return;
    live.isPumpDue = true;
    queueMicrotask(() => {
      live.isPumpDue = false;
      if (!this.#live.has(live.log.turnId)) return;
      for (const frame of live.log.take()) {
        // What did not leave is taken again after the next welcome, which rewinds.
        if (!this.#send(frame)) return;
      }
    });
  }

  #acknowledge(turnId: string, n: number): void {
    const live = this.#live.get(turnId);
    if (live === undefined) return;
    live.log.acknowledge(n);
    this.#pump(live);
  }

  #over(turnId: string, reason: string): void {
    const live = this.#live.get(turnId);
    if (live !== undefined) this.#leave(live, reason);
  }

  #leave(live: LiveTurn, reason: string): void {
    const error = new AgentClientError("turn_over", reason);
    this.#live.delete(live.log.turnId);
    if (live.log.isAnswered) this.#finished.keep(live.log);
    live.controller.abort(error);
    live.steering.end();
    live.calls.end(error);
    if (this.#live.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #settle(of: { readonly turnId: string }, settle: (calls: PendingCalls) => void): void {
    const live = this.#live.get(of.turnId);
    if (live !== undefined) settle(live.calls);
  }

  #refused({ callId, turnId, code, message }: Extract<ParleyFrame, { type: "error" }>): void {
    const live = turnId === undefined ? undefined : this.#live.get(turnId);
    if (live !== undefined && callId !== undefined) return live.calls.refuse(callId, message);
    if (live !== undefined && code === REFUSALS.eventGap) {
      live.log.repeat();
      return this.#pump(live);
    }
    // What was under way when a turn ended is refused once; that is how it goes.
    if (code === REFUSALS.turnEnded) return;
    this.#log(`Parley refused something${turnId === undefined ? "" : ` of the turn ${turnId}`}: ${message} (${code})`);
  }
}

function createLive(log: TurnLog, send: (frame: AgentFrameInput) => boolean): LiveTurn {
  return {
    log,
    controller: new AbortController(),
    steering: new SteeringQueue(),
    calls: new PendingCalls(send),
    isPumpDue: false,
  };
}

function wordsOf(result: JsonValue): string {
  return problemOf(result) ?? (typeof result === "string" ? result : JSON.stringify(result));
}
