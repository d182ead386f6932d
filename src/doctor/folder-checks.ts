import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { type Finding, failed, ok, reasonOf, skipped, warning } from "./finding.ts";

const MIN_FREE_BYTES = 1_073_741_824;
const GIB = 1_073_741_824;

/** The data folder, its room and the deployment's own key. */
export async function checkFolder(config: Config): Promise<Finding[]> {
  const part = "data folder";
  const existing = await nearestExisting(config.dataFolder);
  try {
    await access(existing, constants.W_OK | constants.X_OK);
  } catch (error) {
    return [
      failed(
        part,
        `${existing} cannot be written to (${reasonOf(error)})`,
        "choose another with --data or PARLEY_DATA, or give it to this user",
      ),
    ];
  }
  const { bavail, bsize } = await statfs(existing);
  const free = bavail * bsize;
  const room = `${(free / GIB).toFixed(1)} GiB free`;
  const folder =
    existing === config.dataFolder
      ? ok(part, `${config.dataFolder}, ${room}`)
      : ok(part, `${config.dataFolder} is made at the first start, ${room}`);
  return [
    free < MIN_FREE_BYTES
      ? warning(part, `${config.dataFolder}: only ${room}`, "make room: a full disk stops intake")
      : folder,
    keyFinding(config),
  ];
}

function keyFinding(config: Config): Finding {
  const part = "secret key";
  switch (config.secretKeySource) {
    case "settings":
      return ok(part, "set, at least 128 bits");
    case "absent":
      return skipped(part, "none yet", "the first start makes one in the data folder; nothing to do");
    case "file":
    case "generated":
      return config.databaseUrl === undefined || config.roles.length === 3
        ? ok(part, "in the data folder; back it up together with the ledger")
        : warning(
            part,
            "each machine has a key file of its own",
            "set the same PARLEY_SECRET_KEY for all processes of the deployment",
          );
  }
}

async function nearestExisting(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch {
    const parent = path.dirname(folder);
    return parent === folder ? folder : nearestExisting(parent);
  }
}
