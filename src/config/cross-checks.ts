import { kindOfHost } from "../contracts/private-host.ts";
import type { ConfigFault } from "./fault.ts";
import type { ConfigValues, OidcValues } from "./schema.ts";
import type { Secret } from "./secret.ts";
import { estimateBits, MIN_SECRET_BITS, placeholderReason } from "./secret-strength.ts";

/** Names a path of the configuration as the person set it. */
export type Labeller = (path: string) => string;

type SecretRow = {
  readonly path: string;
  readonly secret: Secret | undefined;
  /** It signs, seals or admits: then its own strength is what protects. */
  readonly sealing?: true;
  /** What the issuer's values begin with. */
  readonly prefix?: string;
};

/** Every fault that shows only when settings are seen together: secrets that are weak or equal, half a set of credentials, roles without a shared ledger. */
export function crossFaults(values: ConfigValues, label: Labeller): ConfigFault[] {
  return [
    ...secretFaults(values, label),
    ...platformFaults(values, label),
    ...oidcFaults(values.web.oidc, (path) => label(`web.oidc.${path}`)),
    ...ledgerFaults(values, label),
    ...agentFaults(values, label),
    ...organizationFaults(values, label),
    ...retentionFaults(values, label),
  ];
}

type Platforms = Pick<ConfigValues, "slack" | "discord" | "matrix">;

function platformFaults(values: Platforms, label: Labeller): ConfigFault[] {
  return [...slackFaults(values, label), ...discordFaults(values, label), ...matrixFaults(values, label)];
}

function organizationFaults(values: ConfigValues, label: Labeller): ConfigFault[] {
  const first = new Map([[values.organizationId, "organizationId"]]);
  return values.organizations.flatMap((one, index) => {
    const place = `organizations[${index}]`;
    const own: Labeller = (path) => label(`${place}.${path}`);
    const taken = first.get(one.id);
    first.set(one.id, `${place}.id`);
    const agents = { agents: one.agents, allowPrivateAgentAddresses: values.allowPrivateAgentAddresses };
    return [
      ...(taken === undefined
        ? []
        : [{ path: own("id"), problem: `is that of ${taken} already`, fix: "give each organization its own id" }]),
      ...platformFaults(one, own),
      ...oidcFaults(one.oidc, (path) => own(`oidc.${path}`)),
      ...agentFaults(agents, own),
    ];
  });
}

/** A name that is nobody's would keep nothing shorter or longer, and say nothing. */
function retentionFaults(values: ConfigValues, label: Labeller): ConfigFault[] {
  const known = new Set([values.organizationId, ...values.organizations.map(({ id }) => id)]);
  return (["daysOf", "auditDaysOf"] as const).flatMap((setting) =>
    Object.keys(values.retention[setting])
      .filter((id) => !known.has(id))
      .map((id) => ({
        path: label(`retention.${setting}.${id}`),
        problem: "is no organization of this deployment",
        fix: `name one of ${[...known].join(", ")}`,
      })),
  );
}

function oidcFaults(
  { issuer, clientId, clientSecret, allowedDomains, claims }: OidcValues,
  label: Labeller,
): ConfigFault[] {
  if (issuer === undefined && clientId === undefined && clientSecret === undefined) return [];
  const faults: ConfigFault[] = [];
  for (const [name, value] of Object.entries({ issuer, clientId, clientSecret }))
    if (value === undefined)
      faults.push({
        path: label(name),
        problem: "is missing",
        fix: "set issuer, client id and client secret as the provider gave them",
      });
  // Over plain HTTP its keys and its tokens could be anybody's.
  if (issuer !== undefined && URL.canParse(issuer) && new URL(issuer).protocol === "http:" && !isLoopback(issuer))
    faults.push({
      path: label("issuer"),
      problem: "is not reached by https",
      fix: "name the provider's https address",
    });
  if (allowedDomains.length === 0 && Object.keys(claims).length === 0)
    faults.push({
      path: label("allowedDomains"),
      problem: "lets nobody in",
      fix: "name the domains of your people's verified addresses, claims that they have, or * for whoever the provider signs in",
    });
  return faults;
}

