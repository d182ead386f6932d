/** Which calls of the client-server API something is about; what is left out does not matter. */
export interface CallMatch {
  readonly method?: string;
  /** Looked for in the decoded path, without the query. */
  readonly path?: RegExp;
  readonly roomId?: string;
  /** Access token of the caller. */
  readonly token?: string;
}

/** One call as it reached the proxy. */
export interface Call {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Of the header or, as some clients still do, of the query. */
  readonly token: string | undefined;
}

/** Paths of calls that write messages, in the order in which people think of them. */
export const CALLS = {
  sync: /^\/_matrix\/client\/[^/]+\/sync$/u,
  send: /^\/_matrix\/client\/[^/]+\/rooms\/[^/]+\/send\//u,
  redact: /^\/_matrix\/client\/[^/]+\/rooms\/[^/]+\/redact\//u,
  messages: /^\/_matrix\/client\/[^/]+\/rooms\/[^/]+\/messages$/u,
  upload: /^\/_matrix\/media\/[^/]+\/upload/u,
} as const;

export function isMatch(call: Call, match: CallMatch): boolean {
  return (
    (match.method === undefined || match.method === call.method) &&
    (match.path === undefined || match.path.test(call.path)) &&
    (match.roomId === undefined || call.path.split("/").includes(match.roomId)) &&
    (match.token === undefined || match.token === call.token)
  );
}
