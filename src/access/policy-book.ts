import type { AccessPlace, AccessRole, AccessRule, NarrowerSourcePolicy } from "../contracts/access.ts";
import { POLICIES_CHANGED, type PolicyRows, readPolicies } from "../ledger/access-policies.ts";
import type { Database } from "../ledger/connection/database.ts";

/** What was decided about access in one organization: its lists, roles, invitations and switches. */
export interface OrganizationPolicies {
  readonly stopped: boolean;
  readonly rules: readonly AccessRule[];
  /** Roles that a person was given at any of these places. */
  rolesOf(personId: string, where: readonly AccessPlace[]): readonly AccessRole[];
  /** Whether a standing invitation holds; without an installation, for channels whose ids are unique by themselves (web rooms). */
  isInvited(installationId: string | undefined, channelId: string, agentId: string): boolean;
  /** What the channel does with a reply that not all its readers may read. Default: it is withheld. */
  onNarrowerSource(installationId: string, channelId: string): NarrowerSourcePolicy;
}

/** The policies that hold now, from memory; read again when any process changes one. */
export interface PolicyBook {
  of(organizationId: string): OrganizationPolicies;
  refresh(): Promise<void>;
  close(): Promise<void>;
}

const EMPTY: PolicyRows = { organizations: [], rules: [], roles: [], invitations: [], channels: [] };

/** Nothing stands against an organization without policies of its own. */
export const NO_POLICIES: OrganizationPolicies = policiesOf(EMPTY, "");

/** Loads the policies and keeps them current by notification; resolves when they are complete. */
export async function openPolicyBook(database: Database, onError: (error: unknown) => void): Promise<PolicyBook> {
  let book = new Map<string, OrganizationPolicies>();
  let begun = 0;
  let applied = 0;

  async function refresh(): Promise<void> {
    begun += 1;
    const mine = begun;
    const rows = await readPolicies(database);
    // Of two looks at once the one that began later knows more, whichever comes back last.
    if (mine < applied) return;
    applied = mine;
    book = new Map(rows.organizations.map(({ id }) => [id, policiesOf(rows, id)]));
  }

  const refreshQuietly = (): void => void refresh().catch(onError);
  const stopListening = await database.listen(POLICIES_CHANGED, refreshQuietly, refreshQuietly);
  await refresh();
  return { of: (organizationId) => book.get(organizationId) ?? NO_POLICIES, refresh, close: stopListening };
}

/** The policies of one organization out of those of all. Pure. */
export function policiesOf(rows: PolicyRows, organizationId: string): OrganizationPolicies {
  const own = <Row extends { readonly organizationId: string }>(all: readonly Row[]): readonly Row[] =>
    all.filter((row) => row.organizationId === organizationId);
  const roles = own(rows.roles);
  const invitations = own(rows.invitations);
  const channels = new Map(
    own(rows.channels).map((row) => [JSON.stringify([row.installationId, row.channelId]), row.onNarrowerSource]),
  );
  return {
    stopped: rows.organizations.some(({ id, status }) => id === organizationId && status === "stopped"),
    rules: own(rows.rules),
    rolesOf: (personId, where) =>
      roles
        .filter(
          (role) =>
            role.personId === personId &&
            where.some(
              (place) =>
                place.level === role.level &&
                place.installationId === role.installationId &&
                place.placeId === role.placeId,
            ),
        )
        .map(({ role }) => role),
    isInvited: (installationId, channelId, agentId) =>
      invitations.some(
        (row) =>
          row.channelId === channelId &&
          row.agentId === agentId &&
          (installationId === undefined || row.installationId === installationId),
      ),
    onNarrowerSource: (installationId, channelId) =>
      channels.get(JSON.stringify([installationId, channelId])) ?? "withhold",
  };
}
