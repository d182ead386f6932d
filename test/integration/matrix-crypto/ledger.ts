import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { AdapterStateStore } from "../../../src/contracts/adapter-state.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { createAdapterStateStore } from "../../../src/ledger/adapter-state.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";
import { openForFile } from "../connection/open-backends.ts";

const quiet = (): void => undefined;
export const quietLogger: Logger = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: quiet,
  child: () => quietLogger,
};

/** An embedded ledger with installations of these ids; gives the state store of a process. Call it in beforeAll. */
export async function openLedger(...installationIds: readonly string[]): Promise<(owner: string) => AdapterStateStore> {
  const database = await openForFile("pglite");
  await migrate(database, fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url)));
  await database.query({ text: "insert into organizations (id, name) values ('o', 'o')" });
  for (const id of installationIds)
    await database.query(
      {
        text: "insert into installations (id, organization_id, platform, external_id, name) values ($1, 'o', 'matrix', $1, $1)",
      },
      [id],
    );
  const box = createSecretBox(randomBytes(32));
  return (owner) => createAdapterStateStore({ database, box, owner, logger: quietLogger });
}
