import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { z } from "zod";
import { ACCESS_ACTIONS, ACCESS_ROLES } from "../contracts/access.ts";
import { parsePlace, parseSubject } from "../contracts/access-config.ts";
import { laterSettings } from "../contracts/later-settings.ts";
import { loadCheckedConfig } from "./checked-config.ts";
import { type Client, connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { ago, type Output, paint, plain } from "./output.ts";
import { AccessLists, AccessPlanView, InvitationLine, RoleLine, RuleLine } from "./views.ts";

const PLACES =
  "organization, platform:channel such as slack:general, or level:platform:name such as category:discord:Teams";

interface PlaceOptions extends CommonOptions {
  readonly at: string;
}

/** `parley access …` */
export function addAccessCommands(program: Command): void {
  const access = program.command("access").description("who may do what: rules, roles, invitations, plans of changes");
  common(
    access.command("show", { isDefault: true }).description("show rules, roles, invitations and channel policies"),
  ).action(async (options: CommonOptions) => {
    const lists = await (await connect(options)).get("/api/access", AccessLists);
    const output = outputOf(options);
    output.result(lists, () => showLists(lists, output));
  });
  for (const effect of ["allow", "deny"] as const) addRuleCommand(access, effect);
  common(access.command("remove <id>").description("remove a rule by its id")).action(
    async (id: string, options: CommonOptions) => {
      await (await connect(options)).delete(`/api/access/rules/${encodeURIComponent(id)}`);
      const output = outputOf(options);
      output.result({ removed: id }, () => output.line(`The rule ${plain(id)} is removed.`));
    },
  );
  addRoleCommands(access);
  addInvitationCommands(access);
  common(
    access
      .command("channel <channel> <policy>")
      .description(
        "say what a channel does with a reply that not all its readers may read: withhold, asker or approve",
      ),
  ).action(async (channel: string, policy: string, options: CommonOptions) => {
    const body = { channel: placeOf(channel, "<channel>"), onNarrowerSource: policy };
    const answer = await (await connect(options)).post("/api/access/channels", body, z.looseObject({}));
    const output = outputOf(options);
    output.result(answer, () => output.line(`${plain(channel)}: ${plain(policy)}.`));
  });
  addPlanCommands(access);
}

function addRuleCommand(access: Command, effect: "allow" | "deny"): void {
  common(
    access
      .command(`${effect} <who> <actions>`)
      .description(
        `${effect} something to somebody; <who> is everyone, class:guest, role:auditor, person:<id> or agent:<handle>, <actions> of ${ACCESS_ACTIONS.join(", ")}, separated by commas`,
      ),
  )
    .option("--at <place>", `place from which it holds downwards: ${PLACES}`, "organization")
    .action(async (who: string, actions: string, options: PlaceOptions) => {
      if (parseSubject(who) === undefined)
        throw new CommandFailure(
          EXIT.usage,
          `${who} is nobody: write everyone, class:guest, role:auditor, person:<id> or agent:<handle>`,
        );
      const body = { at: placeOf(options.at, "--at"), who, actions: actionsOf(actions), effect };
      const answer = await (await connect(options)).post(
        "/api/access/rules",
        body,
        z.object({ rules: z.array(RuleLine) }),
      );
      const output = outputOf(options);
      output.result(answer, () => {
        for (const rule of answer.rules) output.line(`${plain(rule.id)}  ${ruleText(rule)}`);
      });
    });
}

function addRoleCommands(access: Command): void {
  const role = access.command("role").description("roles of people: give, take");
  common(
    role
      .command("give <person> <role>")
      .description(`give a person a role: ${ACCESS_ROLES.join(", ")}; <person> is their id on the platform`),
  )
    .option("--at <place>", `place from which it holds downwards: ${PLACES}`, "organization")
    .action(async (person: string, name: string, options: PlaceOptions) => {
      if (!ACCESS_ROLES.some((known) => known === name))
        throw new CommandFailure(EXIT.usage, `${name} is no role: write one of ${ACCESS_ROLES.join(", ")}`);
      const body = { at: placeOf(options.at, "--at"), person, role: name };
      const answer = await (await connect(options)).post("/api/access/roles", body, z.object({ role: RoleLine }));
      const output = outputOf(options);
      output.result(answer, () => output.line(`${plain(answer.role.id)}  ${roleText(answer.role)}`));
    });
  common(role.command("take <id>").description("take a role away, by the id that show names")).action(
    async (id: string, options: CommonOptions) => {
      await (await connect(options)).delete(`/api/access/roles/${encodeURIComponent(id)}`);
      const output = outputOf(options);
      output.result({ taken: id }, () => output.line(`The role ${plain(id)} is taken away.`));
    },
  );
}

function addInvitationCommands(access: Command): void {
  common(
    access
      .command("invite <agent> <channel>")
      .description("invite an agent into a channel, such as @helper slack:general"),
  ).action(async (agent: string, channel: string, options: CommonOptions) => {
    const body = { agent: agent.replace(/^@/, ""), channel: placeOf(channel, "<channel>") };
    const client = await connect(options);
    const answer = await client.post("/api/access/invitations", body, z.object({ invitation: InvitationLine }));
    const output = outputOf(options);
    output.result(answer, () =>
      output.line(`@${plain(answer.invitation.agent)} takes part in ${plain(answer.invitation.at.label)}.`),
    );
  });
  common(
    access
      .command("uninvite <agent> <channel>")
      .description("end an agent's invitation; what it does in that channel is stopped"),
  ).action(async (agent: string, channel: string, options: CommonOptions) => {
    const body = { agent: agent.replace(/^@/, ""), channel: placeOf(channel, "<channel>") };
    await (await connect(options)).post("/api/access/invitations/end", body, z.unknown());
    const output = outputOf(options);
    output.result({ uninvited: body }, () =>
      output.line(`@${plain(body.agent)} no longer takes part in ${plain(channel)}.`),
    );
  });
}

interface PlanOptions extends CommonOptions {
  readonly config?: string;
}

function addPlanCommands(access: Command): void {
  const withConfig = (command: Command): Command =>
    common(command).option("--config <file>", "configuration file; default as parley start would find it");
  withConfig(
    access
      .command("plan")
      .description("show what the configuration would change, in people and channels; changes nothing"),
  ).action(async (options: PlanOptions) => {
    const plan = await planOf(await connect(options), await plannedConfig(options));
    const output = outputOf(options);
    output.result(plan, () => showPlan(plan, output));
  });
  withConfig(access.command("apply").description("make the configuration's access hold now; shows the plan first"))
    .option("--plan <fingerprint>", "apply exactly the plan that was shown under this fingerprint, or nothing")
    .option("--yes", "apply without asking, whatever has changed meanwhile")
    .action(async (options: PlanOptions & { readonly plan?: string; readonly yes?: boolean }) => {
      const client = await connect(options);
      const config = await plannedConfig(options);
      const output = outputOf(options);
      let fingerprint = options.plan;
      if (fingerprint === undefined && options.yes !== true) {
        const plan = await planOf(client, config);
        if (!output.json) showPlan(plan, output);
        if (plan.changes.length === 0) return output.result(plan, () => output.line("There is nothing to apply."));
        fingerprint = await confirmed(plan.fingerprint, output);
      }
      const body = { ...config, force: options.yes === true, ...(fingerprint === undefined ? {} : { fingerprint }) };
      const applied = await client.post("/api/access/apply", body, AccessPlanView);
      output.result(applied, () =>
        output.line(`Applied ${applied.changes.length} ${applied.changes.length === 1 ? "change" : "changes"}.`),
      );
    });
}

type Plan = z.infer<typeof AccessPlanView>;
type Planned = Awaited<ReturnType<typeof plannedConfig>>;

function planOf(client: Client, config: Planned): Promise<Plan> {
  return client.post("/api/access/plan", config, AccessPlanView);
}

/** The part of the configuration that decides about access, as the server takes it. */
async function plannedConfig({ config: file }: PlanOptions) {
  const config = await loadCheckedConfig({ argv: file === undefined ? [] : ["--config", file], create: false });
  const agents = config.agents.map((agent) => ({
    handle: agent.handle,
    channels: agent.channels,
    later: laterSettings(agent),
  }));
  return { access: config.access, agents };
}

/** Asks whether to go on; where nobody can be asked, says how to. */
async function confirmed(fingerprint: string, output: Output): Promise<string> {
  if (output.json || !process.stdin.isTTY)
    throw new CommandFailure(
      EXIT.usage,
      `nothing is applied: repeat it with --plan ${fingerprint} for exactly this plan, or with --yes for whatever it comes to`,
    );
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await lines.question("Apply this? [y/N] ");
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailure(EXIT.failed, "nothing is applied");
    return fingerprint;
  } finally {
    lines.close();
  }
}

