import type { Core } from "../core.ts";
import type { DeliveryFaults } from "../faults/delivery-faults.ts";
import type { App, Wire } from "../model/records.ts";
import type { DeliveryAttempt, DeliveryRecord } from "../oracle/delivery-log.ts";
import { acknowledgementBody, type RequestOutcome, SignedRequests } from "./signed-request.ts";
import type { SocketMode } from "./socket-mode.ts";

/** What the app answered to a command or an interaction. */
export interface InteractionOutcome {
  readonly acknowledged: boolean;
  /** Why not: http_timeout, no_connection, ... */
  readonly reason?: string;
  readonly response: Wire;
}

/** Hands events, commands and interactions to apps, with Slack's timeouts and retries. */
export class EventDelivery {
  faults: DeliveryFaults = {};
  readonly #core: Core;
  readonly #sockets: SocketMode;
  readonly #http: SignedRequests;
  #closed = false;

  constructor(core: Core, sockets: SocketMode) {
    this.#core = core;
    this.#sockets = sockets;
    this.#http = new SignedRequests(core.options.delivery);
  }

  /** Events are retried; an app may get copies, late ones, and ones whose acknowledgement Slack never saw. */
  sendEvent(app: App, record: DeliveryRecord, body: Wire): void {
    const { random } = this.#core;
    const { duplicate, reorder, types } = this.faults;
    const afflicted = types === undefined || types.includes(record.type);
    let copies = 1;
    if (afflicted && duplicate !== undefined && random.chance(duplicate.probability)) {
      copies = random.between(2, Math.max(2, duplicate.maxCopies ?? 5));
    }
    this.#core.deliveries.add(record, copies);
    const text = app.transport === "http" ? JSON.stringify(body) : "";
    for (let copy = 0; copy < copies; copy++) {
      const delayed = afflicted && reorder !== undefined && random.chance(reorder.probability);
      if (delayed)
        this.#core.later(random.between(1, reorder.windowMs), () => this.#attempt(app, record, body, text, 0, ""));
      else this.#attempt(app, record, body, text, 0, "");
    }
  }

  /** Commands and interactions get one attempt; the person sees an error when it fails. */
  async sendInteraction(
    app: App,
    record: DeliveryRecord,
    payload: Wire,
    form: Record<string, string>,
  ): Promise<InteractionOutcome> {
    this.#core.deliveries.add(record);
    const attempt: DeliveryAttempt = { at: now() };
    record.attempts.push(attempt);
    if (app.transport === "socket") {
      const outcome = await this.#sockets.deliver(app, { type: record.kind, payload, accepts_response_payload: true });
      this.#finish(record, attempt, outcome.result);
      return outcome.result === "ok"
        ? { acknowledged: true, response: outcome.response ?? {} }
        : { acknowledged: false, reason: outcome.result, response: {} };
    }
    const url = (record.kind === "slash_commands" ? app.commandUrl : app.interactivityUrl) ?? app.requestUrl;
    if (url === undefined) throw new Error(`app ${app.id} has no request URL for ${record.kind}`);
    const body = new URLSearchParams(form).toString();
    const outcome = await this.#http.post(app, url, body, "application/x-www-form-urlencoded");
    if (outcome.status !== undefined) attempt.status = outcome.status;
    this.#finish(record, attempt, outcome.result);
    return outcome.result === "ok"
      ? { acknowledged: true, response: acknowledgementBody(outcome.body) }
      : { acknowledged: false, reason: outcome.result, response: {} };
  }

  /** Asks the request URL for the challenge, as Slack does when a URL is entered. */
  async verifyUrl(app: App): Promise<{ verified: boolean; outcome: RequestOutcome }> {
    if (app.requestUrl === undefined) throw new Error(`app ${app.id} has no request URL`);
    const challenge = this.#core.world.newSecret("ch");
    const body = JSON.stringify({ token: app.verificationToken, challenge, type: "url_verification" });
    const outcome = await this.#http.post(app, app.requestUrl, body, "application/json");
    const echoed = outcome.body === challenge || acknowledgementBody(outcome.body)["challenge"] === challenge;
    return { verified: outcome.result === "ok" && echoed, outcome };
  }

  close(): void {
    this.#closed = true;
    this.#http.close();
  }

  #attempt(app: App, record: DeliveryRecord, body: Wire, text: string, number: number, reason: string): void {
    if (this.#closed) return;
    const attempt: DeliveryAttempt = { at: now() };
    record.attempts.push(attempt);
    const conclude = (result: string, isFinal: boolean): void => {
      if (result === "ok" && this.#answerIsDropped(record)) {
        record.acknowledgedAt ??= now();
        this.#retry(app, record, body, text, number, app.transport === "socket" ? "timeout" : "http_timeout");
      } else if (result === "ok" || isFinal) this.#finish(record, attempt, result);
      else this.#retry(app, record, body, text, number, result);
      attempt.endedAt = now();
      attempt.result = result;
    };
    if (app.transport === "socket") {
      const envelope = {
        type: "events_api",
        payload: body,
        accepts_response_payload: false,
        retry_attempt: number,
        retry_reason: reason,
      };
      const { dropSocket } = this.faults;
      const dropSocketAfter = dropSocket !== undefined && this.#core.random.chance(dropSocket.probability);
      const avoid = record.attempts.at(-2)?.connectionId;
      void this.#sockets
        .deliver(app, envelope, { dropSocketAfter, ...(avoid === undefined ? {} : { avoid }) })
        .then((outcome) => {
          if (outcome.connectionId !== undefined) attempt.connectionId = outcome.connectionId;
          conclude(outcome.result, false);
        });
      return;
    }
    const url = app.requestUrl;
    if (url === undefined) return this.#finish(record, attempt, "connection_failed");
    const headers = number === 0 ? "" : `\r\nx-slack-retry-num: ${number}\r\nx-slack-retry-reason: ${reason}`;
    void this.#http.post(app, url, text, "application/json", headers).then((outcome) => {
      if (outcome.status !== undefined) attempt.status = outcome.status;
      conclude(outcome.result, outcome.noRetry === true);
    });
  }

  #retry(app: App, record: DeliveryRecord, body: Wire, text: string, number: number, reason: string): void {
    if (this.#closed) return;
    const delayMs = this.#core.options.delivery.retryDelaysMs[number];
    if (delayMs === undefined)
      this.#core.deliveries.settle(record, record.acknowledgedAt === undefined ? "given_up" : "acknowledged");
    else this.#core.later(delayMs, () => this.#attempt(app, record, body, text, number + 1, reason));
  }

  #answerIsDropped(record: DeliveryRecord): boolean {
    const { dropAnswer, types } = this.faults;
    if (dropAnswer === undefined || (types !== undefined && !types.includes(record.type))) return false;
    return this.#core.random.chance(dropAnswer.probability);
  }

  #finish(record: DeliveryRecord, attempt: DeliveryAttempt, result: string): void {
    attempt.endedAt = now();
    attempt.result = result;
    if (result === "ok") record.acknowledgedAt ??= attempt.endedAt;
    this.#core.deliveries.settle(record, result === "ok" ? "acknowledged" : "given_up");
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
