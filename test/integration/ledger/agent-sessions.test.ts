import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { createAgentSessionStore, MAX_SESSION_BYTES } from "../../../src/ledger/agent-sessions.ts";
import { removeAgent } from "../../../src/ledger/agents.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { resealSecrets } from "../../../src/ledger/reseal-secrets.ts";
import { createSecretBox } from "../../../src/ledger/secret-box.ts";
import { BACKENDS, type Backend, openForFile } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const owner = { organizationId: "a", agentId: "ag_1", sessionKey: "s_1" };
const fence = { turnId: "t_1", epoch: 1, owner: "w_1" };
const CANARY = "session-canary-77c2";

describe.each(BACKENDS)("what connectors remember, on %s", (backend: Backend) => {
  let database: Database;
  const [before, now] = [randomBytes(32), randomBytes(32)];

  beforeAll(async () => {
    database = await openForFile(backend);
    await migrate(database, MIGRATIONS);
    await database.query({ text: "insert into organizations (id, name) values ('a', 'a')" });
    await database.query({
      text: "insert into agents (id, organization_id, handle, definition, color, source) values ('ag_1', 'a', 'one', '{}', '#000', 'api')",
    });
    await database.query({
      text: `insert into turns (id, organization_id, agent_id, conversation_id, reply_conversation_id, event_id, reason, state, owner, root_event_id)
        values ('t_1', 'a', 'ag_1', 'c_1', 'c_1', 'e_1', 'mention', 'running', 'w_1', 'e_1')`,
    });
  });

  test("is kept encrypted under its own key, replaced, forgotten, and sealed anew with a new key", async () => {
    const store = createAgentSessionStore(database, createSecretBox(before));
    const session = store.of(owner, fence);
    expect(await session.read()).toBeUndefined();
    await session.write(CANARY);
    await session.write(`${CANARY}-2`);
    expect(await session.read()).toBe(`${CANARY}-2`);
    expect(await store.of({ ...owner, sessionKey: "s_2" }, fence).read()).toBeUndefined();
    const rows = await database.query<{ text: string }>({ text: "select s::text as text from agent_sessions s" });
    expect(JSON.stringify(rows)).not.toContain("canary");

    const both = createSecretBox(now, before);
    expect(await resealSecrets(database, both)).toEqual({ resealed: 1, unreadable: [] });
    expect(await resealSecrets(database, both)).toEqual({ resealed: 0, unreadable: [] });
    const fresh = createAgentSessionStore(database, createSecretBox(now));
    expect(await fresh.of(owner, fence).read()).toBe(`${CANARY}-2`);

    // Moved to another conversation, it does not open.
    await database.query({ text: "update agent_sessions set session_key = 's_2'" });
    await expect(fresh.of({ ...owner, sessionKey: "s_2" }, fence).read()).rejects.toMatchObject({
      code: "CREDENTIAL_MISSING",
    });
    await database.query({ text: "update agent_sessions set session_key = 's_1'" });
    await fresh.of(owner, fence).write("");
    expect(await fresh.of(owner, fence).read()).toBeUndefined();
  });

  test("is written by who holds the turn alone, within its size, and goes with the agent", async () => {
    const store = createAgentSessionStore(database, createSecretBox(now));
    const session = store.of(owner, fence);
    await session.write("é".repeat(MAX_SESSION_BYTES / 2));
    await expect(session.write("é".repeat(MAX_SESSION_BYTES / 2 + 1))).rejects.toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
    const late = [
      { ...fence, epoch: 2 },
      { ...fence, owner: "w_2" },
      { ...fence, turnId: "t_2" },
    ];
    for (const other of late)
      await expect(store.of(owner, other).write("late")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await session.read()).toBe("é".repeat(MAX_SESSION_BYTES / 2));
    expect(await removeAgent(database, "a", "one")).toBe(true);
    expect(await session.read()).toBeUndefined();
    await expect(session.write("after")).rejects.toMatchObject({ code: "LEASE_LOST" });
  });
});