function showPlan(plan: Plan, output: Output): void {
  if (plan.changes.length === 0) output.line("No line changes.");
  for (const { change, what, text } of plan.changes)
    output.line(
      paint(
        change === "add" ? "green" : "red",
        `${change === "add" ? "+" : "-"} ${what.replace("_", " ")}: ${plain(text)}`,
      ),
    );
  if (plan.effects.length > 0) output.line();
  for (const effect of plan.effects) output.line(paint(effect.change === "gain" ? "green" : "red", effectText(effect)));
  if (plan.changes.length > 0 && plan.effects.length === 0)
    output.line("Nobody who is known can do more or less than before.");
  for (const note of plan.notes) output.line(paint("yellow", `note: ${plain(note)}`));
  output.line();
  output.line(`Plan ${plan.fingerprint}; apply exactly it with: parley access apply --plan ${plan.fingerprint}`);
}

/** Such as "42 more people can reach @helper in slack:general". */
function effectText({ change, what, at, agent, people }: Plan["effects"][number]): string {
  const where = plain(at.label);
  const handle = `@${plain(agent ?? "")}`;
  const gained = change === "gain";
  const crowd = `${people ?? 0} ${gained ? "more" : "fewer"} ${people === 1 ? "person" : "people"} can`;
  if (what === "reach_agent") return `${crowd} reach ${handle} in ${where}`;
  if (what === "take_part") return `${handle} ${gained ? "takes part" : "no longer takes part"} in ${where}`;
  const words = what.replaceAll("_", " ");
  return agent === undefined
    ? `${crowd} ${words} in ${where}`
    : `${handle} can ${gained ? "now" : "no longer"} ${words} in ${where}`;
}