function isLoopback(address: string): boolean {
  const host = new URL(address).hostname;
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function secretFaults(values: ConfigValues, label: Labeller): ConfigFault[] {
  const rows: readonly SecretRow[] = [
    { path: "secretKey", secret: values.secretKey, sealing: true },
    { path: "previousSecretKey", secret: values.previousSecretKey, sealing: true },
    { path: "operatorToken", secret: values.operatorToken, sealing: true },
    ...platformSecrets(values, ""),
    { path: "web.oidc.clientSecret", secret: values.web.oidc.clientSecret },
    ...values.organizations.flatMap((one, index) => [
      ...platformSecrets(one, `organizations[${index}].`),
      { path: `organizations[${index}].oidc.clientSecret`, secret: one.oidc.clientSecret },
    ]),
  ];
  const faults: ConfigFault[] = [];
  const seen = new Map<string, string>();
  for (const { path, secret, sealing, prefix } of rows) {
    if (secret === undefined) continue;
    const value = secret.reveal();
    const weak = weakness(value, sealing === true);
    if (weak !== undefined) faults.push({ path: label(path), problem: weak, fix: strengthFix(path) });
    if (prefix !== undefined && !value.startsWith(prefix)) {
      faults.push({
        path: label(path),
        problem: `does not begin with ${prefix}`,
        fix: "copy the token of that kind from the app's settings in Slack",
      });
    }
    const twin = seen.get(value);
    if (twin !== undefined) {
      faults.push({
        path: label(path),
        problem: `is equal to ${twin}`,
        fix: "one secret serves one purpose: give each its own value",
      });
    }
    seen.set(value, label(path));
  }
  return faults;
}

function platformSecrets({ slack, discord, matrix }: Platforms, at: string): SecretRow[] {
  return [
    { path: `${at}slack.signingSecret`, secret: slack.signingSecret, sealing: true },
    { path: `${at}slack.stateSecret`, secret: slack.stateSecret, sealing: true },
    { path: `${at}slack.clientSecret`, secret: slack.clientSecret },
    { path: `${at}slack.botToken`, secret: slack.botToken, prefix: "xoxb-" },
    { path: `${at}slack.appToken`, secret: slack.appToken, prefix: "xapp-" },
    { path: `${at}discord.botToken`, secret: discord.botToken },
    { path: `${at}matrix.accessToken`, secret: matrix.accessToken },
    { path: `${at}matrix.encryption.recoveryKey`, secret: matrix.encryption.recoveryKey },
    { path: `${at}matrix.appService.token`, secret: matrix.appService.token, sealing: true },
    { path: `${at}matrix.appService.homeserverToken`, secret: matrix.appService.homeserverToken, sealing: true },
  ];
}

function weakness(value: string, sealing: boolean): string | undefined {
  const placeholder = placeholderReason(value);
  if (placeholder !== undefined) return placeholder;
  if (!sealing) return undefined;
  const bits = Math.floor(estimateBits(value));
  return bits >= MIN_SECRET_BITS
    ? undefined
    : `is too weak: about ${bits} bits, at least ${MIN_SECRET_BITS} are needed`;
}

function strengthFix(path: string): string {
  if (path.endsWith("discord.botToken")) return "copy the bot's token from the developer portal";
  if (path.includes("matrix.")) return 'take new ones: "parley matrix registration"';
  return path === "secretKey" ||
    path === "operatorToken" ||
    path.endsWith("slack.stateSecret") ||
    path === "previousSecretKey"
    ? 'take a random one: "openssl rand -base64 32"'
    : "copy the value from the app's settings in Slack";
}

function slackFaults({ slack }: Pick<ConfigValues, "slack">, label: Labeller): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const needs = (path: string, problem: string, fix: string) =>
    faults.push({ path: label(`slack.${path}`), problem, fix });
  const configured = slack.botToken ?? slack.appToken ?? slack.signingSecret ?? slack.clientId ?? slack.clientSecret;
  if (configured === undefined) {
    if (slack.mode !== undefined)
      needs("botToken", "is missing, although a mode for Slack is set", "set it, or leave the mode out");
    return faults;
  }
  if (slack.botToken === undefined && slack.clientId === undefined) {
    needs(
      "botToken",
      "is missing",
      "set the bot token of a workspace, or client id and client secret for installs by OAuth",
    );
  }
  if (slack.clientId !== undefined && slack.clientSecret === undefined)
    needs("clientSecret", "is missing", "set it together with the client id");
  if (slack.clientSecret !== undefined && slack.clientId === undefined)
    needs("clientId", "is missing", "set it together with the client secret");
  const socket = slack.mode === "socket" || (slack.mode === undefined && slack.appToken !== undefined);
  if (socket && slack.appToken === undefined)
    needs(
      "appToken",
      "is missing, and Socket Mode needs it",
      "make an app-level token with connections:write, or use the mode http",
    );
  // Without it requests could not be told from forgeries, so there is no listener without it.
  if (!socket && slack.signingSecret === undefined)
    needs(
      "signingSecret",
      "is missing, and events over HTTP need it",
      "copy it from the app's basic information, or set an app token for Socket Mode",
    );
  return faults;
}

function discordFaults({ discord }: Pick<ConfigValues, "discord">, label: Labeller): ConfigFault[] {
  const { shardIds, shardCount } = discord;
  if (shardIds === undefined) return [];
  const fix = "set shardCount to the number of all shards, and each id below it";
  if (shardCount === undefined) return [{ path: label("discord.shardIds"), problem: "is set without shardCount", fix }];
  const beyond = shardIds.find((id) => id >= shardCount);
  return beyond === undefined
    ? []
    : [{ path: label("discord.shardIds"), problem: `names shard ${beyond} of ${shardCount}`, fix }];
}

