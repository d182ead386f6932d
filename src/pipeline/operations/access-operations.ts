import type { PolicyBook } from "../../access/policy-book.ts";
import type { AccessPlace } from "../../contracts/access.ts";
import type { AccessConfig } from "../../contracts/access-config.ts";
import type {
  AccessOperations,
  AccessView,
  InvitationView,
  InviteInput,
  RoleView,
  RuleView,
} from "../../contracts/access-operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import {
  deleteRoles,
  deleteRules,
  insertRoles,
  insertRules,
  listChannelPolicies,
  lockLists,
  saveChannelPolicy,
} from "../../ledger/access-lists.ts";
import { notifyPolicies, readPolicies } from "../../ledger/access-policies.ts";
import { notifyAgents, saveAgent } from "../../ledger/agents.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import type { InvitationRow } from "../../ledger/invitations.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import type { Directory } from "../directory.ts";
import { computeChange } from "./access-change.ts";
import { rowOfChannel, rowOfRole, rowsOfRule } from "./access-config.ts";
import { auditLines, configLines, writeChange } from "./access-writes.ts";
import type { InvitationOutcome, Invitations } from "./invitation-operations.ts";
import { readLabels, resolvePlace } from "./place-resolver.ts";
import { endUngrantedWork } from "./ungranted-work.ts";

