import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type PlanAgent, type PlanDifference, type PlanPolicies, planDifferences } from "../../access/access-plan.ts";
import { type AccessRule, MEMBER_CLASSES, type RoleAssignment } from "../../contracts/access.ts";
import type { AccessPlan, PlanChange, PlanEffect, PlannedConfig } from "../../contracts/access-operations.ts";
import type { JsonValue } from "../../contracts/json.ts";
import { laterSettings } from "../../contracts/later-settings.ts";
import { type ChannelPolicy, listChannelPolicies } from "../../ledger/access-lists.ts";
import { readPolicies } from "../../ledger/access-policies.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { readMirror } from "../../ledger/plan-facts.ts";
import type { DirectoryAgent } from "../directory.ts";
import { channelKey, type ResolvedAccess, resolveAccess } from "./access-config.ts";
import { readLabels } from "./place-resolver.ts";

/** What writing a configuration would do, computed over one moment of the ledger. */
export interface AccessChange {
  readonly plan: AccessPlan;
  readonly wanted: ResolvedAccess;
  readonly remove: {
    readonly rules: readonly AccessRule[];
    readonly roles: readonly RoleAssignment[];
    readonly channels: readonly ChannelPolicy[];
  };
  readonly add: AccessChange["remove"];
  /** Agents of the configuration whose channels change. */
  readonly agents: readonly { readonly agent: DirectoryAgent; readonly channels: readonly string[] }[];
  readonly differences: readonly PlanDifference[];
}

const SHOWN_PEOPLE = 10;
const FINGERPRINT_CHARS = 16;

/** Computes the change from what the ledger holds to a configuration; reads only. */
export async function computeChange(
  sql: SqlRunner,
  organizationId: string,
  agents: readonly DirectoryAgent[],
  config: PlannedConfig,
): Promise<AccessChange> {
  const wanted = await resolveAccess(sql, organizationId, config.access);
  const rows = await readPolicies(sql);
  const own = <Row extends { readonly organizationId: string }>(all: readonly Row[]): readonly Row[] =>
    all.filter((row) => row.organizationId === organizationId);
  const rules = own(rows.rules);
  const roles = own(rows.roles);
  const channels = await listChannelPolicies(sql, organizationId);
  const remove = {
    rules: rules.filter((row) => row.source === "config" && !wanted.rules.some(({ id }) => id === row.id)),
    roles: roles.filter((row) => row.source === "config" && !wanted.roles.some(({ id }) => id === row.id)),
    channels: channels.filter(
      (row) => row.source === "config" && !wanted.channels.some((other) => channelKey(other) === channelKey(row)),
    ),
  };
  const add = {
    rules: wanted.rules.filter((row) => !rules.some(({ id }) => id === row.id)),
    roles: wanted.roles.filter((row) => !roles.some(({ id }) => id === row.id)),
    channels: wanted.channels.filter(
      (row) =>
        !channels.some(
          (other) =>
            channelKey(other) === channelKey(row) &&
            other.onNarrowerSource === row.onNarrowerSource &&
            other.source === "config",
        ),
    ),
  };
  const { moved, notes } = movedAgents(agents, config);
  const before: PlanPolicies = {
    organizationStopped: rows.organizations.some(({ id, status }) => id === organizationId && status === "stopped"),
    rules,
    roles,
    invitations: own(rows.invitations),
    agents: agents.map((agent) => planAgent(agent, agent.definition.channels)),
  };
  const after: PlanPolicies = {
    ...before,
    rules: [...without(rules, remove.rules), ...add.rules],
    roles: [...without(roles, remove.roles), ...add.roles],
    agents: agents.map((agent) =>
      planAgent(agent, moved.find((other) => other.agent === agent)?.channels ?? agent.definition.channels),
    ),
  };
  const mirror = (await readMirror(sql, organizationId)).map((channel) => ({
    installationId: channel.installationId,
    channelId: channel.channelId,
    name: channel.name ?? undefined,
    kind: channel.kind,
    archived: channel.archived,
    identityInChannel: channel.selfMember ?? undefined,
    spaceId: channel.spaceId ?? undefined,
    categoryId: channel.categoryId ?? undefined,
    members: channel.members.map(({ id, memberClass }) => ({
      id,
      memberClass: MEMBER_CLASSES.find((known) => known === memberClass) ?? ("unknown" as const),
    })),
  }));
  const differences = planDifferences(mirror, before, after);
  const changes = await describe(sql, organizationId, { remove, add, moved });
  const labels = await readLabels(
    sql,
    organizationId,
    differences.map(({ channel }) => ({ installationId: channel.installationId, placeId: channel.channelId })),
    [],
  );
  const effects = differences.map(({ change, what, channel, agent, people }): PlanEffect => {
    const { installationId, channelId: placeId } = channel;
    return {
      change,
      what,
      at: labels.place({ level: "channel", installationId, placeId }),
      ...(agent === undefined ? {} : { agent }),
      ...(people === undefined ? {} : { people: people.length, examples: people.slice(0, SHOWN_PEOPLE) }),
    };
  });
  const fingerprint = createHash("sha256")
    .update(
      JSON.stringify([
        [rules, roles, channels].map((list) => list.map((row) => JSON.stringify(row)).toSorted()),
        before.agents,
        changes,
        wanted.references,
        differences.map(({ channel, ...rest }) => [channel.installationId, channel.channelId, rest]),
      ]),
    )
    .digest("hex")
    .slice(0, FINGERPRINT_CHARS);
  return {
    plan: { fingerprint, changes, effects, notes: [...wanted.problems, ...notes, ...threadNotes(remove, add)] },
    wanted,
    remove,
    add,
    agents: moved,
    differences,
  };
}

