import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openPolicyBook, type PolicyBook } from "../../../src/access/policy-book.ts";
import { AccessConfig } from "../../../src/contracts/access-config.ts";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { ConversationPath } from "../../../src/envelope/conversation.ts";
import { saveAgent } from "../../../src/ledger/agents.ts";
import { upsertMemberships } from "../../../src/ledger/channel-mirror.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { endInvitationsOf } from "../../../src/ledger/invitations.ts";
import { createIdSource } from "../../../src/ledger/row-ids.ts";
import { retryDeadlocks } from "../../../src/ledger/sql-states.ts";
import { type Directory, openDirectory } from "../../../src/pipeline/directory.ts";
import { type AccessRegistry, createAccessOperations } from "../../../src/pipeline/operations/access-operations.ts";
import { createAccessSync } from "../../../src/pipeline/operations/access-sync.ts";
import { createInvitations, type Invitations } from "../../../src/pipeline/operations/invitation-operations.ts";
import { BACKENDS, openForTest } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const quiet = (): void => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
const newId = createIdSource();
const GENERAL: ConversationPath = {
  space: { id: "T1" },
  channel: { id: "C1", name: "general", kind: "public", external: false },
};
const fail = (error: unknown): never => {
  throw error;
};

describe.each(BACKENDS)("access on %s", (backend) => {
  let database: Database;
  let directory: Directory;
  let policies: PolicyBook;
  let invitations: Invitations;
  let access: AccessRegistry;
  const cancelled: string[] = [];

  beforeEach(async () => {
    cancelled.length = 0;
    database = await openForTest(backend);
    await migrate(database, MIGRATIONS);
    for (const text of [
      "insert into organizations (id, name) values ('o', 'o'), ('p', 'p')",
      `insert into installations (id, organization_id, platform, external_id, name) values ('i_1', 'o', 'slack', 'T1', 'One'), ('i_2', 'o', 'discord', 'G1', 'Two'),
        ('i_9', 'p', 'slack', 'T9', 'Nine')`,
      `insert into channels (installation_id, channel_id, organization_id, kind, name, space_id) values ('i_1', 'C1', 'o', 'public', 'general', 'T1'),
        ('i_1', 'C2', 'o', 'private', 'sales', 'T1'), ('i_2', 'D1', 'o', 'public', 'general', 'G1'), ('i_9', 'C9', 'p', 'public', 'general', 'T9')`,
      `insert into memberships (installation_id, channel_id, member_id, organization_id, state, member_class, source, version)
        select 'i_1', c, 'u' || n, 'o', 'joined', case when n > 5 then 'guest' else 'member' end, 'event', '1' from generate_series(1, 8) n, unnest(array['C1', 'C2']) c`,
    ])
      await database.query({ text });
    for (const handle of ["helper", "other"])
      await saveAgent(database, {
        id: `a_${handle}`,
        organizationId: "o",
        definition: AgentDefinition.parse({ handle, name: handle, channels: ["nowhere"], connector: { kind: "none" } }),
        secrets: null,
        color: "#000000",
        source: "config",
      });
    directory = await openDirectory(database, fail);
    policies = await openPolicyBook(database, fail);
    const ports = {
      database,
      directory,
      policies,
      newId,
      cancelRunning: (ids: readonly string[]) => void cancelled.push(...ids),
    };
    invitations = createInvitations(ports);
    access = createAccessOperations({ ...ports, invitations });
    onTestFinished(async () => {
      await directory.close();
      await policies.close();
    });
  });

  const person = (id: string) => ({ kind: "person", id }) as const;
  const request = (id: string, more: object = {}) => ({
    organizationId: "o",
    installationId: "i_1",
    path: GENERAL,
    agentHandle: "helper",
    by: person(id),
    ...more,
  });
  const audited = async (): Promise<string[]> => {
    const rows = await database.query<{ entries: string }>({
      text: "select entries from audit_log where organization_id = 'o' order by xact, id",
    });
    return rows.flatMap(
      ({ entries }) =>
        (JSON.parse(entries) as { what: string; change?: string }[]).map(({ what, change }) => change ?? what), // written by the log itself
    );
  };
  async function leave(member: string, version: string): Promise<void> {
    await retryDeadlocks(() =>
      database.transaction(async (tx) => {
        await upsertMemberships(tx, [
          { org: "o", inst: "i_1", channel: "C1", member, state: "left", source: "event", version, implied: false },
        ]);
        await endInvitationsOf(tx, [{ inst: "i_1", channel: "C1", member }]);
      }),
    );
  }

  test("an event that is handled again changes nothing, also when the invitation has ended since", async () => {
    const again = request("u1", { eventId: "e_1" });
    expect(await invitations.invite(again)).toMatchObject({ result: "invited", rule: "class_member" });
    expect(await invitations.invite(again)).toMatchObject({ result: "invited", rule: "done_before" });
    expect(policies.of("o").isInvited("i_1", "C1", "a_helper")).toBe(true);
    await invitations.uninvite(request("u2"));
    expect(await invitations.invite(again)).toMatchObject({ result: "invited", rule: "done_before" });
    expect(policies.of("o").isInvited("i_1", "C1", "a_helper")).toBe(false);
    expect(await audited()).toEqual(["invited", "uninvited"]);
  });

  test("guests, strangers and who has left invite nobody", async () => {
    expect(await invitations.invite(request("u6"))).toMatchObject({ result: "denied", rule: "class_guest" });
    expect(await invitations.invite(request("stranger"))).toMatchObject({
      result: "denied",
      rule: "membership_unknown",
    });
    await leave("u1", "5");
    expect(await invitations.invite(request("u1"))).toMatchObject({ result: "denied", rule: "not_a_member" });
    // A command that was given before the leave comes too late; one that was given after it shows that they are back.
    const seen = (seenAt: string) => request("u1", { by: { ...person("u1"), memberClass: "member", seenAt } });
    expect(await invitations.invite(seen("4"))).toMatchObject({ result: "denied", rule: "not_a_member" });
    expect(await invitations.invite(seen("6"))).toMatchObject({ result: "invited" });
    expect(await audited()).toEqual(["denied", "denied", "denied", "denied", "invited"]);
  });

  test("no order of a leave and an invitation leaves the invitation behind", { timeout: 120_000 }, async () => {
    for (let trial = 0; trial < 60; trial += 1) {
      const member = `w${trial}`;
      await database.query(
        {
          text: `insert into memberships (installation_id, channel_id, member_id, organization_id, state, source, version) values ('i_1', 'C1', $1, 'o', 'joined', 'event', '1')`,
        },
        [member],
      );
      await Promise.all([invitations.invite(request(member)), leave(member, "2")]);
      const left = await database.query({ text: "select inviter_id from agent_invitations where ended_at is null" });
      expect(left).toEqual([]);
    }
  });

  test("an end cancels what the agent has open in that channel and nothing else", async () => {
    for (const agent of ["helper", "other"]) await invitations.invite(request("u1", { agentHandle: agent }));
    const conversations = [
      ["c_1", "C1"],
      ["c_2", "C2"],
    ];
    for (const [conversation, channel] of conversations)
      await database.query(
        {
          text: `insert into conversations (id, organization_id, installation_id, platform, channel_id, path) values ($1, 'o', 'i_1', 'slack', $2, '{}')`,
        },
        [conversation, channel],
      );
    for (const [turn, agent, conversation, state] of [
      ["t_run", "a_helper", "c_1", "running"],
      ["t_else", "a_helper", "c_2", "delivering"],
      ["t_other", "a_other", "c_1", "running"],
    ]) {
      await database.query(
        {
          text: `insert into turns (id, organization_id, agent_id, conversation_id, reply_conversation_id, event_id, reason, state, root_event_id)
            values ($1, 'o', $2, $3, $3, 'e_' || $1, 'mention', $4, 'e')`,
        },
        [turn, agent, conversation, state],
      );
    }
    for (const [id, turn, agent, conversation] of [
      ["d_loose", null, "a_helper", "c_1"],
      ["d_else", "t_else", "a_helper", "c_2"],
      ["d_other", null, "a_other", "c_1"],
    ])
      await database.query(
        {
          text: `insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, state)
            values ($1, 'o', $2, $3, $4, 0, '{}', '', $1, 'pending')`,
        },
        [id, turn, agent, conversation],
      );
    expect(await invitations.uninvite(request("u2"))).toMatchObject({ result: "uninvited" });
    expect(cancelled).toEqual(["t_run"]);
    const turns = await database.query({ text: "select id from turns where cancel_requested is not null" });
    expect(turns).toEqual([{ id: "t_run" }]);
    const writes = await database.query({ text: "select id from deliveries where state = 'cancelled'" });
    expect(writes).toEqual([{ id: "d_loose" }]);
  });

  const config = (input: unknown): AccessConfig => AccessConfig.parse(input);
  const DENY = { at: "slack:general", who: "class:guest", actions: ["start_agent"], effect: "deny" };

  test("a plan counts people and channels, is applied as shown, and refused once anything else would come of it", async () => {
    const wanted = {
      access: config({ rules: [DENY] }),
      agents: [
        { handle: "helper", channels: ["sales"] },
        { handle: "other", channels: ["nowhere"] },
      ],
    };
    const plan = await access.plan("o", wanted);
    expect(plan.effects.map(({ change, what, at, agent, people }) => [change, what, at.label, agent, people])).toEqual([
      ["lose", "start_agent", "slack:general", undefined, 3],
      ["gain", "take_part", "slack:sales", "helper", undefined],
      ["gain", "reach_agent", "slack:sales", "helper", 8],
    ]);
    expect((await access.show("o")).rules).toEqual([]);
    // Somebody else joins: the plan would reach one more.
    await database.query({
      text: `insert into memberships (installation_id, channel_id, member_id, organization_id, state, source, version) values ('i_1', 'C2', 'late', 'o', 'joined', 'event', '1')`,
    });
    const accepted = { fingerprint: plan.fingerprint, force: false };
    await expect(access.apply("o", wanted, accepted, "op")).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await access.show("o")).rules).toEqual([]);
    const newer = await access.plan("o", wanted);
    await access.apply("o", wanted, { fingerprint: newer.fingerprint, force: false }, "op");
    expect((await access.show("o")).rules).toMatchObject([{ subject: "guest", effect: "deny", source: "config" }]);
    expect(directory.byHandle("o", "helper")?.definition.channels).toEqual(["sales"]);
    expect(policies.of("o").rules).toHaveLength(1);
    expect((await access.plan("o", wanted)).changes).toEqual([]);
    // Nothing of another organization is seen or touched.
    expect(await access.show("p")).toEqual({ rules: [], roles: [], invitations: [], channels: [] });
    expect(await audited()).toEqual(["rule_added", "agent_channels"]);
  });

  test("a place keeps what it meant when it is renamed, and one that is not known yet gets its lines later", async () => {
    const later = { at: "discord:ops", who: "everyone", actions: ["react"], effect: "deny" };
    const sync = createAccessSync({ access, organizationId: "o", config: config({ rules: [DENY, later] }), logger });
    onTestFinished(() => sync.stop());
    await sync.start();
    const places = async () => (await access.show("o")).rules.map(({ at }) => at.placeId);
    expect(await places()).toEqual(["C1"]);
    await database.query({ text: "update channels set name = 'renamed' where channel_id = 'C1'" });
    await database.query({
      text: "insert into channels (installation_id, channel_id, organization_id, kind, name) values ('i_1', 'C7', 'o', 'public', 'general'), ('i_2', 'D7', 'o', 'public', 'ops')",
    });
    await expect.poll(places, { timeout: 15_000 }).toEqual(["C1", "D7"]);
  });

  test("lines of operators are theirs, those of the file are the file's", async () => {
    const [rule] = await access.addRule(
      "o",
      { at: "slack:sales", who: "everyone", actions: ["react"], effect: "deny" },
      "op",
    );
    const role = await access.assignRole("o", { at: "organization", person: "u6", role: "admin" }, "op");
    await access.setChannel("o", { channel: "slack:sales", onNarrowerSource: "asker" }, "op");
    expect(policies.of("o").onNarrowerSource("i_1", "C2")).toBe("asker");
    expect(await invitations.invite(request("u6"))).toMatchObject({ result: "invited", rule: "role_admin" });
    await access.sync("o", config({ rules: [DENY] }));
    const { rules } = await access.show("o");
    expect(rules.map(({ source }) => source).toSorted()).toEqual(["config", "operator"]);
    const configured = rules.find(({ source }) => source === "config");
    await expect(access.removeRule("o", configured?.id ?? "", "op")).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(access.removeRule("p", rule?.id ?? "", "op")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await access.removeRule("o", rule?.id ?? "", "op");
    await access.removeRole("o", role.id, "op");
    await access.sync("o", config({}));
    const left = await access.show("o");
    expect([left.rules, left.roles]).toEqual([[], []]);
    await expect(access.addRule("o", { ...DENY, at: "slack:nowhere" } as never, "op")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    const either = access.addRule("o", { ...DENY, at: "channel:i_9:general" } as never, "op");
    await expect(either).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("an operator's invitation stands whoever leaves, and is theirs to end", async () => {
    const invited = await access.invite("o", { agent: "helper", channel: "slack:general" }, "token");
    expect(invited).toMatchObject({ agent: "helper", inviterKind: "operator", at: { label: "slack:general" } });
    expect(await invitations.takeOver(request("u1"))).toMatchObject({ result: "already_invited" });
    await leave("token", "9");
    expect((await access.show("o")).invitations).toHaveLength(1);
    await access.uninvite("o", { agent: "@helper", channel: "slack:general" }, "token");
    expect((await access.show("o")).invitations).toEqual([]);
    await expect(access.uninvite("o", { agent: "helper", channel: "slack:general" }, "t")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(access.invite("o", { agent: "nobody", channel: "slack:general" }, "t")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(access.invite("p", { agent: "helper", channel: "slack:general" }, "t")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});
