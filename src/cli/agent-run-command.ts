import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { ownEnvironment } from "../config/own-environment.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { plain } from "./output.ts";

interface RunOptions {
  readonly url?: string;
  readonly token?: string;
  readonly cwd: string;
  readonly env: readonly string[];
  readonly permission: string;
  readonly authMethod?: string;
  readonly mode?: string;
  readonly startTimeout: string;
  readonly state?: string;
}

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
    .option("--cwd <folder>", "folder that the agent works in", ".")
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
  const say = (line: string) => void process.stdout.write(`${plain(line)}\n`);
  say(`Starting ${words.join(" ")}`);
  const { runAgent } = await import("../app-agent-run.ts");
  const agent = await runAgent({
    url,
    token,
    words: [first, ...rest],
    cwd: resolve(options.cwd),
    env: options.env,
    permissionMode: options.permission,
    authMethod: options.authMethod,
    sessionMode: options.mode,
    startTimeoutMs,
    stateFolder: options.state === undefined ? undefined : resolve(options.state),
    say,
    onStderr: (bytes) => void process.stderr.write(bytes),
  });
  say(`Connected as @${agent.handle} (${agent.name}). Work and files stay here; Ctrl-C ends it.`);
  let isLeaving = false;
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(signal, () => {
      if (isLeaving) return;
      isLeaving = true;
      say("Leaving: what is under way has ten seconds to end.");
      void agent.close().then(() => process.exit(EXIT.ok));
    });
  await agent.closed.catch((thrown: unknown) => {
    throw new CommandFailure(EXIT.failed, thrown instanceof Error ? thrown.message : "Parley has ended the connection");
  });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
