import { readFileSync } from "node:fs";
import { text as readStream } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { z } from "zod";
import { addTokenCommands, connectionOf, secretLine } from "./agent-token-commands.ts";
import { type Client, connect } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { paint, plain } from "./output.ts";
import { addAgentSwitches } from "./switch-commands.ts";
import { addUsageCommand } from "./usage-command.ts";
import { Agent, Check } from "./views.ts";

const Agents = z.object({ agents: z.array(Agent) });
const OneAgent = z.object({ agent: Agent });
const Added = z.object({ agent: Agent, secret: z.string().optional() });

interface AddOptions extends CommonOptions {
  readonly file?: string;
  readonly webhook?: string;
  readonly secret?: string;
  readonly connector?: string;
  readonly name?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly channels?: string;
  readonly turnMode?: string;
  readonly shadow?: string;
}

/** `parley agents …` */
export function addAgentCommands(program: Command): void {
  const agents = program.command("agents").description("list, add, remove, pause, stop, resume and check agents");
  common(agents.command("list", { isDefault: true }).description("show all agents")).action(
    async (options: CommonOptions) => {
      const answer = await (await connect(options)).get("/api/agents", Agents);
      const output = outputOf(options);
      output.result(answer, () => {
        output.table(
          ["AGENT", "NAME", "CONNECTOR", "FROM", "OWNER", "STATUS", "CONNECTED", "CHANNELS"],
          answer.agents.map((agent) => [
            `@${plain(agent.handle)}`,
            plain(agent.name),
            agent.connectorKind,
            agent.source,
            plain(agent.owner ?? "nobody"),
            paint(agent.status === "active" ? "green" : "yellow", agent.status) +
              (agent.shadow === undefined ? "" : ` in shadow (${plain(agent.shadow)})`),
            connectionOf(agent),
            plain(agent.channels.join(", ")),
          ]),
        );
        for (const line of answer.agents.flatMap(whyItRests)) output.line(line);
      });
    },
  );
  addAddCommand(agents);
  common(agents.command("remove <handle>").description("remove an agent; what it runs is cancelled")).action(
    async (handle: string, options: CommonOptions) => {
      await (await connect(options)).delete(`/api/agents/${encodeURIComponent(bare(handle))}`);
      const output = outputOf(options);
      output.result({ removed: bare(handle) }, () => output.line(`@${plain(bare(handle))} is removed.`));
    },
  );
  common(agents.command("pause <handle>").description("let an agent take no new turns")).action(
    async (handle: string, options: CommonOptions) => {
      const path = `/api/agents/${encodeURIComponent(bare(handle))}/pause`;
      const { agent } = await (await connect(options)).post(path, undefined, OneAgent);
      const output = outputOf(options);
      output.result({ agent }, () => output.line(`@${plain(agent.handle)} is ${agent.status}.`));
    },
  );
  addAgentSwitches(agents);
  addTokenCommands(agents);
  addUsageCommand(agents);
  common(
    agents
      .command("check [handle]")
      .description("say whether a turn would reach the agent now; all agents without a handle"),
  ).action(checkAgents);
}

/** Why an agent is paused, or has not been reached of late; nothing for one that works. */
function whyItRests(agent: Agent): string[] {
  const name = `@${plain(agent.handle)}`;
  const { status, statusReason, statusSince, failingSince } = agent;
  if (status !== "active" && statusSince !== undefined) {
    const why = statusReason === undefined ? "" : `: ${plain(statusReason)}`;
    return [`${name} is ${plain(status)} since ${plain(statusSince)}${why}.`];
  }
  return failingSince === undefined ? [] : [`${name} cannot be reached since ${plain(failingSince)}; its turns wait.`];
}