function movedAgents(
  agents: readonly DirectoryAgent[],
  config: PlannedConfig,
): { moved: AccessChange["agents"]; notes: string[] } {
  const notes: string[] = [];
  const moved: { agent: DirectoryAgent; channels: readonly string[] }[] = [];
  for (const { handle, channels, later } of config.agents ?? []) {
    const agent = agents.find((known) => known.handle === handle);
    if (agent === undefined) notes.push(`@${handle} is new: it starts with the next start of Parley`);
    else if (agent.row.source !== "config")
      notes.push(`@${handle} was not added by the configuration and stays as it is`);
    else {
      if (JSON.stringify(agent.definition.channels) !== JSON.stringify(channels)) moved.push({ agent, channels });
      const others = later === undefined ? [] : differing(laterSettings(agent.definition), later);
      if (others.length > 0)
        notes.push(`not in this plan: ${others.join(", ")} of @${handle} change with the next start of Parley`);
    }
  }
  for (const agent of config.agents === undefined ? [] : agents) {
    if (agent.row.source === "config" && !config.agents?.some(({ handle }) => handle === agent.handle))
      notes.push(`@${agent.handle} is not in the configuration any more: it is removed with the next start of Parley`);
  }
  return { moved, notes };
}

/** Names of what is not the same in both, whatever the order in which it was written. */
function differing(one: Readonly<Record<string, JsonValue>>, other: Readonly<Record<string, JsonValue>>): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => !isDeepStrictEqual(one[name], other[name])).toSorted();
}

function planAgent(agent: DirectoryAgent, channels: readonly string[]): PlanAgent {
  return { agentId: agent.agentId, handle: agent.handle, channels, stopped: agent.status === "stopped" };
}

function without<Row extends { readonly id: string }>(rows: readonly Row[], gone: readonly Row[]): readonly Row[] {
  const ids = new Set(gone.map((row) => row.id));
  return rows.filter((row) => !ids.has(row.id));
}

function threadNotes(
  ...lists: readonly { readonly rules: readonly AccessRule[]; readonly roles: readonly RoleAssignment[] }[]
): string[] {
  const inThreads = lists.some(({ rules, roles }) => [...rules, ...roles].some((row) => row.level === "thread"));
  return inThreads ? ["what changes in single threads is not counted"] : [];
}

/** Each line that is added or removed, in words. */
async function describe(
  sql: SqlRunner,
  organizationId: string,
  { remove, add, moved }: { remove: AccessChange["remove"]; add: AccessChange["add"]; moved: AccessChange["agents"] },
): Promise<PlanChange[]> {
  const places = [remove, add].flatMap(({ rules, roles, channels }) => [
    ...rules,
    ...roles,
    ...channels.map(({ installationId, channelId }) => ({ installationId, placeId: channelId })),
  ]);
  const labels = await readLabels(sql, organizationId, places, []);
  const lines = (change: PlanChange["change"], lists: AccessChange["remove"]): PlanChange[] => [
    ...lists.rules.map(
      (row): PlanChange => ({ change, what: "rule", text: `${ruleText(row)} at ${labels.place(row).label}` }),
    ),
    ...lists.roles.map(
      (row): PlanChange => ({
        change,
        what: "role",
        text: `${row.role} for person:${row.personId} at ${labels.place(row).label}`,
      }),
    ),
    ...lists.channels.map(({ installationId, channelId, onNarrowerSource }): PlanChange => {
      const { label } = labels.place({ level: "channel", installationId, placeId: channelId });
      return { change, what: "channel_policy", text: `${onNarrowerSource} in ${label}` };
    }),
  ];
  return [
    ...lines("remove", remove),
    ...lines("add", add),
    ...moved.flatMap(({ agent, channels }): PlanChange[] => [
      { change: "remove", what: "agent_channels", text: `@${agent.handle} in ${agent.definition.channels.join(", ")}` },
      { change: "add", what: "agent_channels", text: `@${agent.handle} in ${channels.join(", ")}` },
    ]),
  ];
}

export function ruleText({ effect, action, subjectKind, subject }: AccessRule): string {
  return `${effect} ${action} to ${subject === "" ? subjectKind : `${subjectKind}:${subject}`}`;
}
