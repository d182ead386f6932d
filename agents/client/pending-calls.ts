import { randomUUID } from "node:crypto";
import type { AgentFrameInput } from "../../src/contracts/dial-in-protocol.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { RequestOutcome } from "../../src/contracts/turn-requests.ts";
import { AgentClientError } from "./client-error.ts";

type RequestFrame = Extract<AgentFrameInput, { type: "request" }>;
type ToolFrame = Extract<AgentFrameInput, { type: "tool_call" }>;

interface Waiting {
  readonly frame: RequestFrame | ToolFrame;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: AgentClientError) => void;
}

/**
 * Calls of one turn that wait for an answer of Parley; they outlive a drop, after which they are sent again under the same id and
 * carried out once.
 *
 * A Parley that has lost the turn asks people again for nothing, as their decision is durable. It cannot say whether a tool has acted: such
 * a call ends with `outcome_unknown` and is never repeated by itself.
 */
export class PendingCalls {
  readonly #waiting = new Map<string, Waiting>();
  readonly #send: (frame: AgentFrameInput) => boolean;

  constructor(send: (frame: AgentFrameInput) => boolean) {
    this.#send = send;
  }

  request(frame: Omit<RequestFrame, "type" | "callId">): Promise<RequestOutcome> {
    return this.#call<RequestOutcome>({ ...frame, type: "request", callId: randomUUID() });
  }

  tool(frame: Omit<ToolFrame, "type" | "callId">): Promise<JsonValue> {
    return this.#call<JsonValue>({ ...frame, type: "tool_call", callId: randomUUID() });
  }

  answer(callId: string, answer: RequestOutcome | JsonValue): void {
    // Each call is answered by the frame that belongs to its kind.
    this.#take(callId)?.resolve(answer as never);
  }

  refuse(callId: string, message: string): void {
    this.#take(callId)?.reject(new AgentClientError("refused", message));
  }

  /** Parley has the turn still. */
  sendAgain(): void {
    for (const { frame } of this.#waiting.values()) this.#send(frame);
  }

  /** Parley has lost the turn, and gives it again. */
  startAgain(): void {
    for (const [callId, { frame, reject }] of this.#waiting) {
      if (frame.type === "request") continue;
      this.#waiting.delete(callId);
      const message = `Parley was gone before ${frame.name} had answered; whether it has acted is not known`;
      reject(new AgentClientError("outcome_unknown", message));
    }
    this.sendAgain();
  }

  end(error: AgentClientError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #call<Answer>(frame: RequestFrame | ToolFrame): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(frame.callId, { frame, resolve, reject });
      this.#send(frame);
    });
  }

  #take(callId: string): Waiting | undefined {
    const waiting = this.#waiting.get(callId);
    this.#waiting.delete(callId);
    return waiting;
  }
}
