import { defineConfig } from "drizzle-kit";

/** Generates migrations from the schema: `npx drizzle-kit generate --config deploy/tooling/drizzle.config.ts --name what_changes`. */
export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./src/ledger/schema/directory.ts",
    "./src/ledger/schema/inbound.ts",
    "./src/ledger/schema/outbound.ts",
    "./src/ledger/schema/web.ts",
    "./src/ledger/schema/adapter-state.ts",
    "./src/ledger/schema/access.ts",
    "./src/ledger/schema/audit.ts",
    "./src/ledger/schema/collaboration.ts",
    "./src/ledger/schema/tools.ts",
  ],
  out: "./src/ledger/migrations",
});
