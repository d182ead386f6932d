/** What the homeserver refused, in its own words. */
export class MatrixRefusal extends Error {
  override readonly name = "MatrixRefusal";
  readonly status: number;
  readonly errcode: string;

  constructor(call: string, status: number, errcode: string, words: string) {
    super(`${call}: ${status} ${errcode} ${words}`);
    this.status = status;
    this.errcode = errcode;
  }
}

export interface MatrixCall {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Instead of a body in JSON. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 30_000;

/** The client-server API on plain fetch: a second opinion on what an SDK does. */
export class MatrixApi {
  readonly url: string;
  readonly #token: string | undefined;
  readonly #actAs: string | undefined;

  /** With the token of an application service, `actAs` is the one of its users who acts. */
  constructor(url: string, accessToken?: string, actAs?: string) {
    this.url = url;
    this.#token = accessToken;
    this.#actAs = actAs;
  }

  /**
   * Calls and gives the answer's JSON. Its form is the caller's word: it comes from a Synapse, whose API is stable.
   *
   * @throws MatrixRefusal for every answer but 200.
   */
  async call<Answer = unknown>(method: string, path: string, call: MatrixCall = {}): Promise<Answer> {
    const answer = await this.#fetch(method, path, call);
    const text = await answer.text();
    const body: unknown = text === "" ? {} : JSON.parse(text);
    if (answer.ok) return body as Answer; // the parse boundary of the whole kit
    const { errcode = "", error = "" } = body as { errcode?: string; error?: string }; // Matrix's own form of errors
    throw new MatrixRefusal(`${method} ${path}`, answer.status, errcode, error);
  }

  /** Fetches what is no JSON. */
  async bytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await this.#fetch("GET", path, {});
    if (!answer.ok) throw new MatrixRefusal(`GET ${path}`, answer.status, "", await answer.text());
    return new Uint8Array(await answer.arrayBuffer());
  }

  #fetch(method: string, path: string, call: MatrixCall): Promise<Response> {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    if (this.#actAs !== undefined) url.searchParams.set("user_id", this.#actAs);
    const body = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    return fetch(url, {
      method,
      headers: {
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(body === undefined ? {} : { "content-type": call.contentType ?? "application/json" }),
      },
      ...(body === undefined ? {} : { body }),
      signal: call.signal ?? AbortSignal.timeout(TIMEOUT_MS),
    });
  }
}
