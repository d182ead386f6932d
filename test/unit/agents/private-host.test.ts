import { describe, expect, test } from "vitest";
import { isOptional, judgeAddress } from "../../../agents/shared/address-policy.ts";
import { kindOfHost } from "../../../src/contracts/private-host.ts";

const CLOSED = { allowPrivateAddresses: false, allowedCidrs: [] };

/** What a connection to the address is told. */
function judged(address: string): string {
  const verdict = judgeAddress(address, CLOSED);
  if (verdict.kind !== "refused") return "other";
  return isOptional(verdict.range) ? "private" : "special";
}

/** First and last addresses of networks and their neighbours, and each /8 and /16 of both families. */
const V4 = [
  ..."0.0.0.0 0.1.2.3 9.255.255.255 10.0.0.0 10.255.255.255 11.0.0.0 100.63.255.255 100.64.0.0 100.127.255.255 100.128.0.0".split(
    " ",
  ),
  ..."127.0.0.1 127.255.255.254 128.0.0.1 168.63.129.15 168.63.129.16 169.253.255.255 169.254.0.1 169.254.169.254 169.255.0.1".split(
    " ",
  ),
  ..."172.15.255.255 172.16.0.0 172.31.255.255 172.32.0.0 192.0.0.8 192.0.1.1 192.0.2.1 192.31.196.1 192.52.193.1".split(
    " ",
  ),
  ..."192.88.99.1 192.167.0.1 192.168.0.0 192.168.255.255 192.169.0.0 192.175.48.1 198.17.0.1 198.18.0.1 198.19.255.255".split(
    " ",
  ),
  ..."198.20.0.0 198.51.100.7 203.0.113.9 203.0.114.0 223.255.255.255 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 8.8.8.8".split(
    " ",
  ),
  ...Array.from({ length: 256 }, (_, first) => `${first}.7.7.7`),
];
const V6 = [
  ..."::  ::1 ::2 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8 ::127.0.0.1 64:ff9b::1 64:ff9b:1::1 100::1 5f00::1".split(
    / +/,
  ),
  ..."2001::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:20::1 2001:30::1 2001:1ff::1 2001:200::1 2001:db8::1".split(
    " ",
  ),
  ..."2002:7f00:1::1 2606:4700:4700::1111 2620:4f:8000::1 2620:4f:8001::1 2a00:1450:4001::1 3fff::1 3fff:fff::1 3fff:1000::1".split(
    " ",
  ),
  ..."fc00::1 fd00::1 fd00:ec2::254 fd00:ec2::255 fd20:ce::254 fdff::1 fe00::1 fe80::1 febf::1 fec0::1 ff02::1 4000::1".split(
    " ",
  ),
  ...Array.from({ length: 256 }, (_, first) => `${first.toString(16)}42::7`),
];

describe("the kind of a host", () => {
  test("is for each spelled address what its connection would be told", () => {
    const kinds = [...V4, ...V6].map((address) => `${address} ${kindOfHost(address)}`);
    expect(kinds).toEqual([...V4, ...V6].map((address) => `${address} ${judged(address)}`));
    for (const kind of ["private", "special", "other"])
      expect(kinds.filter((line) => line.endsWith(` ${kind}`)).length).toBeGreaterThan(10);
  });

  test.each([
    ["http://[::ffff:169.254.169.254]/", "special"],
    ["http://0xa9fea9fe/", "special"],
    ["http://2130706433/", "private"],
    ["http://LOCALHOST./", "private"],
    ["http://agent.localhost/", "private"],
    ["http://agents.example.org/", "other"],
  ])("of %s is %s as URLs spell it", (url, kind) => {
    expect(kindOfHost(new URL(url).hostname)).toBe(kind);
  });
});
