import { Agent, fetch as undiciFetch } from "undici";
import { ParleyError } from "../../src/errors/parley-error.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A sync answer over a long time away may be large; beyond this it is hostile. */
const MAX_ANSWER_BYTES = 134_217_728;
/** A long poll is silent for its whole time; each call brings its own deadline. */
const SILENCE_MS = 120_000;

export interface MatrixConnections {
  readonly fetch: typeof globalThis.fetch;
  /** Reads at most `maxBytes`; rejects with PAYLOAD_TOO_LARGE as soon as there are more. */
  download(
    url: URL,
    options: { readonly headers: Record<string, string>; readonly signal: AbortSignal; readonly maxBytes: number },
  ): Promise<{
    readonly status: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly mediaType: string | undefined;
  }>;
  /** Ends every request under way. */
  close(): Promise<void>;
}

/**
 * The fetch under the SDK: resolves when the whole body is here, so that the caller's signal also ends a body that stalls, and
 * follows no redirect, which could take a token elsewhere.
 */
export function createConnections(): MatrixConnections {
  const agent = new Agent({
    connections: 128,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    pipelining: 1,
    keepAliveTimeout: 4_000,
    allowH2: false,
  });
  const bounded = async (resource: Parameters<typeof globalThis.fetch>[0], init?: RequestInit): Promise<Response> => {
    const address = resource instanceof Request ? resource.url : String(resource);
    const answer = await undiciFetch(address, {
      method: init?.method ?? "GET",
      headers: headersOf(init),
      body: bodyOf(init?.body),
      signal: init?.signal ?? null,
      redirect: "manual",
      dispatcher: agent,
    });
    const bytes = await readBounded(answer.body, MAX_ANSWER_BYTES);
    const empty = answer.status === 204 || answer.status === 304;
    return new Response(empty ? null : bytes, { status: answer.status, headers: [...answer.headers] });
  };
  return {
    fetch: bounded,
    download: async (url, { headers, signal, maxBytes }) => {
      const answer = await undiciFetch(url, { headers, signal, redirect: "manual", dispatcher: agent });
      const bytes = await readBounded(answer.body, maxBytes);
      return { status: answer.status, bytes, mediaType: answer.headers.get("content-type") ?? undefined };
    },
    close: () => agent.destroy(),
  };
}

function headersOf(init: RequestInit | undefined): Record<string, string> {
  return Object.fromEntries(new Headers(init?.headers).entries());
}

function bodyOf(body: RequestInit["body"]): string | Uint8Array | null {
  if (body === undefined || body === null) return null;
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new TypeError("only texts and bytes are sent to a homeserver");
}

async function readBounded(body: AsyncIterable<Uint8Array> | null, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes)
      throw new ParleyError("PAYLOAD_TOO_LARGE", {
        detail: "the homeserver's answer is too large",
        facts: { maxBytes },
      });
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
