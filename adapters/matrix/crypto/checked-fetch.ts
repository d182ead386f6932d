import * as z from "zod";

type Fetch = typeof globalThis.fetch;

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion */
const BackupVersion = z.object({
  algorithm: z.literal("m.megolm_backup.v1.curve25519-aes-sha2"),
  auth_data: z.object({
    public_key: z.string().regex(/^[A-Za-z0-9+/]{42}[A-Za-z0-9+/=]=?$/u),
    signatures: z.record(z.string(), z.record(z.string(), z.string())).optional(),
  }),
  version: z.string().min(1),
});

/**
 * A fetch whose answers about key backup are well-formed, or an error of the homeserver.
 *
 * The SDK looks for a backup in the background, at a time of its own, and what it cannot read there rejects where nobody
 * listens, which ends a Node process. A refusal by the homeserver it expects.
 */
export function checkedFetch(fetch: Fetch): Fetch {
  return async (resource, init) => {
    const answer = await fetch(resource, init);
    const path = new URL(String(resource instanceof Request ? resource.url : resource)).pathname;
    const asks = (init?.method ?? "GET") === "GET" && /\/room_keys\/version(\/[^/]*)?$/u.test(path);
    if (!asks || !answer.ok) return answer;
    const text = await answer.text();
    return BackupVersion.safeParse(parsed(text)).success
      ? new Response(text, { status: answer.status, headers: { "content-type": "application/json" } })
      : Response.json({ errcode: "M_BAD_JSON", error: "the answer is no key backup" }, { status: 502 });
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
