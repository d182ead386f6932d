import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { resealSecrets } from "../../../src/ledger/reseal-secrets.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";

/** A process that seals everything anew, to be killed while it does. Arguments: address of the ledger, key now, key before. */
const [, , databaseUrl = "", key = "", previous = ""] = process.argv;
const database = await openDatabase({ dataFolder: "unused", databaseUrl });
const box = createSecretBox(Buffer.from(key, "base64"), Buffer.from(previous, "base64"));
const report = await resealSecrets(database, box);
process.stdout.write(`${JSON.stringify(report)}\n`);
await database.close();
