import { createDiscordAdapter } from "../adapters/discord/index.ts";
import { createMatrixAdapter } from "../adapters/matrix/index.ts";
import { composeByOrganization, mountedAt } from "../adapters/shared/by-organization.ts";
import { createSlackAdapter } from "../adapters/slack/index.ts";
import {
  createWebAdapter,
  type RoomInvitations,
  type WebAdapter,
  type WebAdapterDependencies,
  type WebOidcSettings,
  type WebRoomAgent,
  webRenderer,
} from "../adapters/web/index.ts";
import { isAssistantConfigured } from "../agents/assistant/index.ts";
import { GuardedHttp } from "../agents/shared/guarded-http.ts";
import type { PolicyBook } from "./access/policy-book.ts";
import { type Config, type OrganizationConfig, organizationsOf } from "./config/config.ts";
import { deriveKey } from "./config/secret-key.ts";
import type { ChatAdapter } from "./contracts/adapter.ts";
import type { AgentPresence } from "./contracts/dial-in.ts";
import type { WebRoomStore } from "./contracts/web-room-store.ts";
import { grantIn } from "./pipeline/agent-grant.ts";
import type { Directory, DirectoryAgent } from "./pipeline/directory.ts";

/** What the adapters of a process stand on. */
interface PlatformPorts {
  readonly store: WebRoomStore;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly invitations: RoomInvitations;
  /** Why a post of the web room came about, for members of its room. */
  readonly explain: NonNullable<WebAdapterDependencies["explain"]>;
  /** Whether an agent that dials in is there. */
  readonly presenceOf: (agentId: string) => AgentPresence | undefined;
  /** Puts something between an adapter and the pipeline. */
  readonly port: (created: ChatAdapter) => ChatAdapter;
}

/** Creates the adapter of each platform that is set up, the web rooms always; does no I/O. */
export function createAdapters(
  config: Config,
  { store, directory, policies, invitations, explain, presenceOf, port }: PlatformPorts,
): { adapters: ReadonlyMap<string, ChatAdapter>; ownerOf: WebAdapter["ownerOf"]; visitors: WebAdapter["visitors"] } {
  const { openai, anthropic } = config.models;
  const hasModel = isAssistantConfigured({
    openai: { apiKey: openai.apiKey?.reveal(), baseUrl: openai.baseUrl, model: openai.model },
    anthropic: { apiKey: anthropic.apiKey?.reveal(), baseUrl: anthropic.baseUrl, model: anthropic.model },
  });
  const lacksModel = (agent: DirectoryAgent): boolean =>
    !hasModel && agent.row.source === "builtin" && agent.handle === "assistant";
  const agentsOf = (
    organizationId: string,
    room?: { roomId: string; name: string | null; kind: "public" | "private" | "direct" },
  ): WebRoomAgent[] =>
    directory
      .list(organizationId)
      .filter(
        (agent) =>
          room === undefined ||
          grantIn(
            agent,
            { installationId: undefined, id: room.roomId, name: room.name, kind: room.kind },
            policies.of(organizationId),
          ).member,
      )
      .map((agent) => ({
        ...agent.identity,
        ...connectionOf(presenceOf(agent.agentId)),
        description: agent.definition.description,
        ...(agent.definition.owner === undefined ? {} : { owner: agent.definition.owner }),
        status:
          agent.status === "active" && lacksModel(agent)
            ? "not_set_up"
            : agent.status === "stopped"
              ? "paused"
              : agent.status,
      }));
  const organizations = organizationsOf(config);
  const web = createWebAdapter(
    {
      organizationId: config.organizationId,
      organizationIds: organizations.map(({ id }) => id),
      maxUploadBytes: config.limits.uploadBytes,
      oidcKey: deriveKey(config.secretKey, "sign-in attempts"),
      oidc: organizations.flatMap(({ id, oidc }) =>
        oidc === undefined
          ? []
          : [{ ...oidc, organizationId: id, clientSecret: oidc.clientSecret.reveal() } satisfies WebOidcSettings],
      ),
      ...(config.web.publicUrl && { publicUrl: config.web.publicUrl }),
    },
    { store, agents: agentsOf, invitations, explain },
  );
  const adapters = new Map<string, ChatAdapter>([[web.platform, port(web)]]);
  for (const create of [discordAdapter, matrixAdapter, slackAdapter]) {
    const [first, ...more] = organizations.flatMap((organization) => {
      const adapter = create(config, organization);
      return adapter === undefined ? [] : [{ organizationId: organization.id, adapter }];
    });
    if (first === undefined) continue;
    const { platform } = first.adapter;
    const renderer = more.length === 0 ? first.adapter : rendererOf(platform, hostsOfAll(organizations, platform));
    if (renderer !== undefined) adapters.set(platform, port(composeByOrganization([first, ...more], renderer)));
  }
  return { adapters, ownerOf: (request) => web.ownerOf(request), visitors: web.visitors };
}

/** A reply is rendered before it is known where it goes: a link stays a link where every organization on the platform lets it. */
function hostsOfAll(organizations: readonly OrganizationConfig[], platform: string): string[] {
  const lists = organizations.flatMap(({ slack, discord, matrix }) => {
    const one = { slack, discord, matrix }[platform];
    return one === undefined ? [] : [one.linkHosts];
  });
  const named = [...new Set(lists.flat())];
  return named.filter((host) => lists.every((list) => list.includes(host) || list.includes("*")));
}

/** The deployment's own organization keeps the names that its keys and addresses had before there were others. */
function keyName(config: Config, { id }: OrganizationConfig, purpose: string): string {
  return id === config.organizationId ? purpose : `${purpose} of ${id}`;
}

