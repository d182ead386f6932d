import { RequestError } from "@agentclientprotocol/sdk";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { ChildEnd } from "./child.ts";

/** JSON-RPC error that asks for a login (protocol v1). */
const AUTH_REQUIRED = -32_000;

/** What it means that the agent's process ended; `wasGreeted` says that it had answered before. */
export function endToError(end: ChildEnd, wasGreeted: boolean): ParleyError {
  if (end.failedToStart !== undefined) {
    const detail = `the agent's process cannot be started (${end.failedToStart}): look at its command and cwd`;
    return new ParleyError("AGENT_UNAVAILABLE", { detail });
  }
  const how = end.signal === null ? `exit code ${end.exitCode ?? "unknown"}` : `signal ${end.signal}`;
  if (!wasGreeted) {
    const why =
      end.exitCode === 127
        ? "its command is not found"
        : end.exitCode === 126
          ? "its command cannot be executed"
          : `it ended before it spoke the protocol (${how})`;
    return new ParleyError("AGENT_UNAVAILABLE", { detail: `the agent's process cannot be started: ${why}` });
  }
  return new ParleyError("AGENT_CRASHED", { detail: `the agent's process ended in the middle (${how})` });
}

/** An error that the agent answered a request with; of its words, which may quote messages, nothing is kept. */
export function refusalToError(thrown: unknown, method: string, signIns: readonly string[]): ParleyError {
  if (thrown instanceof ParleyError) return thrown;
  if (!(thrown instanceof RequestError))
    return new ParleyError("AGENT_REPLY_INVALID", {
      detail: `the agent's answer to ${method} does not fit the protocol`,
    });
  if (thrown.code === AUTH_REQUIRED) {
    const ways = signIns.length === 0 ? "" : `; it knows: ${signIns.join(", ")}`;
    const detail = `the agent asks for a login: sign in where it runs, or give a key by env and its authMethod${ways}`;
    return new ParleyError("AGENT_NOT_CONFIGURED", { detail });
  }
  return new ParleyError("AGENT_CRASHED", { detail: `the agent answered ${method} with error ${thrown.code}` });
}

/** Whether the agent says that it does not know the session, or cannot take it up again. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof RequestError && thrown.code !== AUTH_REQUIRED;
}

/** Names of ways to sign in, as the agent calls them, where they look like names. */
export function signInsOf(methods: readonly { readonly id: string }[]): readonly string[] {
  return methods
    .map(({ id }) => id)
    .filter((id) => /^[\w.-]{1,64}$/.test(id))
    .slice(0, 8);
}
