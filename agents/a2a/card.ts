import { isIP } from "node:net";
import type { AgentCard } from "@a2a-js/sdk";
import { DefaultAgentCardResolver } from "@a2a-js/sdk/client";
import { z } from "zod";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { checkCallableUrl, isOptional, judgeAddress, type NetworkPolicy } from "../shared/address-policy.ts";
import { readJsonBody } from "../shared/bounded-body.ts";
import { describeIssues } from "../shared/describe-fault.ts";
import type { GuardedHttp } from "../shared/guarded-http.ts";
import { failedResponseToError } from "../shared/http-errors.ts";
import { type A2aConfig, credentialsOf } from "./config.ts";

/** Most bytes of a card. */
const MAX_CARD_BYTES = 262_144;
/** How long a card is believed, in ms; calls that it led to and that fail end that at once. */
export const CARD_TTL_MS = 300_000;
const WELL_KNOWN = ".well-known/agent-card.json";
/** Where cards were before version 0.3 of the protocol. */
const OLD_WELL_KNOWN = ".well-known/agent.json";

/** What a card says, as far as it matters here. */
export interface ReadCard {
  readonly name: string;
  readonly version: string;
  readonly address: URL;
  readonly protocolVersion: string;
  readonly binding: string;
  readonly isStreaming: boolean;
  readonly sendsPush: boolean;
  /** The whole card for the SDK, with the chosen interface alone. */
  readonly card: AgentCard;
}

const Interface = z.object({
  url: z.string().min(1).max(2048),
  protocolBinding: z.string().max(64),
  protocolVersion: z.string().max(16).default("1.0"),
  tenant: z.string().max(256).default(""),
});
const Card = z.object({
  name: z.string().max(1_000).default(""),
  version: z.string().max(256).default(""),
  supportedInterfaces: z.array(Interface).min(1).max(50),
  capabilities: z
    .object({ streaming: z.boolean().optional(), pushNotifications: z.boolean().optional() })
    .nullish()
    .transform((given) => given ?? {}),
});

/** From the most wanted to the least; the plain HTTP binding comes last, since fewer servers have it right. */
const PREFERRED = [
  { binding: "JSONRPC", version: "1.0" },
  { binding: "JSONRPC", version: "0.3" },
  { binding: "HTTP+JSON", version: "1.0" },
  { binding: "HTTP+JSON", version: "0.3" },
];

interface CardOptions {
  readonly config: A2aConfig;
  readonly network: NetworkPolicy;
  readonly http: GuardedHttp;
  readonly signal: AbortSignal;
  readonly firstByteTimeoutMs: number;
}

/**
 * Guarantees the card of an agent with one interface that may be called: of a version and binding that is spoken here, at an address that is
 * public (or opted in), and on the host that the operator named, as the credentials go there.
 *
 * Throws AGENT_NOT_CONFIGURED where the card leads elsewhere, AGENT_REPLY_INVALID for what is no card, AGENT_UNAVAILABLE when there is none.
 */
export async function readCard(options: CardOptions): Promise<ReadCard> {
  const raw = await fetchCard(options);
  const resolver = new DefaultAgentCardResolver({ legacyCompat: { enabled: true } });
  let normal: unknown;
  try {
    normal = resolver.normalizeAgentCard(raw);
  } catch {
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "what is at the address is no card of an A2A agent" });
  }
  const parsed = Card.safeParse(normal);
  if (!parsed.success) {
    const detail = `what is at the address is no card of an A2A agent: ${describeIssues(parsed.error)}`;
    throw new ParleyError("AGENT_REPLY_INVALID", { detail });
  }
  const { supportedInterfaces, capabilities, name, version } = parsed.data;
  const chosen = choose(supportedInterfaces, options.config.protocol);
  const address = checkInterface(chosen.url, options);
  const card = {
    ...(normal as AgentCard), // the SDK reads of it what was checked above, and what it made itself
    capabilities: { ...capabilities, extensions: [] },
    supportedInterfaces: [{ ...chosen, url: address.href }],
  };
  return {
    name,
    version,
    address,
    protocolVersion: chosen.protocolVersion,
    binding: chosen.protocolBinding.toUpperCase(),
    isStreaming: capabilities.streaming === true,
    sendsPush: capabilities.pushNotifications === true,
    card,
  };
}

