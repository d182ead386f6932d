import { z } from "zod";
import { findParley, type ParleyAddress } from "../config/find-parley.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** The HTTP API of a running Parley. Answers are checked against the schema that is asked for. */
export interface Client {
  readonly address: ParleyAddress;
  get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>>;
  post<Schema extends z.ZodType>(path: string, body: unknown, schema: Schema): Promise<z.output<Schema>>;
  delete(path: string): Promise<void>;
  /** The lines of a long answer as they come. */
  lines(path: string): AsyncGenerator<string>;
}

const TIMEOUT_MS = 60_000;
const UNAVAILABLE = 503;
const Failure = z.object({ error: z.object({ code: z.string(), message: z.string(), detail: z.string().optional() }) });

/** A client of the Parley that runs; throws a failure with exit code 69 and one line that says what to do when there is none. */
export async function connect(
  options: { readonly data?: string | undefined; readonly organization?: string | undefined },
  timeoutMs: number = TIMEOUT_MS,
): Promise<Client> {
  const { parley, dataFolder } = await findParley(options.data === undefined ? {} : { dataFolder: options.data });
  if (parley === undefined) throw notRunning(dataFolder);
  return createClient(parley, dataFolder, { timeoutMs, organization: options.organization });
}

export function createClient(
  address: ParleyAddress,
  dataFolder: string,
  { timeoutMs = TIMEOUT_MS, organization }: { timeoutMs?: number; organization?: string | undefined } = {},
): Client {
  const call = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const url = new URL(path, address.url);
    const headers: Record<string, string> = { authorization: `Bearer ${address.token}` };
    if (organization !== undefined) headers["parley-organization"] = organization;
    if (body !== undefined) headers["content-type"] = "application/json";
    const request = { method, headers, signal: AbortSignal.timeout(timeoutMs), redirect: "error" as const };
    const answer = await fetch(url, body === undefined ? request : { ...request, body: JSON.stringify(body) }).catch(
      (error: unknown) => {
        throw isRefused(error)
          ? notRunning(dataFolder, address)
          : new CommandFailure(EXIT.unavailable, `${address.url} does not answer: ${reasonOf(error)}`);
      },
    );
    if (answer.ok) return answer;
    const failure = Failure.safeParse(parse(await answer.text()));
    const message = failure.success
      ? (failure.data.error.detail ?? failure.data.error.message)
      : `it answered ${answer.status}`;
    const code = failure.success ? failure.data.error.code : undefined;
    throw new CommandFailure(answer.status === UNAVAILABLE ? EXIT.unavailable : EXIT.failed, message, code);
  };
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const text = await (await call(method, path, body)).text();
    return text === "" ? undefined : parse(text);
  };
  return {
    address,
    get: async (path, schema) => schema.parse(await ask("GET", path)),
    post: async (path, body, schema) => schema.parse(await ask("POST", path, body)),
    delete: async (path) => void (await ask("DELETE", path)),
    async *lines(path) {
      const { body } = await call("GET", path);
      if (body === null) return;
      let rest = "";
      for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        yield* lines;
      }
      if (rest !== "") yield rest;
    },
  };
}

function notRunning(dataFolder: string, address?: ParleyAddress): CommandFailure {
  const where =
    address === undefined || address.pid !== undefined ? `on the data folder ${dataFolder}` : `at ${address.url}`;
  const hint = 'start one with "npm start", or name another by --data, or by PARLEY_URL and PARLEY_TOKEN';
  return new CommandFailure(EXIT.unavailable, `No Parley is running ${where}: ${hint}.`);
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && (cause.code === "ECONNREFUSED" || cause.code === "ENOENT");
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
