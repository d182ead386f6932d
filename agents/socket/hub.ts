import type { AgentReach, TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import type { DialInPort, DialInPrincipal, DialInReceiver, DialInSocket } from "../../src/contracts/dial-in.ts";
import { CLOSE_CODES, MAX_FRAME_BYTES, REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { DialInConnection } from "./connection.ts";
import { type HelloFrame, readFrame } from "./frames.ts";
import { Seat } from "./seat.ts";
import type { DialInTurn } from "./turn.ts";
import { TurnStarts } from "./turn-start.ts";

/** Time between two pings, in ms; an agent that answers neither of two is taken for gone. */
export const HEARTBEAT_MS = 15_000;
/** How long a socket may take to say who it is, in ms. */
const HELLO_WITHIN_MS = 5_000;
const LEAVE = "this process is about to end; dial in again";

/** What a connection was, for whoever keeps who is there. */
export interface AttachedAgent {
  readonly connectionId: string;
  readonly principal: DialInPrincipal;
  /** Name and version of its client. */
  readonly client: string;
}

/** Where it is kept which connection has which agent, for all processes. */
export interface ConnectionBook {
  verify(token: string): Promise<DialInPrincipal | undefined>;
  /** The agent is this connection's from now on, in every process; false when its token is no longer good. */
  attached(agent: AttachedAgent): Promise<boolean>;
  detached(agent: AttachedAgent): Promise<void>;
  /** Says that these connections live; resolves with those that still have their agents. */
  beat(connectionIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Whether an agent that is not here is attached to another process, as far as is known. */
  isElsewhere(agentId: string): boolean;
}

export interface DialInHubOptions {
  readonly book: ConnectionBook;
  readonly newId: (prefix: string) => string;
  readonly logger: Logger;
  /** Told of each agent that can be given turns from now on. */
  readonly onAttached?: (agentId: string) => void;
  /** Default: HEARTBEAT_MS. */
  readonly heartbeatMs?: number;
}

/** Guarantees that each agent that dials in has one connection, the newest, and that its turns outlive any of them. */
export class DialInHub implements DialInPort {
  readonly #options: DialInHubOptions;
  readonly #heartbeatMs: number;
  readonly #seats = new Map<string, Seat>();
  /** Agents are attached one connection after the other, so that here and in the ledger the same one is the newest. */
  readonly #attaching = new Map<string, Promise<void>>();
  readonly #starts = new TurnStarts();
  #strangers = 0;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DialInHubOptions) {
    this.#options = options;
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
  }

  verify(token: string): Promise<DialInPrincipal | undefined> {
    return this.#options.book.verify(token);
  }

  strangers(): number {
    return this.#strangers;
  }

  /** Agents that are attached here. */
  connections(): readonly AttachedAgent[] {
    return [...this.#seats.values()].flatMap(({ connection }) =>
      connection === undefined ? [] : [agentOf(connection)],
    );
  }

  connectionOf(agentId: string): DialInConnection | undefined {
    return this.#seats.get(agentId)?.connection;
  }

  reach(agentId: string): AgentReach {
    const seat = this.#seats.get(agentId);
    if (seat?.connection === undefined) return this.#options.book.isElsewhere(agentId) ? "elsewhere" : "away";
    return seat.turns < seat.connection.hello.capabilities.maxTurns ? "now" : "busy";
  }

  accept(socket: DialInSocket, known: DialInPrincipal | undefined): DialInReceiver {
    let connection: DialInConnection | undefined;
    let isGone = false;
    let isGreeted = false;
    this.#strangers += 1;
    const settle = (): void => {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      this.#strangers -= 1;
    };
    const refuse = (code: number, refusal: string, message: string): void => {
      settle();
      socket.resume();
      socket.send(JSON.stringify({ type: "error", code: refusal, message }));
      socket.close(code, message);
      setTimeout(() => socket.terminate(), 1_000).unref();
    };
    let timer: NodeJS.Timeout | undefined = setTimeout(
      () => refuse(CLOSE_CODES.protocolError, REFUSALS.frameInvalid, "No hello came in time."),
      HELLO_WITHIN_MS,
    ).unref();
    if (this.#isClosed) refuse(CLOSE_CODES.draining, REFUSALS.frameInvalid, LEAVE);

    const greet = async (hello: HelloFrame): Promise<void> => {
      socket.pause();
      const principal = known ?? (hello.token === undefined ? undefined : await this.verify(hello.token));
      if (principal === undefined)
        return refuse(
          CLOSE_CODES.unauthenticated,
          REFUSALS.unauthenticated,
          "The token is not valid, or its agent was stopped.",
        );
      await this.#inTurn(principal.agentId, async () => {
        if (isGone || this.#isClosed) return;
        const made = new DialInConnection(socket, { id: this.#options.newId("c"), principal, hello }, () =>
          this.#left(made),
        );
        if (!(await this.#options.book.attached(agentOf(made))))
          return refuse(CLOSE_CODES.revoked, REFUSALS.revoked, "The token was revoked.");
        settle();
        if (isGone) return await this.#options.book.detached(agentOf(made));
        connection = made;
        this.#seat(principal.agentId).attach(made, this.#heartbeatMs);
        socket.resume();
        this.#options.onAttached?.(principal.agentId);
      });
    };

    return {
      message: (bytes) => {
        if (connection !== undefined) return this.#hear(connection, bytes);
        if (timer === undefined) return;
        const read = isGreeted ? undefined : readFrame(bytes);
        if (read === undefined || !("frame" in read) || read.frame.type !== "hello")
          return refuse(CLOSE_CODES.protocolError, REFUSALS.frameInvalid, helloProblem(read));
        isGreeted = true;
        void greet(read.frame).catch((error: unknown) => {
          this.#options.logger.warn({ err: error }, "an agent that dialled in could not be taken");
          refuse(1013, REFUSALS.unauthenticated, "Parley cannot take the agent now; dial in again in a moment.");
        });
      },
      tooLarge: () => {
        if (connection !== undefined) this.#overflow(connection);
      },
      closed: () => {
        isGone = true;
        settle();
        connection?.gone();
      },
    };
  }

  /** Runs a turn at its agent; the caller ends it by `end`. */
  begin(request: TurnRequest, io: TurnIo, how: { readonly resumeWithinMs: number }): DialInTurn {
    return this.#seat(request.agent.agentId).begin(request, io, { starts: this.#starts, ...how });
  }

  end(turn: DialInTurn): void {
    const { agentId } = turn.request.agent;
    const seat = this.#seats.get(agentId);
    seat?.end(turn);
    if (this.#isClosed) this.#sendAway(seat);
    this.#tidy(agentId);
  }

  /**
   * The agent is with another process now: the connection that it had here is told and closed, and what waits for it here is given up.
   *
   * `connectionId` is the one it had here when that was found out, undefined for none; one that came later stays.
   */
  yieldAgent(agentId: string, connectionId: string | undefined): void {
    const seat = this.#seats.get(agentId);
    if (seat === undefined || seat.connection?.id !== connectionId) return;
    seat.connection?.refuse(
      REFUSALS.replaced,
      "The same token has dialled in elsewhere; the newer connection has the agent.",
    );
    seat.connection?.close(CLOSE_CODES.replaced, "the same token has dialled in elsewhere");
    seat.releaseWaiting();
  }

  /** The agent was removed or stopped, or its token is no longer good. */
  revoke(agentId: string, why: string): void {
    const connection = this.connectionOf(agentId);
    connection?.refuse(REFUSALS.revoked, why);
    connection?.close(CLOSE_CODES.revoked, why);
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#beat(), this.#heartbeatMs).unref();
  }

  /** Takes nobody more, and tells each agent to dial in again elsewhere as soon as it has no turn here. */
  drain(): void {
    this.#isClosed = true;
    for (const seat of this.#seats.values()) this.#sendAway(seat);
  }

  /** Ends what is left, turns or not. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isClosed = true;
    for (const { connection } of this.#seats.values()) connection?.close(CLOSE_CODES.draining, LEAVE);
    await Promise.allSettled(this.#attaching.values());
  }

  #sendAway(seat: Seat | undefined): void {
    if (seat?.turns === 0) seat.connection?.close(CLOSE_CODES.draining, LEAVE);
  }

  #hear(connection: DialInConnection, bytes: Uint8Array): void {
    if (connection.isOver) return;
    connection.heard();
    if (bytes.byteLength > MAX_FRAME_BYTES) return this.#overflow(connection);
    const read = readFrame(bytes);
    if (!("frame" in read)) {
      const { problem, ...ids } = read;
      return connection.refuse(REFUSALS.frameInvalid, `The frame was refused: ${problem}.`, ids);
    }
    const { frame } = read;
    if (frame.type === "pong") return;
    if (frame.type === "hello") return connection.refuse(REFUSALS.frameInvalid, "Hello was said already.");
    this.#seats.get(connection.principal.agentId)?.take(connection, frame, bytes.byteLength);
  }

  #overflow(connection: DialInConnection): void {
    this.#seats.get(connection.principal.agentId)?.overflow(connection);
    connection.close(CLOSE_CODES.frameTooLarge, `a frame has at most ${MAX_FRAME_BYTES} bytes`);
  }

  #left(connection: DialInConnection): void {
    const { agentId } = connection.principal;
    const seat = this.#seats.get(agentId);
    if (seat === undefined || !seat.detach(connection)) return;
    this.#tidy(agentId);
    void this.#inTurn(agentId, () => this.#options.book.detached(agentOf(connection))).catch((error: unknown) =>
      this.#options.logger.warn({ err: error, agentId }, "it could not be recorded that an agent left"),
    );
  }

  async #beat(): Promise<void> {
    const atMs = Date.now();
    for (const { connection } of this.#seats.values()) connection?.beat(atMs);
    const here = this.connections();
    try {
      const ours = await this.#options.book.beat(here.map(({ connectionId }) => connectionId));
      for (const { connectionId, principal } of here)
        if (!ours.has(connectionId)) this.yieldAgent(principal.agentId, connectionId);
    } catch (error) {
      this.#options.logger.warn({ err: error }, "the heartbeat of dial-in agents could not be recorded");
    }
  }

  #seat(agentId: string): Seat {
    const seat = this.#seats.get(agentId) ?? new Seat();
    this.#seats.set(agentId, seat);
    return seat;
  }

  #tidy(agentId: string): void {
    const seat = this.#seats.get(agentId);
    if (seat?.connection === undefined && seat?.turns === 0) this.#seats.delete(agentId);
  }

  #inTurn(agentId: string, work: () => Promise<void>): Promise<void> {
    const mine = (this.#attaching.get(agentId) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#attaching.set(agentId, mine);
    const forget = (): void => {
      if (this.#attaching.get(agentId) === mine) this.#attaching.delete(agentId);
    };
    mine.then(forget, forget);
    return mine;
  }
}

function agentOf({ id, principal, hello: { client } }: DialInConnection): AttachedAgent {
  return { connectionId: id, principal, client: `${client.name} ${client.version}` };
}

function helloProblem(read: ReturnType<typeof readFrame> | undefined): string {
  if (read === undefined) return "Wait for the welcome before anything else is said.";
  return "problem" in read ? `The hello was refused: ${read.problem}.` : "The first frame must be a hello.";
}
