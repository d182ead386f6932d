import type { RoleView, RuleView } from "../../contracts/access-operations.ts";
import {
  type ChannelPolicy,
  deleteChannelPolicy,
  deleteRoles,
  deleteRules,
  insertRoles,
  insertRules,
  keepReferences,
  listChannelPolicies,
  saveChannelPolicy,
} from "../../ledger/access-lists.ts";
import { readPolicies } from "../../ledger/access-policies.ts";
import { type AuditEntry, appendAudit } from "../../ledger/audit-log.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import type { AccessChange } from "./access-change.ts";

/** Equal for equal lines of the configuration in the ledger. */
export async function configLines(tx: SqlRunner, organizationId: string): Promise<string> {
  const { rules, roles } = await readPolicies(tx);
  const lines = [...rules, ...roles].filter((row) => row.organizationId === organizationId && row.source === "config");
  const channels = (await listChannelPolicies(tx, organizationId)).filter((row) => row.source === "config");
  return JSON.stringify([...lines.map((row) => row.id), ...channels.map((row) => JSON.stringify(row))].toSorted());
}

/** Writes a computed change of configuration with one audit entry for each line. */
export async function writeChange(
  tx: SqlRunner,
  organizationId: string,
  { add, remove, wanted, agents }: AccessChange,
  by: string,
) {
  const origin = { organizationId, createdBy: by };
  const ids = (rows: readonly { readonly id: string }[]): string[] => rows.map((row) => row.id);
  await deleteRules(tx, organizationId, ids(remove.rules));
  await deleteRoles(tx, organizationId, ids(remove.roles));
  for (const row of remove.channels) await deleteChannelPolicy(tx, organizationId, row);
  await insertRules(tx, origin, add.rules);
  await insertRoles(tx, origin, add.roles);
  for (const row of add.channels) await saveChannelPolicy(tx, organizationId, row);
  await keepReferences(tx, organizationId, wanted.references);
  await auditLines(tx, organizationId, by, "rule_removed", remove.rules);
  await auditLines(tx, organizationId, by, "role_taken", remove.roles);
  await auditLines(tx, organizationId, by, "channel_policy_removed", remove.channels);
  await auditLines(tx, organizationId, by, "rule_added", add.rules);
  await auditLines(tx, organizationId, by, "role_given", add.roles);
  await auditLines(tx, organizationId, by, "channel_policy_set", add.channels);
  const entries = agents.map(
    ({ agent, channels }): AuditEntry => ({
      what: "grant_changed",
      change: "agent_channels",
      by,
      agent: agent.agentId,
      channels: [...channels],
    }),
  );
  await appendAudit(tx, organizationId, entries);
}

type Listed =
  | RuleView
  | RoleView
  | ChannelPolicy
  | Parameters<typeof insertRules>[2][number]
  | Parameters<typeof insertRoles>[2][number];

/** One entry for each line that changed, with all that it says. */
export async function auditLines(
  tx: SqlRunner,
  organizationId: string,
  by: string,
  changed: string,
  rows: readonly Listed[],
): Promise<void> {
  const entries = rows.map((row): AuditEntry => {
    const place = "at" in row ? row.at : row;
    return {
      what: "grant_changed",
      change: changed,
      by,
      ...("id" in row ? { line: row.id } : {}),
      ...("level" in place ? { level: place.level, installation: place.installationId, place: place.placeId } : {}),
      ...("channelId" in row
        ? { installation: row.installationId, channel: row.channelId, policy: row.onNarrowerSource }
        : {}),
      ...("personId" in row ? { person: row.personId, role: row.role } : {}),
      ...("action" in row
        ? { effect: row.effect, action: row.action, subject: `${row.subjectKind}:${row.subject}`, source: row.source }
        : {}),
    };
  });
  await appendAudit(tx, organizationId, entries);
}
