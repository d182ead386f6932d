import type { AgentDefinition } from "../contracts/agent-definition.ts";
import { kindOfHost } from "../contracts/private-host.ts";
import { ParleyError } from "../errors/parley-error.ts";

/** Throws REQUEST_INVALID for an agent whose address could only fail: one of this machine or network, where that is not allowed, or of special use. */
export function refusePrivateAddress(definition: AgentDefinition, allowPrivateAgentAddresses: boolean): void {
  for (const [path, url] of addressesOf(definition)) {
    if (typeof url !== "string" || !URL.canParse(url)) continue;
    const { hostname } = new URL(url);
    const kind = kindOfHost(hostname);
    if (kind === "special")
      throw new ParleyError("REQUEST_INVALID", {
        detail: `${path}: ${hostname} is an address of special use (link-local, shared, reserved or the like), which Parley does not call`,
      });
    if (kind !== "private" || allowPrivateAgentAddresses) continue;
    throw new ParleyError("REQUEST_INVALID", {
      detail: `${path}: ${hostname} is this machine or a private network, which agents may not be on here; start Parley with PARLEY_ALLOW_PRIVATE_AGENTS=on (allowPrivateAgentAddresses: true in parley.config.ts) to allow it`,
    });
  }
}

/** Where the connector itself leads, where the servers lead that it takes tools from, and where the picture is. */
function addressesOf({ connector, avatarUrl }: AgentDefinition): (readonly [path: string, url: unknown])[] {
  const servers: unknown = connector["mcpServers"];
  const ofServers = (Array.isArray(servers) ? servers : []).map((server: unknown, index) => {
    const url = typeof server === "object" && server !== null && "url" in server ? server.url : undefined;
    return [`connector.mcpServers.${index}.url`, url] as const;
  });
  return [["connector.url", connector["url"]], ...ofServers, ["avatarUrl", avatarUrl]];
}
