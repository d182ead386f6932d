import type { AgentDefinition } from "../contracts/agent-definition.ts";
import { isPrivateHost } from "../contracts/private-host.ts";
import { ParleyError } from "../errors/parley-error.ts";

/** Throws REQUEST_INVALID for an agent whose address could only fail: one of this machine or network, where that is not allowed. */
export function refusePrivateAddress({ connector }: AgentDefinition, allowPrivateAgentAddresses: boolean): void {
  const url = connector["url"];
  if (allowPrivateAgentAddresses || typeof url !== "string" || !URL.canParse(url)) return;
  const { hostname } = new URL(url);
  if (!isPrivateHost(hostname)) return;
  throw new ParleyError("REQUEST_INVALID", {
    detail: `connector.url: ${hostname} is this machine or a private network, which agents may not be on here; start Parley with PARLEY_ALLOW_PRIVATE_AGENTS=on (allowPrivateAgentAddresses: true in parley.config.ts) to allow it`,
  });
}
