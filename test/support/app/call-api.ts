/** Calls the API of a running Parley with a bearer token; the body is what JSON it answered, undefined for an empty answer. */
export async function callApi<T>(
  { url, token }: { readonly url: string; readonly token: string },
  { method, path, body }: { readonly method: string; readonly path: string; readonly body?: unknown },
): Promise<{ status: number; body: T }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as T }; // the test says what it asked for
}
