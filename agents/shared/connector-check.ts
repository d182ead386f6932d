import type { ConnectorCheck } from "../../src/contracts/connector.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import type { GuardedHttp, HttpCall } from "./guarded-http.ts";
import { failedResponseToError } from "./http-errors.ts";

/** The check that failed with what was thrown, in words for whoever set the agent up. */
export function failedCheck(thrown: unknown): ConnectorCheck {
  const error = toParleyError(thrown, "AGENT_UNAVAILABLE");
  return { ok: false, detail: error.detail ?? error.row.userText };
}

/** Asks for the headers of an address, without a turn; an agent that takes POST alone may answer 404 or 405 and is there. */
export async function checkAddress(
  http: GuardedHttp,
  url: string,
  call: Pick<HttpCall, "signal" | "firstByteTimeoutMs">,
): Promise<ConnectorCheck> {
  try {
    const answer = await http.call(url, { method: "HEAD", ...call });
    answer.discard();
    const { status } = answer;
    if (status === 410 || status >= 500)
      throw failedResponseToError({ status, retryAfter: undefined, nowMs: Date.now() });
    return { ok: true, detail: `the address answers (HTTP ${status} to HEAD)` };
  } catch (thrown) {
    return failedCheck(thrown);
  }
}
