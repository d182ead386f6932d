import { createHash } from "node:crypto";
import type { AccessPlace, AccessRule, RoleAssignment } from "../../contracts/access.ts";
import {
  type AccessChannelInput,
  type AccessConfig,
  type AccessRoleInput,
  type AccessRuleInput,
  parseSubject,
} from "../../contracts/access-config.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { type ChannelPolicy, readReferences } from "../../ledger/access-lists.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { resolvePlace } from "./place-resolver.ts";

/** The lists that a configuration stands for, with what each of its places was found to be. */
export interface ResolvedAccess {
  readonly rules: readonly AccessRule[];
  readonly roles: readonly RoleAssignment[];
  readonly channels: readonly ChannelPolicy[];
  readonly references: readonly (AccessPlace & { readonly reference: string })[];
  /** One sentence for each place that is not known (yet); its lines are left out. */
  readonly problems: readonly string[];
}

/**
 * Finds what a configuration's places are and turns its lines into rows.
 *
 * A place that was found before keeps what it meant, whatever the channel is called now: a rename takes no list away and moves none.
 */
export async function resolveAccess(
  sql: SqlRunner,
  organizationId: string,
  config: AccessConfig,
): Promise<ResolvedAccess> {
  const written = new Set([
    ...config.rules.map((rule) => rule.at),
    ...config.roles.map((role) => role.at),
    ...config.channels.map((channel) => channel.channel),
  ]);
  const known = new Map(
    (await readReferences(sql, organizationId)).map(({ reference, ...place }) => [reference, place]),
  );
  const places = new Map<string, AccessPlace>();
  const problems: string[] = [];
  for (const reference of written) {
    const found = known.get(reference) ?? (await resolvePlace(sql, organizationId, reference));
    const place = "level" in found ? found : found.place;
    if (place === undefined) problems.push("problem" in found ? (found.problem ?? reference) : reference);
    else places.set(reference, place);
  }
  const at = (reference: string): AccessPlace[] => [places.get(reference) ?? []].flat();
  const rules = config.rules.flatMap((rule) =>
    at(rule.at).flatMap((place) => rowsOfRule(organizationId, rule, place, "config")),
  );
  const roles = config.roles.flatMap((role) =>
    at(role.at).map((place) => rowOfRole(organizationId, role, place, "config")),
  );
  const channels = config.channels.flatMap((channel) =>
    at(channel.channel).map((place) => rowOfChannel(channel, place, "config")),
  );
  return {
    rules: distinct(rules, (row) => row.id),
    roles: distinct(roles, (row) => row.id),
    channels: distinct(channels, channelKey),
    references: [...places].map(([reference, place]) => ({ ...place, reference })),
    problems,
  };
}

/** One row for each action of a rule; the same line of the same source always has the same id. */
export function rowsOfRule(
  organizationId: string,
  input: AccessRuleInput,
  place: AccessPlace,
  source: AccessRule["source"],
): AccessRule[] {
  const subject = parseSubject(input.who);
  if (subject === undefined) throw new ParleyError("REQUEST_INVALID", { detail: `${input.who} names nobody` });
  return [...new Set(input.actions)].map((action) => {
    const row = { ...placeOnly(place), ...subject, action, effect: input.effect, source };
    return { id: idOf("g", organizationId, row), ...row };
  });
}

export function rowOfRole(
  organizationId: string,
  input: AccessRoleInput,
  place: AccessPlace,
  source: RoleAssignment["source"],
): RoleAssignment {
  const row = { ...placeOnly(place), personId: input.person, role: input.role, source };
  return { id: idOf("o", organizationId, row), ...row };
}

export function rowOfChannel(
  input: AccessChannelInput,
  { installationId, placeId }: AccessPlace,
  source: ChannelPolicy["source"],
): ChannelPolicy {
  return { installationId, channelId: placeId, onNarrowerSource: input.onNarrowerSource, source };
}

export function channelKey(row: { readonly installationId: string; readonly channelId: string }): string {
  return JSON.stringify([row.installationId, row.channelId]);
}

function placeOnly({ level, installationId, placeId }: AccessPlace): AccessPlace {
  return { level, installationId, placeId };
}

function idOf(prefix: string, organizationId: string, row: object): string {
  return `${prefix}_${createHash("sha256")
    .update(JSON.stringify([organizationId, row]))
    .digest("hex")
    .slice(0, 24)}`;
}

/** The first of each key. */
function distinct<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  const seen = new Map<string, Row>();
  for (const row of rows) if (!seen.has(keyOf(row))) seen.set(keyOf(row), row);
  return [...seen.values()];
}
