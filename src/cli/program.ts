import { Command, CommanderError } from "commander";
import { addAccessCommands } from "./access-commands.ts";
import { addAgentAuthorCommands } from "./agent-author-commands.ts";
import { addAgentCommands } from "./agent-commands.ts";
import { addAuditCommands } from "./audit-commands.ts";
import { addDeadLetterCommands } from "./dead-letter-commands.ts";
import { addDoctorCommand } from "./doctor-command.ts";
import { CommandFailure, EXIT, failureAsJson, toFailure } from "./exit.ts";
import { addMatrixCommands } from "./matrix-commands.ts";
import { addMessageCommands } from "./message-commands.ts";
import { addRenderCommand } from "./render-command.ts";
import { addRequestCommands } from "./request-commands.ts";
import { addScheduleCommands } from "./schedule-commands.ts";
import { addSchemaCommand } from "./schema-command.ts";
import { addSlackCommands } from "./slack-commands.ts";
import { addStartCommand } from "./start-command.ts";
import { addOrganizationCommands } from "./switch-commands.ts";
import { addTokenCommands } from "./token-commands.ts";

/** Every command of `parley`. */
export function createProgram(): Command {
  const program = new Command("parley")
    .description("Makes AI agents members of the chat a team already has.")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 64 wrong usage, 69 no Parley or no server there, 78 faulty configuration.",
    )
    .showHelpAfterError('("parley <command> --help" says more)');
  addStartCommand(program);
  addDoctorCommand(program);
  addMessageCommands(program);
  addAgentCommands(program);
  addAgentAuthorCommands(program);
  addAccessCommands(program);
  addDeadLetterCommands(program);
  addRequestCommands(program);
  addScheduleCommands(program);
  addAuditCommands(program);
  addOrganizationCommands(program);
  addTokenCommands(program);
  addSlackCommands(program);
  addMatrixCommands(program);
  addRenderCommand(program);
  addSchemaCommand(program);
  return overrideExit(program);
}

/** Runs one command line; resolves with the exit code and never throws. With `--json` a failure is one line of JSON, too. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const json = wantsJson(args);
  const program = createProgram();
  if (json) silence(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has written its own message: help that was asked for ends with 0, a wrong command line does not.
      if (error.exitCode === 0) return EXIT.ok;
      if (json) complain(new CommandFailure(EXIT.usage, error.message.replace(/^error: /, "")), json);
      return EXIT.usage;
    }
    const failure = toFailure(error);
    complain(failure, json);
    return failure.exitCode;
  }
}

function complain(failure: CommandFailure, json: boolean): void {
  process.stderr.write(json ? `${failureAsJson(failure)}\n` : `parley: ${failure.message}\n`);
}

/** What follows `--` is words and no option. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).includes("--json");
}

/** Leaves the message about a wrong command line to the one line of JSON. */
function silence(command: Command): void {
  command.configureOutput({ writeErr: () => undefined });
  for (const child of command.commands) silence(child);
}

/** Commander ends the process by itself otherwise, and with 1 for a wrong command line; subcommands have settings of their own. */
function overrideExit(command: Command): Command {
  command.exitOverride();
  for (const child of command.commands) overrideExit(child);
  return command;
}
