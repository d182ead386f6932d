import { Agent, FormData, request } from "undici";

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What the body says; undefined without one. */
  readonly body: unknown;
}

export interface RestCall {
  readonly json?: unknown;
  readonly file?: { readonly name: string; readonly text: string };
  readonly token?: string | undefined;
  readonly timeoutMs?: number;
}

/** Calls the stand-in without any library between. Connections are not reused, so that one that is cut harms no other call. */
export async function restCall(apiUrl: string, route: string, call: RestCall = {}): Promise<RestAnswer> {
  const [method = "GET", path = ""] = route.split(" ");
  const dispatcher = new Agent({
    pipelining: 0,
    ...(call.timeoutMs === undefined ? {} : { headersTimeout: call.timeoutMs }),
  });
  try {
    const answer = await request(`${apiUrl}/v10${path}`, {
      method: method as "GET", // undici knows the methods by name
      dispatcher,
      headers: {
        ...(call.token === undefined ? {} : { authorization: `Bot ${call.token}` }),
        ...(call.json === undefined || call.file !== undefined ? {} : { "content-type": "application/json" }),
      },
      ...bodyOf(call),
    });
    const text = await answer.body.text();
    const isJson = String(answer.headers["content-type"]).startsWith("application/json");
    const body: unknown = isJson ? JSON.parse(text) : text === "" ? undefined : text;
    return { status: answer.statusCode, headers: answer.headers, body };
  } finally {
    await dispatcher.close();
  }
}

function bodyOf({ json, file }: RestCall): { body?: string | FormData } {
  if (file === undefined) return json === undefined ? {} : { body: JSON.stringify(json) };
  const form = new FormData();
  form.append("payload_json", JSON.stringify(json ?? {}));
  form.append("files[0]", new Blob([file.text]), file.name);
  return { body: form };
}
