import { type Command, Option } from "commander";
import type { ConnectorConfig as ConnectorConfigType } from "../contracts/agent-definition.ts";
import { ConnectorConfig } from "../contracts/agent-definition.ts";
import type { Logger } from "../contracts/logger.ts";
import { callerFolder } from "./caller-folder.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** Options that say how a development agent is reached. */
export interface TargetOptions {
  readonly kind?: string;
  readonly secret?: string;
  readonly token?: string;
  readonly model?: string;
  readonly connector?: string;
  readonly timeout: string;
}

export const SILENT_LOGGER: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT_LOGGER,
};

export function addTargetOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--kind <kind>",
        "how it is reached; default by what the address looks like, socket for a command",
      ).choices(["socket", "acp", "webhook", "a2a", "agui", "model"]),
    )
    .option("--secret <whsec>", "signing secret of a webhook; default a new one")
    .option("--token <token>", "token of an A2A or AG-UI agent, key of a model's endpoint")
    .option("--model <name>", "model of an OpenAI-compatible endpoint")
    .option("--connector <json>", "the whole configuration of a connector, as agents are declared with")
    .option("--timeout <ms>", "longest time of one turn", "60000");
}

/** What `openDevelopmentAgent` takes, from a command line. */
export function targetOf(words: readonly string[], options: TargetOptions) {
  const [first, ...rest] = words;
  if (first === undefined) throw new CommandFailure(EXIT.usage, "name the agent's address or its command");
  const timeoutMs = Number(options.timeout);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1_000)
    throw new CommandFailure(EXIT.usage, "--timeout is in ms, and at least 1000");
  return {
    words: [first, ...rest] as const,
    kind: options.kind,
    secret: options.secret,
    token: options.token,
    model: options.model,
    connector: options.connector === undefined ? undefined : parseConnector(options.connector),
    timeoutMs,
    cwd: callerFolder(),
    logger: SILENT_LOGGER,
  };
}

function parseConnector(text: string): ConnectorConfigType {
  try {
    return ConnectorConfig.parse(JSON.parse(text));
  } catch {
    throw new CommandFailure(EXIT.usage, '--connector must be JSON such as {"kind":"webhook","url":"…","secret":"…"}');
  }
}
