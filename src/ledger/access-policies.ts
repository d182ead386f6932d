import type { AccessRule, AgentInvitation, NarrowerSourcePolicy, RoleAssignment } from "../contracts/access.ts";
import type { SqlRunner } from "./connection/database.ts";

/** Told to all processes whenever anything that `readPolicies` returns has changed. */
export const POLICIES_CHANGED = "parley_access";

/** Everything that was decided about access, of all organizations. */
export interface PolicyRows {
  readonly organizations: readonly { readonly id: string; readonly status: string }[];
  readonly rules: readonly (AccessRule & { readonly organizationId: string })[];
  readonly roles: readonly (RoleAssignment & { readonly organizationId: string })[];
  readonly invitations: readonly (AgentInvitation & { readonly organizationId: string })[];
  readonly channels: readonly {
    readonly organizationId: string;
    readonly installationId: string;
    readonly channelId: string;
    readonly onNarrowerSource: NarrowerSourcePolicy;
  }[];
}

/** Reads it as one moment shows it. */
export async function readPolicies(sql: SqlRunner): Promise<PolicyRows> {
  const [row] = await sql.query<PolicyRows>({
    name: "read_policies",
    text: `select
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'status', status)), '[]') from organizations) as organizations,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'organizationId', organization_id, 'level', level, 'installationId', installation_id, 'placeId', place_id,
        'subjectKind', subject_kind, 'subject', subject, 'action', action, 'effect', effect, 'source', source) order by created_at, id), '[]') from access_rules) as rules,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'organizationId', organization_id, 'level', level, 'installationId', installation_id, 'placeId', place_id,
        'personId', person_id, 'role', role, 'source', source) order by created_at, id), '[]') from role_assignments) as roles,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'organizationId', organization_id, 'installationId', installation_id, 'channelId', channel_id, 'agentId', agent_id,
        'inviterKind', inviter_kind, 'inviterId', inviter_id)), '[]') from agent_invitations where ended_at is null) as invitations,
      (select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'installationId', installation_id, 'channelId', channel_id,
        'onNarrowerSource', on_narrower_source)), '[]') from channel_policies) as channels`,
  });
  return row ?? { organizations: [], rules: [], roles: [], invitations: [], channels: [] };
}

/** Tells all processes, once the transaction is committed. */
export async function notifyPolicies(sql: SqlRunner): Promise<void> {
  await sql.query({ text: "select pg_notify($1, '')" }, [POLICIES_CHANGED]);
}
