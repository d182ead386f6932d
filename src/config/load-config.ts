import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseEnv } from "node:util";
import { type AgentCheck, agentFaults } from "./agent-faults.ts";
import {
  type Config,
  completeOidc,
  type DiscordConfig,
  type MatrixConfig,
  type OrganizationConfig,
  type SlackConfig,
} from "./config.ts";
import { crossFaults } from "./cross-checks.ts";
import { variableOf } from "./environment.ts";
import { type ConfigFault, configError } from "./fault.ts";
import { isRecord, mergeSettings } from "./merge.ts";
import { offerOwnPackage } from "./own-package.ts";
import { ConfigSchema, type ConfigValues, DEFAULT_PORT, type OrganizationValues } from "./schema.ts";
import { schemaFaults } from "./schema-faults.ts";
import { openKeyFile } from "./secret-key.ts";
import { type Environment, readEnvironment, readFlags } from "./settings.ts";

export interface LoadOptions {
  /** Folder that relative paths start from and where `parley.config.ts` and `.env` are looked for. Default: the current one. */
  readonly cwd?: string;
  /** Default: the environment of the process. */
  readonly env?: Environment;
  /** Flags of `parley start`, such as `["--port", "4000"]`. Default: none. */
  readonly argv?: readonly string[];
  /** Looks into agents more deeply; asked for only when there are some. Default: their shape alone counts. */
  readonly agentCheck?: () => Promise<AgentCheck>;
  /** Make the data folder and its key file when they are missing. Default: true. */
  readonly create?: boolean;
}

const FILE_NAMES = ["parley.config.ts", "parley.config.mts", "parley.config.mjs", "parley.config.js"];

/**
 * Guarantees a complete, checked configuration: flags over environment over `.env` over file over defaults.
 *
 * Throws CONFIG_INVALID with every fault, its path and its fix in one report.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<Config> {
  const cwd = path.resolve(options.cwd ?? process.cwd());
  const faults: ConfigFault[] = [];
  const environment = readEnvironment(withDotEnv(cwd, options.env ?? process.env, faults));
  const flags = readFlags(options.argv ?? []);
  const settings = [...environment.settings, ...flags.settings];
  faults.push(...environment.faults, ...flags.faults);

  const named = settings.findLast((setting) => setting.variable.name === "PARLEY_CONFIG");
  const file = await readFile(
    cwd,
    named === undefined ? undefined : { label: named.label, name: String(named.value) },
    faults,
  );
  const { values, labels } = mergeSettings(file?.value, settings);
  const fileName = file === undefined ? "parley.config.ts" : path.basename(file.path);
  const label = (key: string) => {
    const name = isSet(file?.value, key.split(".")) ? undefined : variableOf(key.split("."))?.name;
    return labels.get(key) ?? name ?? `${fileName}: ${key}`;
  };

  const parsed = ConfigSchema.safeParse(values);
  if (!parsed.success) faults.push(...schemaFaults(parsed.error.issues, labels, fileName));
  faults.push(...crossFaults(parsed.success ? parsed.data : soundParts(values), label));
  for (const { agents, place } of agentLists(values)) {
    if (options.agentCheck === undefined) break;
    faults.push(...agentFaults(agents, await options.agentCheck(), `${fileName}: ${place}agents`));
  }
  if (!parsed.success || faults.length > 0) throw configError(faults);
  return complete(parsed.data, cwd, file?.path, options.create ?? true);
}

/** The agents of every organization, with what their path begins with. */
function agentLists(values: unknown): { readonly agents: readonly unknown[]; readonly place: string }[] {
  if (!isRecord(values)) return [];
  const further = Array.isArray(values["organizations"]) ? values["organizations"] : [];
  const holders = [
    { holder: values, place: "" },
    ...further.map((holder: unknown, index) => ({ holder, place: `organizations[${index}].` })),
  ];
  return holders.flatMap(({ holder, place }) => {
    const agents: unknown = isRecord(holder) ? holder["agents"] : undefined;
    return Array.isArray(agents) && agents.length > 0 ? [{ agents, place }] : [];
  });
}

/** What of a faulty configuration is sound by itself, the rest at its defaults, so that one report can hold every fault. */
function soundParts(values: unknown): ConfigValues {
  const given = isRecord(values) ? values : {};
  const sound = Object.entries(ConfigSchema.shape).filter(([key, schema]) => schema.safeParse(given[key]).success);
  return ConfigSchema.parse(Object.fromEntries(sound.map(([key]) => [key, given[key]])));
}

function isSet(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return value !== undefined;
  return isRecord(value) && isSet(value[key], rest);
}

function withDotEnv(cwd: string, env: Environment, faults: ConfigFault[]): Environment {
  const file = path.join(cwd, ".env");
  if (!existsSync(file)) return env;
  try {
    const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
    return { ...parseEnv(readFileSync(file, "utf8")), ...given };
  } catch (error) {
    faults.push({
      path: ".env",
      problem: `cannot be read (${reasonOf(error)})`,
      fix: "make it readable for this user, or remove it",
    });
    return env;
  }
}

