import { BlockList, isIP } from "node:net";

/**
 * Where a URL's host leads as it is spelled: to this machine or a private network, where an operator may allow it; to addresses of special use
 * (link-local, metadata, carrier-grade NAT, mapped and translated, multicast, reserved …), where Parley never calls; or neither, as far as is known.
 */
export type HostKind = "private" | "special" | "other";

function blockList(
  family: "ipv4" | "ipv6",
  networks: readonly (readonly [network: string, bits: number])[],
): BlockList {
  const list = new BlockList();
  for (const [network, bits] of networks) list.addSubnet(network, bits, family);
  return list;
}

// A list per family: one of both would find addresses of version 4 in those that only carry them, which are of special use.
const PRIVATE = {
  ipv4: blockList("ipv4", [
    ["127.0.0.0", 8],
    ["10.0.0.0", 8],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16],
  ]),
  ipv6: blockList("ipv6", [
    ["::1", 128],
    ["fc00::", 7],
  ]),
};
/** IANA registries of special-purpose addresses, and 168.63.129.16, where Azure's machines find their credentials. */
const SPECIAL_V4 = blockList("ipv4", [
  ["0.0.0.0", 8],
  ["100.64.0.0", 10],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]);
/** Outside of these nothing of version 6 is assigned to the public (RFC 4291). */
const PUBLIC_V6 = blockList("ipv6", [["2000::", 3]]);
/** Special use inside of them, and the unique local addresses of metadata services. */
const SPECIAL_V6 = blockList("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
  ["fd00:ec2::254", 128],
  ["fd20:ce::254", 128],
]);

/**
 * Guarantees of a spelled address what the connection to it will be told; of a name, only that `localhost` and names below it are private.
 *
 * A help for people and no guard: what a name resolves to is judged when the connection is made.
 */
export function kindOfHost(hostname: string): HostKind {
  const host = hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  if (host === "localhost" || host.endsWith(".localhost")) return "private";
  switch (isIP(host)) {
    case 4:
      if (PRIVATE.ipv4.check(host, "ipv4")) return "private";
      return SPECIAL_V4.check(host, "ipv4") ? "special" : "other";
    case 6:
      if (SPECIAL_V6.check(host, "ipv6")) return "special";
      if (PRIVATE.ipv6.check(host, "ipv6")) return "private";
      return PUBLIC_V6.check(host, "ipv6") ? "other" : "special";
    default:
      return "other";
  }
}

/** True when a URL's host, as it is spelled, leads to this machine or a private network: `localhost`, loopback, RFC 1918 and unique local addresses. */
export function isPrivateHost(hostname: string): boolean {
  return kindOfHost(hostname) === "private";
}