async function fetchCard({ config, http, signal, firstByteTimeoutMs }: CardOptions): Promise<unknown> {
  let last: ParleyError | undefined;
  for (const address of cardAddresses(config.url)) {
    const answer = await http.call(address, {
      method: "GET",
      headers: { accept: "application/json", "a2a-version": "1.0", ...credentialsOf(config) },
      signal,
      firstByteTimeoutMs,
    });
    try {
      if (answer.status === 200) return await readJsonBody(answer.body, MAX_CARD_BYTES);
      last = failedResponseToError({
        status: answer.status,
        retryAfter: answer.header("retry-after"),
        nowMs: Date.now(),
      });
      if (answer.status !== 404 && answer.status !== 405) throw last;
    } finally {
      answer.discard();
    }
  }
  throw new ParleyError("AGENT_UNAVAILABLE", {
    detail: `there is no card of an A2A agent at the address (${WELL_KNOWN}); give the whole address of the card`,
    ...(last === undefined ? {} : { cause: last }),
  });
}

/** An address that names a card is taken as it is; below any other, the well-known places are tried. */
function cardAddresses(text: string): readonly URL[] {
  const given = new URL(text);
  if (/\.json$|agent-card|\.well-known/.test(given.pathname)) return [given];
  const folder = new URL(given);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  const own = new URL(WELL_KNOWN, folder);
  own.search = given.search;
  const root = new URL(`/${WELL_KNOWN}`, given);
  const all = [own, root, new URL(OLD_WELL_KNOWN, folder)];
  return all.filter((one, index) => all.findIndex((other) => other.href === one.href) === index);
}

type Offered = z.infer<typeof Interface>;

function choose(offered: readonly Offered[], wanted: A2aConfig["protocol"]): Offered {
  for (const { binding, version } of PREFERRED) {
    if (wanted !== "auto" && wanted !== version) continue;
    const found = offered.find(
      (one) => one.protocolBinding.toUpperCase() === binding && one.protocolVersion.startsWith(version),
    );
    if (found !== undefined) return found;
  }
  const said = [...new Set(offered.map((one) => `${one.protocolBinding} ${one.protocolVersion}`))].slice(0, 5);
  throw new ParleyError("AGENT_NOT_CONFIGURED", {
    detail: `the agent's card offers no interface that Parley speaks (JSONRPC or HTTP+JSON of A2A 1.0 or 0.3${wanted === "auto" ? "" : `, of which ${wanted} was asked for`}); it offers ${said.map((one) => one.replaceAll(/[^\w.+ -]/g, "?")).join(", ")}`,
  });
}

/** What a stranger's card says is checked like what an operator says, and more: it gets no credentials carried to other hosts. */
function checkInterface(text: string, { config, network }: CardOptions): URL {
  const own = new URL(config.url);
  const url = checkCallableUrl(URL.canParse(text) ? text : new URL(text, own).href);
  const host = url.hostname.replaceAll(/[[\]]/g, "");
  if (isIP(host) !== 0) {
    const verdict = judgeAddress(host, network);
    if (verdict.kind === "refused") {
      throw new ParleyError("AGENT_NOT_CONFIGURED", {
        detail: `the agent's card leads into a ${verdict.range} network, which Parley does not call${isOptional(verdict.range) ? "; an operator allows it with PARLEY_ALLOW_PRIVATE_AGENTS=on" : ""}`,
      });
    }
  }
  const isTrusted = [url.host, url.hostname].some((one) => one === own.host || config.trustedHosts.includes(one));
  if (!isTrusted && Object.keys(credentialsOf(config)).length > 0) {
    throw new ParleyError("AGENT_NOT_CONFIGURED", {
      detail: `the agent's card leads to ${url.host}, which is not the host of its address, so it does not get the credentials; add it to trustedHosts if it is right`,
    });
  }
  return url;
}
