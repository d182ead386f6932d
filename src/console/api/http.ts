export const API_PREFIX = "/api/web";
/** What operators may do, and with their session the owners of the organization. */
const OPERATOR_PREFIX = "/api";
const REQUEST_TIMEOUT_MS = 20_000;

/** A request that failed: `status` 0 when no answer came (offline, timeout), so that it may or may not have taken effect. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** True when the same request may succeed later without the person changing anything. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** A route of operators, and not of the room. */
  readonly operator?: boolean;
}

/**
 * One call of the API on the same origin; resolves with the parsed body, or undefined when the answer has none.
 *
 * Throws ApiError for every failure, with the server's own sentence where it gave one.
 */
export async function request(path: string, options: RequestOptions = {}): Promise<unknown> {
  const url = new URL((options.operator === true ? OPERATOR_PREFIX : API_PREFIX) + path, window.location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: options.method ?? "GET",
      credentials: "same-origin",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(options.body === undefined
        ? {}
        : { body: JSON.stringify(options.body), headers: { "content-type": "application/json" } }),
    });
    text = await response.text();
  } catch (cause) {
    const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
    throw new ApiError(0, "UNREACHABLE", timedOut ? "Parley did not answer in time." : "Parley cannot be reached.");
  }
  const body = parseJson(text);
  if (!response.ok) throw failureFrom(response.status, body);
  return body;
}

/** The failure that a status and a body stand for; the sentence falls back to a general one. */
export function failureFrom(status: number, body: unknown): ApiError {
  if (hasKeys(body, ["error"]) && hasKeys(body["error"], ["code", "message"])) {
    const { code, message, retryAfterMs } = body["error"];
    return new ApiError(
      status,
      String(code),
      String(message),
      typeof retryAfterMs === "number" ? retryAfterMs : undefined,
    );
  }
  return new ApiError(status, "UNEXPECTED", `Parley answered with an error (${status}).`);
}

/** Guarantees that an answer is an object with these members; throws ApiError when the server is not the one expected. */
export function expectKeys<Shape>(body: unknown, keys: readonly (keyof Shape & string)[]): Shape {
  if (!hasKeys(body, keys))
    throw new ApiError(502, "UNEXPECTED", "Parley gave an answer that this page does not understand.");
  return body as Shape; // checked by the test that compares these shapes with the server's schemas
}

export function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hasKeys(value: unknown, keys: readonly string[]): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && keys.every((key) => Object.hasOwn(value, key));
}
