/**
 * What went wrong between an agent and Parley.
 *
 * `address`: the address is none. `replaced`: another process has dialled in with the same token. `revoked`: the token or the agent is gone. `unauthenticated`: the
 * token is wrong. `protocol`: Parley and this client do not understand one another. `closed`: this client was closed. `turn_over`: the
 * turn has ended, and nothing more of it is taken. `reply_invalid`, `reply_too_large`: what was to be said is no reply. `refused`: Parley
 * said no to a call.
 */
export type AgentClientErrorCode =
  | "address"
  | "replaced"
  | "revoked"
  | "unauthenticated"
  | "protocol"
  | "closed"
  | "turn_over"
  | "reply_invalid"
  | "reply_too_large"
  | "refused";

/** The one error that the client throws; its message says what to do. */
export class AgentClientError extends Error {
  readonly code: AgentClientErrorCode;

  constructor(code: AgentClientErrorCode, message: string) {
    super(message);
    this.name = "AgentClientError";
    this.code = code;
  }
}