function showLists(lists: z.infer<typeof AccessLists>, output: Output): void {
  const none = (what: string): void => output.line(`No ${what}.`);
  if (lists.rules.length === 0) none("rules");
  else
    output.table(
      ["RULE", "EFFECT", "ACTION", "WHO", "AT", "FROM"],
      lists.rules.map((rule) => [
        rule.id,
        paint(rule.effect === "allow" ? "green" : "red", rule.effect),
        rule.action,
        plain(whoOf(rule)),
        plain(rule.at.label),
        rule.source,
      ]),
    );
  if (lists.roles.length === 0) none("roles");
  else
    output.table(
      ["ROLE", "IS", "PERSON", "AT", "FROM"],
      lists.roles.map((role) => [
        role.id,
        role.role,
        plain(role.personName ?? role.personId),
        plain(role.at.label),
        role.source,
      ]),
    );
  if (lists.invitations.length === 0) none("invitations");
  else
    output.table(
      ["AGENT", "CHANNEL", "INVITED BY", "SINCE"],
      lists.invitations.map((row) => [
        `@${plain(row.agent)}`,
        plain(row.at.label),
        plain(row.inviterName ?? row.inviterId),
        ago(row.since),
      ]),
    );
  for (const channel of lists.channels)
    output.line(
      `${plain(channel.at.label)}: replies that not all readers may read: ${channel.onNarrowerSource} (${channel.source})`,
    );
}

function whoOf({ subjectKind, subject }: z.infer<typeof RuleLine>): string {
  return subject === "" ? subjectKind : `${subjectKind}:${subject}`;
}

function ruleText(rule: z.infer<typeof RuleLine>): string {
  return `${rule.effect} ${rule.action} to ${plain(whoOf(rule))} at ${plain(rule.at.label)}`;
}

function roleText(role: z.infer<typeof RoleLine>): string {
  return `${role.role} for ${plain(role.personName ?? role.personId)} at ${plain(role.at.label)}`;
}

function placeOf(text: string, option: string): string {
  if (parsePlace(text) === undefined)
    throw new CommandFailure(EXIT.usage, `${option} ${text} is no place: write ${PLACES}`);
  return text;
}

function actionsOf(text: string): string[] {
  const actions = text.split(",").map((action) => action.trim());
  const odd = actions.find((action) => !ACCESS_ACTIONS.some((known) => known === action));
  if (odd !== undefined)
    throw new CommandFailure(
      EXIT.usage,
      `${odd === "" ? "an empty word" : odd} is no action: write some of ${ACCESS_ACTIONS.join(", ")}`,
    );
  return actions;
}