async function readFile(
  cwd: string,
  named: { label: string; name: string } | undefined,
  faults: ConfigFault[],
): Promise<{ path: string; value: unknown } | undefined> {
  const candidates = named === undefined ? FILE_NAMES : [named.name];
  const found = candidates.map((name) => path.resolve(cwd, name)).find((candidate) => existsSync(candidate));
  if (found === undefined) {
    if (named !== undefined)
      faults.push({
        path: named.label,
        problem: `there is no file ${named.name}`,
        fix: "give the path of an existing configuration file",
      });
    return undefined;
  }
  const name = path.basename(found);
  try {
    offerOwnPackage();
    const module: unknown = await import(pathToFileURL(found).href);
    const value = isModule(module) ? module.default : undefined;
    if (isRecord(value)) return { path: found, value };
    faults.push({
      path: name,
      problem: "does not export a configuration",
      fix: "write: export default defineConfig({ ... })",
    });
  } catch (error) {
    faults.push({
      path: name,
      problem: `cannot be loaded: ${reasonOf(error)}`,
      fix: "correct the file; nothing was read from it",
    });
  }
  return { path: found, value: {} };
}

function isModule(value: unknown): value is { readonly default: unknown } {
  return typeof value === "object" && value !== null && "default" in value;
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]?.slice(0, 300) ?? "";
}

function complete(values: ConfigValues, cwd: string, configFile: string | undefined, create: boolean): Config {
  const dataFolder = path.resolve(cwd, values.dataFolder);
  return Object.freeze({
    ...values,
    dataFolder,
    ...keyOf(values, dataFolder, create),
    web: { ...values.web, port: values.web.port ?? DEFAULT_PORT, portIsDefault: values.web.port === undefined },
    slack: slackOf(values),
    discord: discordOf(values),
    matrix: matrixOf(values),
    organizations: values.organizations.map(furtherOrganization),
    configFile,
  });
}

function furtherOrganization(one: OrganizationValues): OrganizationConfig {
  return {
    id: one.id,
    name: one.name ?? one.id,
    slack: slackOf(one),
    discord: discordOf(one),
    matrix: matrixOf(one),
    oidc: completeOidc(one.oidc),
    agents: one.agents,
    access: one.access,
  };
}

function keyOf(
  values: ConfigValues,
  dataFolder: string,
  create: boolean,
): Pick<Config, "secretKey" | "secretKeySource"> {
  if (values.secretKey !== undefined) return { secretKey: values.secretKey, secretKeySource: "settings" };
  try {
    const { secret, source, problem } = openKeyFile(dataFolder, create);
    if (problem !== undefined)
      throw configError([{ path: path.join(dataFolder, "secret.key"), problem: problem.what, fix: problem.fix }]);
    return { secretKey: secret, secretKeySource: source };
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const fix = "choose a folder this user may write to (PARLEY_DATA or --data)";
    throw configError([{ path: dataFolder, problem: `cannot be used as data folder: ${reasonOf(error)}`, fix }]);
  }
}

function slackOf({ slack }: Pick<ConfigValues, "slack">): SlackConfig | undefined {
  const { botToken, appToken, signingSecret, clientId, clientSecret, stateSecret } = slack;
  if (botToken === undefined && clientId === undefined) return undefined;
  return {
    mode: slack.mode ?? (appToken === undefined ? "http" : "socket"),
    botToken,
    appToken,
    signingSecret,
    oauth: clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret, stateSecret },
    apiUrl: slack.apiUrl.endsWith("/") ? slack.apiUrl : `${slack.apiUrl}/`,
    authorizeUrl: slack.authorizeUrl,
    allowedTeams: slack.allowedTeams,
    linkHosts: slack.linkHosts,
    socketConnections: slack.socketConnections,
    command: slack.command,
    orderingHoldMs: slack.orderingHoldMs,
    backfillMaxAgeMs: slack.backfillMaxAgeMs,
    backfillMaxMessages: slack.backfillMaxMessages,
    pacing: slack.pacing === "on",
  };
}

function discordOf({ discord }: Pick<ConfigValues, "discord">): DiscordConfig | undefined {
  const { botToken, pacing } = discord;
  return botToken === undefined ? undefined : { ...discord, botToken, pacing: pacing === "on" };
}

function matrixOf({ matrix }: Pick<ConfigValues, "matrix">): MatrixConfig | undefined {
  const { homeserverUrl, accessToken, appService, pacing } = matrix;
  if (homeserverUrl === undefined || (accessToken === undefined && appService.token === undefined)) return undefined;
  return { ...matrix, homeserverUrl, pacing: pacing === undefined ? undefined : pacing === "on" };
}
