import ipaddr from "ipaddr.js";
import { ParleyError } from "../../src/errors/parley-error.ts";

/** What Parley may connect to when an agent or an operator names an address. */
export interface NetworkPolicy {
  /** Lets loopback, private (RFC 1918) and unique local addresses through, and `http:` to them. Default: false. */
  readonly allowPrivateAddresses: boolean;
  /** Networks in CIDR notation that are let through whatever they are, and may be spoken to by `http:`. */
  readonly allowedCidrs: readonly string[];
}

export const CLOSED_NETWORK: NetworkPolicy = { allowPrivateAddresses: false, allowedCidrs: [] };

export type AddressVerdict =
  | { readonly kind: "public" | "opted_in" }
  | { readonly kind: "refused"; readonly range: string };

/** Addresses that answer with credentials of the machine and lie outside the ranges refused below, or inside ranges that can be opted in. */
const METADATA_ADDRESSES = new Set(["168.63.129.16", "fd00:ec2::254", "fd20:ce::254"]);
const PRIVATE_RANGES = new Set(["loopback", "private", "uniqueLocal"]);
/** All IPv6 addresses that are assigned to the public (RFC 4291, IANA registry); the rest of "unicast" is reserved or carries IPv4. */
const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR("2000::/3");

/**
 * Guarantees a decision for one address as a resolver or a URL names it: what is not plainly public is refused, unless the policy opts it in.
 *
 * Refused are private, loopback, link-local, carrier-grade NAT, unique local, mapped and translated, multicast, reserved and metadata addresses.
 */
export function judgeAddress(address: string, policy: NetworkPolicy): AddressVerdict {
  if (!ipaddr.isValid(address)) return { kind: "refused", range: "unreadable" };
  const parsed = ipaddr.parse(address);
  if (policy.allowedCidrs.some((cidr) => isWithin(parsed, cidr))) return { kind: "opted_in" };
  if (METADATA_ADDRESSES.has(parsed.toString())) return { kind: "refused", range: "metadata" };
  const range = parsed.range();
  if (PRIVATE_RANGES.has(range))
    return policy.allowPrivateAddresses ? { kind: "opted_in" } : { kind: "refused", range };
  if (range !== "unicast") return { kind: "refused", range };
  if (parsed.kind() === "ipv6" && !parsed.match(GLOBAL_UNICAST_V6)) return { kind: "refused", range: "reserved" };
  return { kind: "public" };
}

/** Says whether `allowPrivateAddresses` would let a refused range through. */
export function isOptional(range: string): boolean {
  return PRIVATE_RANGES.has(range);
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, cidr: string): boolean {
  const [network, bits] = ipaddr.parseCIDR(cidr);
  return address.kind() === network.kind() && address.match(network, bits);
}

/** Ports that no agent listens on and that other protocols do; the "bad ports" of the Fetch standard above 1023. */
const REFUSED_PORTS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/**
 * Guarantees a URL that may be called as far as its spelling tells: http or https, no credentials, an ordinary port.
 *
 * Says nothing about the addresses behind a name: those are checked when the connection is made. Throws AGENT_NOT_CONFIGURED.
 */
export function checkCallableUrl(text: string | URL): URL {
  const url = URL.parse(String(text));
  if (url === null) throw refusedUrl("it is not a URL");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refusedUrl("only https and http are called");
  if (url.username !== "" || url.password !== "") throw refusedUrl("a user name or password in it is not allowed");
  const port = url.port === "" ? undefined : Number(url.port);
  if (port !== undefined && port !== 80 && port !== 443 && (port < 1024 || REFUSED_PORTS.has(port))) {
    throw refusedUrl(`port ${port} is not one an agent may be called on`);
  }
  return url;
}

function refusedUrl(why: string): ParleyError {
  return new ParleyError("AGENT_NOT_CONFIGURED", { detail: `the agent's address cannot be used: ${why}` });
}
