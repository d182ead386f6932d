import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { CLOSE_CODES, DIAL_IN_PROTOCOL, MAX_FRAME_BYTES, REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { DialInConnection } from "./connection.ts";
import type { TurnFrame } from "./frames.ts";
import { awayError, DialInTurn, type TurnParts } from "./turn.ts";

/** Turns that are over and still known as such, so that late words are told from made-up ones. */
const MAX_ENDED = 1_000;
/** Late frames of one turn that is over before their sender is disconnected: more than can be under way when it ends. */
const MAX_LATE_FRAMES = 2_000;

/** One agent at this process: its connection, if it has one here, and its turns that run here. */
export class Seat {
  readonly #turns = new Map<string, DialInTurn>();
  readonly #ended = new Map<string, number>();
  #connection: DialInConnection | undefined;

  get connection(): DialInConnection | undefined {
    return this.#connection;
  }

  get turns(): number {
    return this.#turns.size;
  }

  /** Puts the newest connection in the place of any other, which is told; goes on with the turns that the agent still has. */
  attach(connection: DialInConnection, heartbeatMs: number): void {
    const older = this.#connection;
    this.#connection = connection;
    older?.refuse(REFUSALS.replaced, "The same token has dialled in again; the newer connection has the agent.");
    older?.close(CLOSE_CODES.replaced, "the same token has dialled in again");
    const { agentId, handle, name } = connection.principal;
    const named = new Map(connection.hello.turns.map((turn) => [turn.turnId, turn]));
    const goesOn = (turn: DialInTurn): boolean => {
      const still = named.get(turn.request.turnId);
      return still?.attempt === turn.request.attempt && still.sent >= turn.received;
    };
    connection.send({
      type: "welcome",
      protocol: DIAL_IN_PROTOCOL,
      connectionId: connection.id,
      agent: { agentId, handle, name },
      heartbeatMs,
      maxFrameBytes: MAX_FRAME_BYTES,
      turns: [...named.keys()].map((turnId) => {
        const turn = this.#turns.get(turnId);
        return turn !== undefined && goesOn(turn)
          ? { turnId, state: "continue", received: turn.received }
          : { turnId, state: "ended", received: 0 };
      }),
    });
    for (const turn of this.#turns.values()) {
      if (goesOn(turn)) turn.resume(connection);
      else if (turn.mayBeUnknown) turn.give(connection);
      // The agent has had it and has forgotten it, perhaps because it died of it: the next attempt begins anew, and attempts are counted.
      else turn.fail(forgotten());
    }
  }

  /** A connection is over; unless a newer one has its place, the turns wait. */
  detach(connection: DialInConnection): boolean {
    if (this.#connection !== connection) return false;
    this.#connection = undefined;
    for (const turn of this.#turns.values()) turn.drop();
    return true;
  }

  begin(request: TurnRequest, io: TurnIo, parts: TurnParts): DialInTurn {
    this.#turns.get(request.turnId)?.fail(new ParleyError("LEASE_LOST", { detail: "a newer attempt has begun" }));
    const turn = new DialInTurn(request, io, parts);
    this.#turns.set(request.turnId, turn);
    this.#ended.delete(request.turnId);
    if (this.#connection === undefined) turn.waitForAgent();
    else turn.give(this.#connection);
    return turn;
  }

  /** Forgets a turn that is over, but for its id. */
  end(turn: DialInTurn): void {
    const { turnId } = turn.request;
    if (this.#turns.get(turnId) !== turn) return;
    this.#turns.delete(turnId);
    this.#ended.set(turnId, 0);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }

  take(connection: DialInConnection, frame: TurnFrame, bytes: number): void {
    const turn = this.#turns.get(frame.turnId);
    if (turn === undefined) this.#refuseLate(connection, frame.turnId);
    else turn.take(frame, bytes);
  }

  /** A frame of this connection was too large to be read: it is known whose it was where the agent has but one turn. */
  overflow(connection: DialInConnection): void {
    const open = [...this.#turns.values()].filter((turn) => turn.isOn(connection));
    for (const turn of open) turn.overflow(open.length === 1);
  }

  /** Gives up the turns that wait here although their agent is elsewhere. */
  releaseWaiting(): void {
    for (const turn of this.#turns.values()) if (turn.isAway) turn.fail(awayError(0));
  }

  #refuseLate(connection: DialInConnection, turnId: string): void {
    const late = this.#ended.get(turnId);
    if (late === undefined) {
      connection.refuse(REFUSALS.turnUnknown, "This agent has no such turn.", { turnId });
      return;
    }
    this.#ended.set(turnId, late + 1);
    if (late === 0) connection.refuse(REFUSALS.turnEnded, "The turn is over; nothing more of it is taken.", { turnId });
    if (late < MAX_LATE_FRAMES) return;
    connection.close(CLOSE_CODES.protocolError, "it does not stop talking of a turn that is over");
  }
}

function forgotten(): ParleyError {
  return new ParleyError("AGENT_UNAVAILABLE", {
    detail: "the agent came back without the turn that it was in the middle of",
    facts: { away: true, forgotten: true },
  });
}
