import path from "node:path";
import { ENVIRONMENT } from "./environment.ts";
import { loadConfig } from "./load-config.ts";
import { type OperatorFile, readOperatorFile } from "./operator-file.ts";
import { DEFAULT_DATA_FOLDER } from "./schema.ts";
import type { Environment } from "./settings.ts";

/** Where a running Parley is and how to be its operator. */
export interface ParleyAddress {
  readonly url: string;
  readonly token: string;
  /** The process that wrote it down; undefined when the environment named it. */
  readonly pid: number | undefined;
}

export interface FindOptions {
  readonly cwd?: string;
  readonly env?: Environment;
  /** Data folder of the Parley in question. Default: as the configuration says. */
  readonly dataFolder?: string;
}

/** The running Parley that the environment names, else the one that uses the data folder; with that folder, for messages. */
export async function findParley(
  options: FindOptions = {},
): Promise<{ readonly parley: ParleyAddress | undefined; readonly dataFolder: string }> {
  const cwd = path.resolve(options.cwd ?? process.cwd());
  const env = options.env ?? process.env;
  const dataFolder = path.resolve(cwd, options.dataFolder ?? (await configuredFolder(cwd, env)));
  const { PARLEY_URL: url, PARLEY_TOKEN: token } = env;
  const file: OperatorFile | undefined = readOperatorFile(dataFolder);
  if (url !== undefined && url !== "") {
    const known = token ?? (file?.url === url ? file.token : undefined);
    return { parley: known === undefined ? undefined : { url, token: known, pid: undefined }, dataFolder };
  }
  return { parley: file, dataFolder };
}

/** A faulty configuration must not keep an operator from a Parley that runs: then the variable or the default counts. */
async function configuredFolder(cwd: string, env: Environment): Promise<string> {
  try {
    return (await loadConfig({ cwd, env, create: false })).dataFolder;
  } catch {
    const name = ENVIRONMENT.find((row) => row.path?.join(".") === "dataFolder")?.name ?? "";
    return env[name] || DEFAULT_DATA_FOLDER;
  }
}
