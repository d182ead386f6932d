/** A process that opens the embedded ledger of the folder in its first argument and prints each number once it is stored. */
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";

const [dataFolder = ""] = process.argv.slice(2);
const database = await openDatabase({ dataFolder });
await database.query({ text: "CREATE TABLE IF NOT EXISTS stored (n integer PRIMARY KEY)" });
const [last] = await database.query<{ n: number }>({ text: "SELECT coalesce(max(n), 0) AS n FROM stored" });
for (let n = (last?.n ?? 0) + 1; ; n += 1) {
  await database.query({ name: "store", text: "INSERT INTO stored VALUES ($1)" }, [n]);
  process.stdout.write(`${n}\n`);
}
