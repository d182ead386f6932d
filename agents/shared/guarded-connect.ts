import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { isOptional, judgeAddress, type NetworkPolicy } from "./address-policy.ts";

/** Longest time to resolve a name, connect and shake hands, in ms. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** Resolves a name to all its addresses. */
export type ResolveAddresses = (hostname: string) => Promise<readonly LookupAddress[]>;

const resolveBySystem: ResolveAddresses = (hostname) =>
  new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true, verbatim: true }, (error, addresses) =>
      error === null ? resolve(addresses) : reject(error),
    );
  });

/**
 * Guarantees that a socket is opened only to an address that was itself checked: the name is resolved here, every address it
 * has is judged, and the socket gets those very addresses, so that a second, different answer of the name server changes nothing.
 *
 * `http:` is spoken to opted-in addresses alone. A refusal is AGENT_NOT_CONFIGURED and says which setting would allow it.
 */
export function createGuardedConnector(
  policy: NetworkPolicy,
  resolve: ResolveAddresses = resolveBySystem,
): buildConnector.connector {
  const connectors = new Map(
    ["https:", "http:"].map((protocol) => {
      const isPlain = protocol === "http:";
      const options = { allowH2: false, timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup(policy, isPlain, resolve) };
      return [protocol, buildConnector(options)];
    }),
  );
  return (options, callback) => {
    const hostname = options.hostname.replace(/^\[|\]$/g, "");
    const connect = connectors.get(options.protocol);
    try {
      if (connect === undefined)
        throw new ParleyError("AGENT_NOT_CONFIGURED", { detail: "only https and http are called" });
      // A literal address is never looked up, so the lookup below would not see it.
      if (isIP(hostname) !== 0) assertReachable([hostname], policy, options.protocol === "http:");
      connect(options, callback);
    } catch (thrown) {
      queueMicrotask(() => callback(thrown instanceof Error ? thrown : new Error(String(thrown)), null));
    }
  };
}

function guardedLookup(policy: NetworkPolicy, isPlain: boolean, resolve: ResolveAddresses): LookupFunction {
  const find = async (hostname: string): Promise<readonly [LookupAddress, ...LookupAddress[]]> => {
    const [first, ...others] = await resolve(hostname);
    if (first === undefined) throw new ParleyError("AGENT_UNAVAILABLE", { detail: "the name has no address" });
    const all: [LookupAddress, ...LookupAddress[]] = [first, ...others];
    assertReachable(
      all.map((entry) => entry.address),
      policy,
      isPlain,
    );
    return all;
  };
  const answer = async (hostname: string, options: LookupOptions, callback: Parameters<LookupFunction>[2]) => {
    try {
      const addresses = await find(hostname);
      if (options.all === true) callback(null, [...addresses]);
      else callback(null, addresses[0].address, addresses[0].family);
    } catch (thrown) {
      callback(thrown instanceof Error ? thrown : new Error(String(thrown)), []);
    }
  };
  return (hostname, options, callback) => void answer(hostname, options, callback);
}

function assertReachable(addresses: readonly string[], policy: NetworkPolicy, isPlain: boolean): void {
  for (const address of addresses) {
    const verdict = judgeAddress(address, policy);
    if (verdict.kind === "refused") {
      throw new ParleyError("AGENT_NOT_CONFIGURED", {
        detail: `the agent's address leads into a ${verdict.range} network, which Parley does not call${isOptional(verdict.range) ? "; an operator allows it with PARLEY_ALLOW_PRIVATE_AGENTS=on" : ""}`,
      });
    }
    if (isPlain && verdict.kind === "public") {
      throw new ParleyError("AGENT_NOT_CONFIGURED", {
        detail: "the agent's address must begin with https: outside of private networks",
      });
    }
  }
}
