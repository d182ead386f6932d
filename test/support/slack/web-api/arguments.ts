import type { IncomingMessage } from "node:http";
import { parse } from "node:querystring";
import { ApiError, invalidArguments } from "./api-error.ts";

/** The arguments of a Web API call, whether they came as a form, as JSON or in the query. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** The value as text; undefined when it is absent or empty. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined || value === null || value === "") return undefined;
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  needText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw invalidArguments(`missing required field: ${name}`);
    return value;
  }

  /** Undefined when absent, so that "not given" and "false" can differ. */
  flag(name: string): boolean | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : value === "true" || value === "1";
  }

  /** A page size: the default when absent, cut to the maximum. */
  limit(byDefault: number, max: number): number {
    const value = Number(this.text("limit") ?? byDefault);
    if (!Number.isInteger(value) || value < 0) throw new ApiError("invalid_limit");
    return value === 0 ? byDefault : Math.min(value, max);
  }

  /** A JSON value: parsed when it came as text, refused with the given code when it does not parse. */
  json(name: string, refusal = "invalid_arguments"): unknown {
    const value = this.#values[name];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string") return value;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      throw new ApiError(refusal);
    }
  }

  /** A JSON array; undefined when absent. */
  list(name: string, refusal = "invalid_arguments"): unknown[] | undefined {
    const value = this.json(name, refusal);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw new ApiError(refusal);
    return value;
  }
}

/** Reads a whole request body. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    request.on("error", reject);
    request.on("aborted", () => reject(new Error("the client went away")));
  });
}

/** Arguments from body and query by the content type, as Slack takes them. Broken JSON is `invalid_json`. */
export function parseArguments(contentType: string, body: Buffer, query: string): Record<string, unknown> {
  const values: Record<string, unknown> = query === "" ? {} : { ...parse(query) };
  if (body.length === 0) return values;
  if (contentType.startsWith("application/json")) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body.toString("utf8"));
    } catch {
      throw new ApiError("invalid_json");
    }
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new ApiError("json_not_object");
    return Object.assign(values, parsed);
  }
  if (contentType.startsWith("application/x-www-form-urlencoded") || contentType === "") {
    return Object.assign(values, parse(body.toString("utf8")));
  }
  throw new ApiError("invalid_post_type");
}