function matrixFaults({ matrix }: Pick<ConfigValues, "matrix">, label: Labeller): ConfigFault[] {
  const { homeserverUrl, accessToken, encryption, appService } = matrix;
  const faults: ConfigFault[] = [];
  const missing = (path: string, problem: string, fix: string) =>
    faults.push({ path: label(`matrix.${path}`), problem: `is missing${problem}`, fix });
  const { token, homeserverToken } = appService;
  const account = accessToken ?? token ?? homeserverToken;
  if (account !== undefined && homeserverUrl === undefined)
    missing("homeserverUrl", "", "set the address of the homeserver, such as https://matrix.example.org");
  if (account === undefined && homeserverUrl !== undefined)
    missing(
      "accessToken",
      ", although a homeserver is set",
      'set a bot account\'s token, or both tokens of an application service: see "parley matrix registration"',
    );
  const registered = "set both tokens of the application service's registration";
  if (token === undefined && homeserverToken !== undefined) missing("appService.token", "", registered);
  if (token !== undefined && homeserverToken === undefined) missing("appService.homeserverToken", "", registered);
  if (encryption.recoveryKey !== undefined && accessToken === undefined)
    missing(
      "accessToken",
      ", and a recovery key is of use to a bot account alone",
      "set the bot account's token, or leave the recovery key out",
    );
  return faults;
}

function ledgerFaults(values: ConfigValues, label: Labeller): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const scheme = (path: "databaseUrl" | "redisUrl", pattern: RegExp, expected: string) => {
    const address = values[path]?.reveal();
    if (address !== undefined && !(URL.canParse(address) && pattern.test(address))) {
      faults.push({ path: label(path), problem: "is no address of that kind", fix: `it looks like ${expected}` });
    }
  };
  scheme("databaseUrl", /^postgres(ql)?:\/\//, "postgres://user:password@host:5432/parley");
  const redis = values.redisUrl?.reveal() ?? "";
  if (/^[a-z+-]*(sentinel|cluster)[a-z+-]*:\/\//i.test(redis) || /^rediss?:\/\/[^/]*,/i.test(redis)) {
    faults.push({
      path: label("redisUrl"),
      problem: "names a Sentinel set-up or a Cluster, which Parley does not speak",
      fix: "name one primary, or an address that always leads to it (a service name, HAProxy); the queue holds bells alone, so losing a Redis loses nothing",
    });
  } else scheme("redisUrl", /^rediss?:\/\//, "redis://:password@host:6379");
  const roles = new Set(values.roles);
  if (roles.size !== values.roles.length)
    faults.push({ path: label("roles"), problem: "names a role twice", fix: "name each role once" });
  if (values.databaseUrl === undefined && roles.size < 3) {
    const fix = "set DATABASE_URL to a PostgreSQL that all processes share, or leave the roles out";
    faults.push({
      path: label("roles"),
      problem: "the embedded ledger serves one process, which must do all the work",
      fix,
    });
  }
  return faults;
}

/** Why an agent at this address could never be called; a name is judged when it is called. */
function closedAddress(url: unknown, allowPrivate: boolean): Pick<ConfigFault, "problem" | "fix"> | undefined {
  if (typeof url !== "string" || !URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  const kind = kindOfHost(hostname);
  if (kind === "special")
    return {
      problem: `${hostname} is an address of special use (link-local, shared, reserved or the like), which Parley does not call`,
      fix: "name the agent's own address",
    };
  if (kind !== "private" || allowPrivate) return undefined;
  return {
    problem: `${hostname} is this machine or a private network, which agents may not be on`,
    fix: "set allowPrivateAgentAddresses: true, or PARLEY_ALLOW_PRIVATE_AGENTS=on",
  };
}

function agentFaults(
  { agents, allowPrivateAgentAddresses }: Pick<ConfigValues, "agents" | "allowPrivateAgentAddresses">,
  label: Labeller,
): ConfigFault[] {
  const first = new Map<string, number>();
  return agents.flatMap(({ handle, connector }, index) => {
    const closed = closedAddress(connector["url"], allowPrivateAgentAddresses);
    const faults = closed === undefined ? [] : [{ path: label(`agents[${index}].connector.url`), ...closed }];
    const earlier = first.get(handle);
    if (earlier === undefined) {
      first.set(handle, index);
      return faults;
    }
    const problem = `the handle ${handle} is that of agents[${earlier}] already`;
    return [...faults, { path: label(`agents[${index}].handle`), problem, fix: "give each agent its own handle" }];
  });
}
