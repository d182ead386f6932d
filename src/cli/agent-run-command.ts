import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { RunEvent } from "../app-agent-run.ts";
import { ownEnvironment } from "../config/own-environment.ts";
import { callerFolder, isInParley } from "./caller-folder.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { plain } from "./output.ts";

interface RunOptions {
  readonly url?: string;
  readonly token?: string;
  readonly cwd?: string;
  readonly env: readonly string[];
  readonly permission: string;
  readonly authMethod?: string;
  readonly mode?: string;
  readonly startTimeout: string;
  readonly state?: string;
  readonly json?: boolean;
}

const HELP = `
Claude Code speaks ACP by an adapter: npm install -g @agentclientprotocol/claude-agent-acp, then
  PARLEY_TOKEN=… parley agent run --url http://localhost:3700 --cwd ~/project --env ANTHROPIC_API_KEY -- claude-agent-acp
Without --env ANTHROPIC_API_KEY it has the sign-in of your home folder alone. Codex, Gemini CLI and others: deploy/agents.md.`;

/** `parley agent run` */
export function addAgentRunCommand(agent: Command): void {
  agent
    .command("run <command...>")
    .description(
      "run an agent that speaks ACP (Claude Code, Codex, Gemini CLI …) here, and let it answer in Parley: give its command after --",
    )
    .option("--url <url>", "where Parley is; PARLEY_URL in the environment")
    .option(
      "--token <token>",
      "the agent's dial-in token; better PARLEY_TOKEN in the environment, where others cannot see it",
    )
    .option(
      "--cwd <folder>",
      "folder that the agent works in and may change; default the one this is called in, unless that is Parley's own",
    )
    .option("--env <name>", "variable of this environment that the agent is given too; can be repeated", collect, [])
    .addOption(
      new Option("--permission <mode>", "what becomes of its requests for permission")
        .choices(["ask", "deny", "allow"])
        .default("ask"),
    )
    .option("--auth-method <id>", "sign-in of the agent's own to use, as it calls it")
    .option("--mode <id>", "the agent's own mode, such as plan")
    .option("--start-timeout <ms>", "longest time until the agent answers", "60000")
    .option("--state <folder>", "where ids of sessions are kept; default .parley/agent-sessions in the home folder")
    .option("--json", "write one line of JSON for each event")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(words: string[], options: RunOptions): Promise<void> {
  const own = ownEnvironment();
  const url = options.url ?? own["PARLEY_URL"];
  const token = options.token ?? own["PARLEY_TOKEN"];
  const [first, ...rest] = words;
  if (first === undefined) throw new CommandFailure(EXIT.usage, "name the agent's command after --");
  if (url === undefined || url === "") throw new CommandFailure(EXIT.usage, "say where Parley is: --url or PARLEY_URL");
  if (token === undefined || token === "")
    throw new CommandFailure(
      EXIT.usage,
      "give the agent's token: PARLEY_TOKEN or --token; a new one is shown by parley agents rotate",
    );
  const startTimeoutMs = Number(options.startTimeout);
  if (!Number.isInteger(startTimeoutMs)) throw new CommandFailure(EXIT.usage, "--start-timeout is in ms");
  const cwd = folderOf(options);
  const say = (event: RunEvent) =>
    void process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`
        : `${plain(event.message)}\n`,
    );
  say({ event: "starting", message: `Starting ${words.join(" ")} in ${cwd}` });
  const { runAgent } = await import("../app-agent-run.ts");
  const agent = await runAgent({
    url,
    token,
    words: [first, ...rest],
    cwd,
    env: options.env,
    permissionMode: options.permission,
    authMethod: options.authMethod,
    sessionMode: options.mode,
    startTimeoutMs,
    stateFolder: options.state === undefined ? undefined : resolve(callerFolder(), options.state),
    say,
    onStderr: (bytes) => void process.stderr.write(bytes),
  });
  say({
    event: "connected",
    message: `Connected as @${agent.handle} (${agent.name}). Work and files stay here; Ctrl-C ends it.`,
  });
  let isLeaving = false;
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(signal, () => {
      if (isLeaving) return;
      isLeaving = true;
      say({ event: "leaving", message: "Leaving: what is under way has ten seconds to end." });
      void agent.close().then(() => process.exit(EXIT.ok));
    });
  await agent.closed.catch((thrown: unknown) => {
    throw new CommandFailure(EXIT.failed, thrown instanceof Error ? thrown.message : "Parley has ended the connection");
  });
}

/** Where the agent works. In Parley's own folder it would change Parley, so that this must be said. */
function folderOf({ cwd }: RunOptions): string {
  const caller = callerFolder();
  if (cwd !== undefined) return resolve(caller, cwd);
  if (isInParley(caller))
    throw new CommandFailure(
      EXIT.usage,
      "say with --cwd which folder the agent works in: this one is Parley's own, which it would change",
    );
  return caller;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
