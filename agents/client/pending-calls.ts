import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { type AgentFrameInput, MAX_FRAME_BYTES } from "../../src/contracts/dial-in-protocol.ts";
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
 * Calls of one turn that wait for an answer of Parley. They outlive a drop and a crash of Parley: each is sent again under its id, and
 * what was carried out or decided already is answered and not done twice.
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

  sendAgain(): void {
    for (const { frame } of this.#waiting.values()) this.#send(frame);
  }

  end(error: AgentClientError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #call<Answer>(frame: RequestFrame | ToolFrame): Promise<Answer> {
    const bytes = Buffer.byteLength(JSON.stringify(frame));
    if (bytes > MAX_FRAME_BYTES) {
      const problem = `a call of ${bytes} bytes is over the limit of a frame, 1 MiB; reply.file takes larger files`;
      return Promise.reject(new AgentClientError("reply_too_large", problem));
    }
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
