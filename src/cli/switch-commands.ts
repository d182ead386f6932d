import type { Command } from "commander";
import { z } from "zod";
import { connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { paint, plain } from "./output.ts";
import { Agent } from "./views.ts";

const Report = { stoppedTurns: z.number(), cancelledDeliveries: z.number() };
const StoppedAgent = z.looseObject({ agent: Agent, ...Report });
const ResumedAgent = z.looseObject({ agent: Agent });
const Organization = z.looseObject({ organizationId: z.string(), status: z.string(), reason: z.string().optional() });
const StoppedOrganization = Organization.extend(Report);

interface StopOptions extends CommonOptions {
  readonly reason: string;
}

/** `parley agents stop` and `parley agents resume`. */
export function addAgentSwitches(agents: Command): void {
  common(
    agents
      .command("stop <handle>")
      .description("kill switch: the agent runs nothing and sends nothing until it is resumed")
      .requiredOption("--reason <text>", "why; it is kept in the audit log"),
  ).action(async (handle: string, options: StopOptions) => {
    const path = `/api/agents/${encodeURIComponent(bare(handle))}/stop`;
    const answer = await (await connect(options)).post(path, { reason: options.reason }, StoppedAgent);
    const output = outputOf(options);
    output.result(answer, () =>
      output.line(
        `@${plain(answer.agent.handle)} is ${answer.agent.status}: ${answer.stoppedTurns} turns ended, ${answer.cancelledDeliveries} unsent messages cancelled.`,
      ),
    );
  });
  common(agents.command("resume <handle>").description("let a stopped or paused agent take turns again")).action(
    async (handle: string, options: CommonOptions) => {
      const path = `/api/agents/${encodeURIComponent(bare(handle))}/resume`;
      const answer = await (await connect(options)).post(path, undefined, ResumedAgent);
      const output = outputOf(options);
      output.result(answer, () => output.line(`@${plain(answer.agent.handle)} is ${answer.agent.status}.`));
    },
  );
}

/** `parley organization …` */
export function addOrganizationCommands(program: Command): void {
  const organization = program
    .command("organization")
    .description("the kill switch of the whole organization: status, stop, resume");
  common(organization.command("status", { isDefault: true }).description("say whether the organization works")).action(
    async (options: CommonOptions) => {
      show(await (await connect(options)).get("/api/organization", Organization), options);
    },
  );
  common(
    organization
      .command("stop")
      .description("kill switch: no agent runs or sends anything until it is resumed; what is said meanwhile is kept")
      .requiredOption("--reason <text>", "why; it is kept in the audit log"),
  ).action(async (options: StopOptions) => {
    const client = await connect(options);
    const answer = await client.post("/api/organization/stop", { reason: options.reason }, StoppedOrganization);
    const ended = `${answer.stoppedTurns} turns ended, ${answer.cancelledDeliveries} unsent messages cancelled.`;
    show(answer, options, ended);
  });
  common(
    organization
      .command("resume")
      .description("let it work again; what was said in the last half hour is answered now"),
  ).action(async (options: CommonOptions) => {
    show(await (await connect(options)).post("/api/organization/resume", undefined, Organization), options);
  });
}

function show(answer: z.infer<typeof Organization>, options: CommonOptions, more = ""): void {
  const output = outputOf(options);
  const reason = answer.reason === undefined ? "" : ` (${plain(answer.reason)})`;
  output.result(answer, () =>
    output.line(
      `${plain(answer.organizationId)} is ${paint(answer.status === "active" ? "green" : "red", answer.status)}${reason}. ${more}`.trim(),
    ),
  );
}

/** People write handles with their at sign. */
function bare(handle: string): string {
  return handle.replace(/^@/, "");
}
