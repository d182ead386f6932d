import { bigint, customType, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { instant, organizationId } from "./columns.ts";

const bytes = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/** What an adapter keeps of its own: positions, sessions, keys. `value` is ciphertext bound to its row. */
export const adapterState = pgTable(
  "adapter_state",
  {
    installationId: text("installation_id").notNull(),
    key: text("key").notNull(),
    organizationId: organizationId(),
    value: bytes("value").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.installationId, table.key] })],
);

/** Which process is the only one that works under a name: a gateway session, a device, a sync loop. */
export const adapterLeases = pgTable(
  "adapter_leases",
  {
    installationId: text("installation_id").notNull(),
    name: text("name").notNull(),
    organizationId: organizationId(),
    owner: text("owner"),
    epoch: bigint("epoch", { mode: "number" }).notNull(),
    until: instant("until").notNull(),
  },
  (table) => [primaryKey({ columns: [table.installationId, table.name] })],
);
