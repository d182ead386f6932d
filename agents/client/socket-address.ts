import { DIAL_IN_PATH } from "../../src/contracts/dial-in-protocol.ts";
import { AgentClientError } from "./client-error.ts";

const SOCKET_SCHEMES: Readonly<Record<string, string>> = {
  "http:": "ws:",
  "https:": "wss:",
  "ws:": "ws:",
  "wss:": "wss:",
};

/** Guarantees the address of the dial-in socket for Parley's own address (`https://parley.example.org`) or for the socket's. */
export function socketAddress(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed && SOCKET_SCHEMES[parsed.protocol];
  if (parsed === undefined || scheme === undefined)
    throw new AgentClientError("address", `${JSON.stringify(url)} is no address; it begins with https:// or wss://`);
  const path = parsed.pathname.replace(/\/+$/, "");
  return `${scheme}//${parsed.host}${path.endsWith(DIAL_IN_PATH) ? path : path + DIAL_IN_PATH}`;
}