export interface AccessOperationsOptions {
  readonly database: Database;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly invitations: Invitations;
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

export interface AccessRegistry extends AccessOperations {
  /**
   * Makes the lines of the configuration in the ledger exactly these.
   *
   * With the state that an earlier call left, nothing is written once somebody else has written another configuration since.
   */
  sync(organizationId: string, config: AccessConfig, left?: string): Promise<SyncOutcome>;
  /** Calls back with each configuration that was applied here, until the process ends. */
  onApplied(listener: (config: AccessConfig) => void): void;
}

interface SyncOutcome {
  /** One sentence for each place that is not known yet. */
  readonly problems: readonly string[];
  /** Names the lines that the configuration has in the ledger now; undefined when it was superseded. */
  readonly left: string | undefined;
}

/** Access lists, roles, invitations and plans for operators, over the ledger. */
export function createAccessOperations(options: AccessOperationsOptions): AccessRegistry {
  const { database, directory, policies, invitations } = options;
  const listeners: ((config: AccessConfig) => void)[] = [];

  /** Changes lists in one transaction with their audit record; what is not allowed any more is ended right after. */
  async function change<Result>(organizationId: string, work: (tx: SqlRunner) => Promise<Result>): Promise<Result> {
    const result = await retryDeadlocks(() =>
      database.transaction(async (tx) => {
        await lockLists(tx, organizationId);
        const done = await work(tx);
        await notifyPolicies(tx);
        return done;
      }),
    );
    await policies.refresh();
    await endUngrantedWork(options, organizationId);
    return result;
  }

  async function placeOf(tx: SqlRunner, organizationId: string, text: string): Promise<AccessPlace> {
    const { place, problem } = await resolvePlace(tx, organizationId, text);
    if (place === undefined) throw new ParleyError("NOT_FOUND", { detail: problem });
    return place;
  }

  async function invitationPlace(organizationId: string, { channel, agent }: InviteInput) {
    const handle = agent.replace(/^@/u, "");
    if (directory.byHandle(organizationId, handle) === undefined)
      throw new ParleyError("NOT_FOUND", { detail: `there is no agent @${handle}` });
    const place = await placeOf(database, organizationId, channel);
    if (place.level !== "channel")
      throw new ParleyError("REQUEST_INVALID", {
        detail: `${channel} is no channel; agents are invited into channels`,
      });
    const [row] = await database.query<{
      kind: "public" | "private" | "direct" | "group_direct";
      name: string | null;
      space: string | null;
    }>({ text: "select kind, name, space_id as space from channels where installation_id = $1 and channel_id = $2" }, [
      place.installationId,
      place.placeId,
    ]);
    if (row === undefined) throw new ParleyError("NOT_FOUND", { detail: `no channel is known as ${channel}` });
    return {
      handle,
      installationId: place.installationId,
      path: {
        space: { id: row.space ?? place.installationId },
        channel: { id: place.placeId, name: row.name ?? undefined, kind: row.kind, external: false },
      },
    };
  }

  async function viewsOf(organizationId: string, rows: readonly InvitationRow[]): Promise<InvitationView[]> {
    const places = rows.map(({ installationId, channelId }) => ({ installationId, placeId: channelId }));
    const labels = await readLabels(database, organizationId, places, []);
    return rows.map((row) => ({
      id: row.id,
      agent: directory.get(row.agentId)?.handle ?? row.agentId,
      at: labels.place({ level: "channel", installationId: row.installationId, placeId: row.channelId }),
      inviterKind: row.inviterKind,
      inviterId: row.inviterId,
      ...(row.inviterName === null ? {} : { inviterName: row.inviterName }),
      since: row.createdAt.toISOString(),
    }));
  }

  async function show(organizationId: string): Promise<AccessView> {
    const rows = await readPolicies(database);
    const own = <Row extends { readonly organizationId: string }>(all: readonly Row[]): readonly Row[] =>
      all.filter((row) => row.organizationId === organizationId);
    const [rules, roles] = [own(rows.rules), own(rows.roles)];
    const channels = await listChannelPolicies(database, organizationId);
    const places = channels.map(({ installationId, channelId }) => ({ installationId, placeId: channelId }));
    const labels = await readLabels(
      database,
      organizationId,
      [...rules, ...roles, ...places],
      roles.map((role) => role.personId),
    );
    return {
      rules: rules.map(
        ({ id, subjectKind, subject, action, effect, source, ...at }): RuleView => ({
          id,
          at: labels.place(at),
          subjectKind,
          subject,
          action,
          effect,
          source,
        }),
      ),
      roles: roles.map(({ id, personId, role, source, ...at }): RoleView => {
        const name = labels.person(personId);
        return {
          id,
          personId,
          role,
          source,
          at: labels.place(at),
          ...(name === undefined ? {} : { personName: name }),
        };
      }),
      invitations: await viewsOf(organizationId, await invitations.list(organizationId)),
      channels: channels.map(({ installationId, channelId, onNarrowerSource, source }) => ({
        at: labels.place({ level: "channel", installationId, placeId: channelId }),
        onNarrowerSource,
        source,
      })),
    };
  }

  return {
    show,
    async addRule(organizationId, input, by) {
      const rows = await change(organizationId, async (tx) => {
        const rules = rowsOfRule(organizationId, input, await placeOf(tx, organizationId, input.at), "operator");
        const added = await insertRules(tx, { organizationId, createdBy: by }, rules);
        await auditLines(
          tx,
          organizationId,
          by,
          "rule_added",
          rules.filter((rule) => added.includes(rule.id)),
        );
        return rules;
      });
      const { rules } = await show(organizationId);
      return rules.filter((rule) => rows.some(({ id }) => id === rule.id));
    },
    async removeRule(organizationId, id, by) {
      const { rules } = await show(organizationId);
      refuseConfigured(
        rules.find((rule) => rule.id === id),
        "rule",
      );
      await change(organizationId, async (tx) => {
        const removed = await deleteRules(tx, organizationId, [id]);
        await auditLines(
          tx,
          organizationId,
          by,
          "rule_removed",
          rules.filter((rule) => removed.includes(rule.id)),
        );
      });
    },
    async assignRole(organizationId, input, by) {
      const row = await change(organizationId, async (tx) => {
        const role = rowOfRole(organizationId, input, await placeOf(tx, organizationId, input.at), "operator");
        const added = await insertRoles(tx, { organizationId, createdBy: by }, [role]);
        await auditLines(tx, organizationId, by, "role_given", added.length > 0 ? [role] : []);
        return role;
      });
      const view = (await show(organizationId)).roles.find(({ id }) => id === row.id);
      if (view === undefined) throw new ParleyError("CONFLICT", { detail: "the role was taken away at the same time" });
      return view;
    },
    async removeRole(organizationId, id, by) {
      const { roles } = await show(organizationId);
      refuseConfigured(
        roles.find((role) => role.id === id),
        "role",
      );
      await change(organizationId, async (tx) => {
        const removed = await deleteRoles(tx, organizationId, [id]);
        await auditLines(
          tx,
          organizationId,
          by,
          "role_taken",
          roles.filter((role) => removed.includes(role.id)),
        );
      });
    },
    async setChannel(organizationId, input, by) {
      const policy = await change(organizationId, async (tx) => {
        const row = rowOfChannel(input, await placeOf(tx, organizationId, input.channel), "operator");
        await saveChannelPolicy(tx, organizationId, row);
        await auditLines(tx, organizationId, by, "channel_policy_set", [row]);
        return row;
      });
      const { installationId, channelId: placeId, onNarrowerSource, source } = policy;
      const labels = await readLabels(database, organizationId, [{ installationId, placeId }], []);
      return { at: labels.place({ level: "channel", installationId, placeId }), onNarrowerSource, source };
    },
    async invite(organizationId, input, by) {
      const { handle, ...where } = await invitationPlace(organizationId, input);
      const request = { organizationId, ...where, agentHandle: handle, by: { kind: "operator", id: by } } as const;
      const outcome = await invitations.invite(request);
      if (outcome.result !== "invited" && outcome.result !== "already_own" && outcome.result !== "already_invited")
        throw refusalOf(outcome, handle, input.channel);
      const [view] = await viewsOf(organizationId, outcome.invitation === undefined ? [] : [outcome.invitation]);
      if (view === undefined) throw new ParleyError("CONFLICT", { detail: "the invitation ended at the same time" });
      return view;
    },
    async uninvite(organizationId, input, by) {
      const { handle, ...where } = await invitationPlace(organizationId, input);
      const outcome = await invitations.uninvite({
        organizationId,
        ...where,
        agentHandle: handle,
        by: { kind: "operator", id: by },
      });
      if (outcome.result !== "uninvited") throw refusalOf(outcome, handle, input.channel);
    },
    async plan(organizationId, input) {
      return await database.transaction(
        async (tx) => (await computeChange(tx, organizationId, directory.list(organizationId), input)).plan,
      );
    },
    async apply(organizationId, input, { fingerprint, force }, by) {
      await directory.refresh();
      const { plan } = await change(organizationId, async (tx) => {
        const planned = await computeChange(tx, organizationId, directory.list(organizationId), input);
        if (!force && planned.plan.fingerprint !== fingerprint)
          throw new ParleyError("CONFLICT", {
            detail: `the plan is another one now (${planned.plan.fingerprint}): people, channels, lists or the configuration have changed since; look at it again with: parley access plan`,
          });
        await writeChange(tx, organizationId, planned, by);
        for (const { agent, channels } of planned.agents) {
          await saveAgent(tx, { ...agent.row, definition: { ...agent.definition, channels: [...channels] } });
        }
        if (planned.agents.length > 0) await notifyAgents(tx);
        return planned;
      });
      await directory.refresh();
      await endUngrantedWork(options, organizationId);
      for (const listener of listeners) listener(input.access);
      return plan;
    },
    async sync(organizationId, config, left) {
      return await change(organizationId, async (tx): Promise<SyncOutcome> => {
        if (left !== undefined && (await configLines(tx, organizationId)) !== left)
          return { problems: [], left: undefined };
        const found = await computeChange(tx, organizationId, directory.list(organizationId), { access: config });
        await writeChange(tx, organizationId, found, "config");
        return { problems: found.wanted.problems, left: await configLines(tx, organizationId) };
      });
    },
    onApplied: (listener) => void listeners.push(listener),
  };
}

function refuseConfigured(row: { readonly source: "config" | "operator" } | undefined, what: string): void {
  if (row === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no such ${what}` });
  if (row.source === "config")
    throw new ParleyError("CONFLICT", {
      detail: `this ${what} is in the configuration file; take it out there and run: parley access apply`,
    });
}

/** Why an operator's wish about an invitation was not carried out. */
function refusalOf({ result, rule }: InvitationOutcome, handle: string, channel: string): ParleyError {
  switch (result) {
    case "already_member":
      return new ParleyError("CONFLICT", {
        detail: `the definition of @${handle} names ${channel}: change its channels to change that`,
      });
    case "not_invited":
      return new ParleyError("NOT_FOUND", { detail: `@${handle} is not invited into ${channel}` });
    default:
      return new ParleyError("PERMISSION_DENIED", { detail: `@${handle} cannot be invited into ${channel} (${rule})` });
  }
}