function slackAdapter(config: Config, organization: OrganizationConfig): ChatAdapter | undefined {
  const { slack } = organization;
  if (slack === undefined) return undefined;
  const key = (purpose: string): string =>
    deriveKey(config.secretKey, keyName(config, organization, purpose)).toString("base64url");
  const stateSecret = slack.oauth?.stateSecret?.reveal() ?? key("slack oauth state");
  return createSlackAdapter({
    organizationId: organization.id,
    ...(organization.id !== config.organizationId && { basePath: `/slack/${organization.id}` }),
    mode: slack.mode,
    receive: config.roles.includes("ingest"),
    apiUrl: slack.apiUrl,
    orderingHoldMs: slack.orderingHoldMs,
    backfillMaxAgeMs: slack.backfillMaxAgeMs,
    backfillMaxMessages: slack.backfillMaxMessages,
    pacing: slack.pacing,
    command: slack.command,
    linkHosts: [...slack.linkHosts],
    allowedTeams: [...slack.allowedTeams],
    socketConnections: slack.socketConnections,
    ...(slack.authorizeUrl && { authorizeUrl: slack.authorizeUrl }),
    deliverySecret: key("slack delivery marks"),
    ...(slack.botToken && { botToken: slack.botToken.reveal() }),
    ...(slack.appToken && { appToken: slack.appToken.reveal() }),
    ...(slack.signingSecret && { signingSecret: slack.signingSecret.reveal() }),
    ...(slack.oauth && {
      clientId: slack.oauth.clientId,
      clientSecret: slack.oauth.clientSecret.reveal(),
      stateSecret,
    }),
    ...(config.web.publicUrl && { publicUrl: config.web.publicUrl }),
  });
}

function discordAdapter(config: Config, organization: OrganizationConfig): ChatAdapter | undefined {
  const { discord } = organization;
  if (discord === undefined) return undefined;
  const { botToken, gatewayUrl, shardCount, shardIds, ...settings } = discord;
  return createDiscordAdapter({
    ...settings,
    organizationId: organization.id,
    receive: config.roles.includes("ingest"),
    botToken: botToken.reveal(),
    deliverySecret: deriveKey(config.secretKey, keyName(config, organization, "discord delivery marks")).toString(
      "base64url",
    ),
    ...(gatewayUrl && { gatewayUrl }),
    ...(shardCount && { shardCount }),
    ...(shardIds && { shardIds }),
  });
}

function matrixAdapter(config: Config, organization: OrganizationConfig): ChatAdapter | undefined {
  const { matrix } = organization;
  if (matrix === undefined) return undefined;
  const { accessToken, encryption, appService, inviters, pacing } = matrix;
  const adapter = createMatrixAdapter(
    {
      organizationId: organization.id,
      homeserverUrl: matrix.homeserverUrl,
      receive: config.roles.includes("ingest"),
      ...(accessToken && { accessToken: accessToken.reveal() }),
      encryption: encryption.recoveryKey !== undefined,
      ...(encryption.recoveryKey && { recoveryKey: encryption.recoveryKey.reveal() }),
      ...(appService.token && { appServiceToken: appService.token.reveal() }),
      ...(appService.homeserverToken && { homeserverToken: appService.homeserverToken.reveal() }),
      senderLocalpart: appService.senderLocalpart,
      puppetPrefix: appService.puppetPrefix,
      ...(inviters && { inviters: [...inviters] }),
      declineOthers: matrix.declineOthers,
      trustedServers: [...matrix.trustedServers],
      linkHosts: [...matrix.linkHosts],
      command: matrix.command,
      showNames: matrix.showNames,
      ...(pacing !== undefined && { pacing }),
    },
    new GuardedHttp({ network: { allowPrivateAddresses: config.allowPrivateAgentAddresses, allowedCidrs: [] } }),
  );
  return organization.id === config.organizationId ? adapter : mountedAt(adapter, `/matrix/${organization.id}`);
}

/** What turns replies into posts, without anything else of a platform. */
export type PlatformRenderer = Pick<ChatAdapter, "platform" | "render" | "losses">;

/** Creating an adapter does no I/O and uses no credential, so that one of no workspace renders like any other. */
const RENDERERS: Readonly<Record<string, (linkHosts: readonly string[]) => PlatformRenderer>> = {
  discord: (linkHosts) =>
    createDiscordAdapter({ organizationId: "none", receive: false, botToken: "none", linkHosts: [...linkHosts] }),
  matrix: (linkHosts) =>
    createMatrixAdapter({
      organizationId: "none",
      homeserverUrl: "http://127.0.0.1",
      receive: false,
      accessToken: "none",
      linkHosts: [...linkHosts],
    }),
  slack: (linkHosts) =>
    createSlackAdapter({
      organizationId: "none",
      mode: "http",
      receive: false,
      botToken: "none",
      linkHosts: [...linkHosts],
    }),
  web: () => webRenderer,
};

/** The platforms of `rendererOf`. */
export const RENDERED_PLATFORMS: readonly string[] = Object.keys(RENDERERS);

/** The renderer of a platform, configured or not; `linkHosts` are the hosts whose links stay links. Undefined for an unknown name. */
export function rendererOf(platform: string, linkHosts: readonly string[]): PlatformRenderer | undefined {
  return Object.hasOwn(RENDERERS, platform) ? RENDERERS[platform]?.(linkHosts) : undefined;
}

function connectionOf(presence: AgentPresence | undefined): Pick<WebRoomAgent, "connection"> {
  return presence === undefined ? {} : { connection: presence.state };
}