function addAddCommand(agents: Command): void {
  common(agents.command("add [handle]").description("add an agent; its secret is shown once"))
    .option("--name <name>", "name that people see; default the handle")
    .option("--description <text>", "what it is good for")
    .option("--owner <person>", "who answers for it, as people see it: told when it has to rest")
    .option("--webhook <url>", "address of a webhook agent")
    .option("--secret <whsec>", "signing secret of a webhook agent; default a new one, which is shown")
    .option(
      "--connector <kind|json>",
      'socket for an agent that dials in, or any connector, such as {"kind":"model","model":"…"}',
    )
    .option("--channels <names>", "channels it is a member of, separated by commas, with * for anything; default all")
    .option("--shadow <platform:channel>", "review room that it says everything in, instead of where it is asked")
    .addOption(
      new Option("--turn-mode <mode>", "what a message does while it works").choices(["queue", "interrupt", "steer"]),
    )
    .option("--file <path>", "read the whole definition from a JSON file, - for standard input")
    .action(async (handle: string | undefined, options: AddOptions) => {
      const definition =
        options.file === undefined ? definitionOf(handle, options) : await readDefinition(options.file);
      const added = await (await connect(options)).post("/api/agents", definition, Added);
      const output = outputOf(options);
      output.result(added, () => {
        output.line(`@${plain(added.agent.handle)} is added.`);
        if (added.secret !== undefined) output.line(secretLine(added.agent, added.secret));
      });
    });
}

function definitionOf(handle: string | undefined, options: AddOptions): Record<string, unknown> {
  if (handle === undefined)
    throw new CommandFailure(EXIT.usage, "name the agent's handle, or its definition by --file");
  if ((options.webhook === undefined) === (options.connector === undefined)) {
    throw new CommandFailure(EXIT.usage, "say how the agent is reached: either --webhook or --connector");
  }
  const connector: unknown =
    options.webhook === undefined
      ? connectorOf(options.connector ?? "")
      : { kind: "webhook", url: options.webhook, ...(options.secret === undefined ? {} : { secret: options.secret }) };
  return {
    handle: bare(handle),
    name: options.name ?? bare(handle),
    connector,
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    ...(options.shadow === undefined ? {} : { shadow: { reviewRoom: options.shadow } }),
    ...(options.turnMode === undefined ? {} : { turnMode: options.turnMode }),
    ...(options.channels === undefined ? {} : { channels: options.channels.split(",").map((name) => name.trim()) }),
  };
}

/** A kind alone is a connector without settings. */
function connectorOf(given: string): unknown {
  return /^[a-z][a-z0-9]*$/.test(given) ? { kind: given } : parseJson(given, "--connector");
}

async function readDefinition(file: string): Promise<unknown> {
  const content = file === "-" ? await readStream(process.stdin) : readFileSync(file, "utf8");
  return parseJson(content, file === "-" ? "standard input" : file);
}

function parseJson(content: string, where: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new CommandFailure(EXIT.usage, `${where} is not valid JSON`);
  }
}

async function checkAgents(handle: string | undefined, options: CommonOptions): Promise<void> {
  const client = await connect(options);
  const handles =
    handle === undefined
      ? (await client.get("/api/agents", Agents)).agents.map((agent) => agent.handle)
      : [bare(handle)];
  const checks = await Promise.all(handles.map((name) => checkOne(client, name)));
  const output = outputOf(options);
  output.result({ checks }, () => {
    output.table(
      ["AGENT", "REACHED", "DETAIL"],
      checks.map((check) => [
        `@${plain(check.handle)}`,
        check.ok ? paint("green", "yes") : paint("red", "no"),
        plain(check.detail),
      ]),
    );
  });
  if (checks.some((check) => !check.ok)) process.exitCode = EXIT.failed;
}

async function checkOne(client: Client, handle: string): Promise<{ handle: string; ok: boolean; detail: string }> {
  const { ok, detail } = await client.post(`/api/agents/${encodeURIComponent(handle)}/check`, undefined, Check);
  return { handle, ok, detail };
}

/** People write handles with their at sign. */
function bare(handle: string): string {
  return handle.replace(/^@/, "");
}
