import { ConnectionError, MatrixError } from "matrix-js-sdk/lib/http-api/errors.js";
import { MatrixHttpApi } from "matrix-js-sdk/lib/http-api/index.js";
import type { IHttpOpts } from "matrix-js-sdk/lib/http-api/interface.js";
import { Method } from "matrix-js-sdk/lib/http-api/method.js";
import { ClientPrefix } from "matrix-js-sdk/lib/http-api/prefix.js";
import { TypedEventEmitter } from "matrix-js-sdk/lib/models/typed-event-emitter.js";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { checkedFetch } from "./checked-fetch.ts";

export type SdkHttp = MatrixHttpApi<IHttpOpts & { onlyData: true }>;

export interface HomeserverAccess {
  readonly homeserverUrl: string;
  readonly accessToken: string;
  readonly fetch: typeof globalThis.fetch;
}

const TIMEOUT_MS = 30_000;
const DEFAULT_PAUSE_MS = 5_000;

/** The homeserver as the SDK's crypto module calls it. */
export function homeserver({ homeserverUrl, accessToken, fetch }: HomeserverAccess): SdkHttp {
  return new MatrixHttpApi(new TypedEventEmitter(), {
    baseUrl: homeserverUrl,
    prefix: ClientPrefix.V3,
    onlyData: true,
    accessToken,
    fetchFn: checkedFetch(fetch),
    localTimeoutMs: TIMEOUT_MS,
  });
}

/** Reads a state event's content; undefined when the room has none. Rejects with a ParleyError, `not_sent`. */
export async function readState(http: SdkHttp, roomId: string, type: string): Promise<unknown> {
  try {
    return await http.authedRequest<unknown>(Method.Get, `/rooms/${encodeURIComponent(roomId)}/state/${type}/`);
  } catch (error) {
    if (error instanceof MatrixError && error.errcode === "M_NOT_FOUND") return undefined;
    throw notSent(error);
  }
}

/** Reads the member events of a room as the homeserver knows it now. Rejects with a ParleyError, `not_sent`. */
export async function readMembers(http: SdkHttp, roomId: string): Promise<readonly unknown[]> {
  try {
    const answer = await http.authedRequest<{ chunk?: unknown }>(
      Method.Get,
      `/rooms/${encodeURIComponent(roomId)}/members`,
    );
    if (Array.isArray(answer.chunk)) return answer.chunk;
  } catch (error) {
    throw notSent(error);
  }
  throw unreadable("a room's members");
}

export function unreadable(what: string): ParleyError {
  return new ParleyError("PLATFORM_UNAVAILABLE", { detail: `the homeserver's answer about ${what} cannot be read` });
}

/** What went wrong before anything was sent. */
export function notSent(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  if (error instanceof MatrixError) {
    const { errcode = "none", httpStatus = 0 } = error;
    const facts = { errcode: /^[A-Z_.a-z0-9]{1,80}$/u.test(errcode) ? errcode : "unreadable", status: httpStatus };
    const detail = `the homeserver answered ${httpStatus} ${facts.errcode} while a message was being encrypted`;
    if (error.isRateLimitError())
      return new ParleyError("PLATFORM_RATE_LIMITED", { detail, facts, retryAfterMs: pauseOf(error) });
    if (errcode === "M_UNKNOWN_TOKEN" || httpStatus === 401)
      return new ParleyError("PLATFORM_UNAUTHORIZED", { detail, facts });
    if (errcode === "M_FORBIDDEN") return new ParleyError("PLATFORM_FORBIDDEN", { detail, facts });
    return new ParleyError("PLATFORM_UNAVAILABLE", { detail, facts, delivery: "not_sent" });
  }
  const detail =
    error instanceof ConnectionError
      ? "the homeserver could not be reached while a message was being encrypted"
      : "a message could not be encrypted";
  return new ParleyError("PLATFORM_UNAVAILABLE", { detail, cause: error, delivery: "not_sent" });
}

function pauseOf(error: MatrixError): number {
  try {
    return error.getRetryAfterMs() ?? DEFAULT_PAUSE_MS;
  } catch {
    return DEFAULT_PAUSE_MS; // a header that is no number
  }
}
