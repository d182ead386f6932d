import { createCipheriv, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { Logger } from "../../../src/contracts/logger.ts";
import { createAdapterStateStore } from "../../../src/ledger/adapter-state.ts";
import { createCommandResultStore } from "../../../src/ledger/command-results.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { createInstallationStore } from "../../../src/ledger/installations.ts";
import { resealSecrets } from "../../../src/ledger/reseal-secrets.ts";
import { agentSecrets, createSecretBox, type SecretBox } from "../../../src/ledger/secret-box.ts";
import { createToolCallStore } from "../../../src/ledger/tool-calls.ts";
import { runKeyRotationTrial } from "../../support/ledger/key-rotation-trial.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { BACKENDS, type Backend, openForFile } from "../connection/open-backends.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../src/ledger/migrations", import.meta.url));
const quiet = (): void => undefined;
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
const CANARY = "xoxb-canary-4f1d9a77c2";

/** As version 1 sealed: one key for all, the place as text. */
function sealOld(key: Buffer, place: string, bytes: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
  const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([Buffer.from([1]), nonce, cipher.getAuthTag(), body]);
}

async function prepare(database: Database): Promise<void> {
  await migrate(database, MIGRATIONS);
  await database.query({ text: "insert into organizations (id, name) values ('a', 'a'), ('b', 'b')" });
}

const installation = (organizationId: string, externalId: string) => ({
  organizationId,
  platform: "slack",
  externalId,
  name: externalId,
  settings: {},
  secrets: { botToken: `${CANARY}-${organizationId}-${externalId}` },
});

const state = (database: Database, box: SecretBox) => createAdapterStateStore({ database, box, owner: "test", logger });

async function agent(database: Database, organizationId: string, handle: string, secrets: string): Promise<void> {
  await database.query(
    {
      text: "insert into agents (id, organization_id, handle, definition, secrets, color, source) values ($1, $2, $3, '{}', $4, '#000', 'api')",
    },
    [`${organizationId}-${handle}`, organizationId, handle, secrets],
  );
}

describe.each(BACKENDS)("secrets at rest on %s", (backend: Backend) => {
  let database: Database;
  beforeAll(async () => {
    database = await openForFile(backend);
    await prepare(database);
  });

  test("are in no row as they are, and open only in their own row, field and organization", async () => {
    const box = createSecretBox(randomBytes(32));
    const store = createInstallationStore(database, box, logger);
    const ids: string[] = [];
    for (const [organizationId, team] of [
      ["a", "T1"],
      ["a", "T2"],
      ["b", "T1"],
    ] as const) {
      const saved = await store.save(installation(organizationId, team));
      expect(saved.secrets).toEqual({ botToken: `${CANARY}-${organizationId}-${team}` });
      ids.push(saved.installationId);
    }
    const [first = "", second = "", third = ""] = ids;
    for (const id of ids)
      await state(database, box).write(id, new Map(["k1", "k2"].map((key) => [key, Buffer.from(`${CANARY}-${key}`)])));
    const [dump] = await database.query<{ text: string }>({
      text: `select (select string_agg(i::text, ' ') from installations i) || (select string_agg(s::text || encode(s.value, 'escape'), ' ') from adapter_state s) as text`,
    });
    expect(dump?.text).not.toContain("canary");

    // Another row of the same organization, the same workspace of another organization, another field, a row moved as a whole.
    const opened = async (change: string, values: readonly string[]): Promise<string[]> => {
      const kept = await database.query<{ id: string; organization_id: string; secrets: string }>({
        text: "select id, organization_id, secrets from installations",
      });
      await database.query({ text: change }, values);
      const list = await store.list("slack");
      for (const row of kept)
        await database.query(
          { text: "update installations set secrets = $2, organization_id = $3, platform = 'slack' where id = $1" },
          [row.id, row.secrets, row.organization_id],
        );
      return list.map((one) => one.installationId).toSorted();
    };
    const others = (gone: string): string[] => ids.filter((id) => id !== gone).toSorted();
    const copy = "update installations set secrets = (select secrets from installations where id = $2) where id = $1";
    expect(await opened(copy, [second, first])).toEqual(others(second));
    expect(await opened(copy, [third, first])).toEqual(others(third));
    expect(await opened("update installations set organization_id = 'c' where id = $1", [first])).toEqual(
      others(first),
    );
    expect(
      await opened(
        "update installations set secrets = translate(encode((select value from adapter_state where installation_id = $1 and key = 'k1'), 'base64'), E'\\n', '') where id = $1",
        [first],
      ),
    ).toEqual(others(first));
    expect(await opened("select $1::text", [first])).toEqual(ids.toSorted());
    await database.query(
      {
        text: "update adapter_state set value = (select value from adapter_state where installation_id = $1 and key = 'k2') where installation_id = $1 and key = 'k1'",
      },
      [first],
    );
    await expect(state(database, box).read(first, "k1")).rejects.toMatchObject({ code: "CREDENTIAL_MISSING" });
    await database.query(
      {
        text: "update adapter_state set value = (select value from adapter_state where installation_id = $2 and key = 'k1') where installation_id = $1 and key = 'k1'",
      },
      [third, second],
    );
    await expect(state(database, box).read(third, "k1")).rejects.toMatchObject({ code: "CREDENTIAL_MISSING" });
    await database.query({ text: "delete from adapter_state" });
    await database.query({ text: "delete from installations" });
  });

  test("of before organizations had keys, and of the key before, are read and sealed anew; then the old key opens nothing", async () => {
    const [before, now] = [randomBytes(32), randomBytes(32)];
    const old = createSecretBox(before);
    const { installationId } = await createInstallationStore(database, old, logger).save(installation("a", "T9"));
    const secrets = Buffer.from(JSON.stringify({ botToken: CANARY }));
    await database.query({ text: "update installations set secrets = $2 where id = $1" }, [
      installationId,
      sealOld(before, `installation|${installationId}`, secrets).toString("base64"),
    ]);
    await state(database, old).write(installationId, new Map([["new/1", Buffer.from("1")]]));
    await database.query(
      {
        text: "insert into adapter_state (installation_id, key, organization_id, value) values ($1, 'old/1', 'a', $2)",
      },
      [installationId, sealOld(before, `adapter state|${JSON.stringify([installationId, "old/1"])}`, Buffer.from("2"))],
    );
    await agent(database, "b", "one", sealOld(before, "agent|b-one", secrets).toString("base64"));
    await agent(database, "b", "two", old.seal(agentSecrets("b", "b-two"), { key: CANARY }));

    const read = async (box: SecretBox): Promise<unknown[]> => {
      const [listed] = await createInstallationStore(database, box, logger).list("slack");
      const kept = await state(database, box).read(installationId, "");
      const agents = await database.query<{ id: string; secrets: string }>({
        text: "select id, secrets from agents order by id",
      });
      return [
        listed?.secrets,
        [...kept].map(([key, value]) => [key, Buffer.from(value).toString()]),
        agents.map((row) => box.open(agentSecrets("b", row.id), row.secrets)),
      ];
    };
    const whole = [
      { botToken: CANARY },
      [
        ["new/1", "1"],
        ["old/1", "2"],
      ],
      [{ botToken: CANARY }, { key: CANARY }],
    ];
    const both = createSecretBox(now, before);
    expect(await read(both)).toEqual(whole);
    await expect(read(createSecretBox(now))).rejects.toMatchObject({ code: "CREDENTIAL_MISSING" });
    expect(await resealSecrets(database, both)).toEqual({ resealed: 5, unreadable: [] });
    expect(await read(createSecretBox(now))).toEqual(whole);
    await expect(read(old)).rejects.toMatchObject({ code: "CREDENTIAL_MISSING" });
    expect(await resealSecrets(database, both)).toEqual({ resealed: 0, unreadable: [] });
  });

  test("of commands and calls of tools that wait over a change of the key are sealed anew too", async () => {
    const [before, now] = [randomBytes(32), randomBytes(32)];
    const both = createSecretBox(now, before);
    const place = { organizationId: "a", agentId: "a_1", sessionKey: "a:slack:C1:" };
    const call = { id: "k_1", organizationId: "a", turnId: "t_2", tool: "post", input: { text: CANARY } };
    const open = { ...call, id: "k_2" };
    const earlier = createSecretBox(before);
    for (const table of ["installations", "agents", "adapter_state", "command_results", "tool_calls"])
      await database.query({ text: `delete from ${table}` });
    await database.query(
      {
        text: "insert into command_results (agent_id, session_key, turn_id, organization_id, value) values ($1, $2, 't_1', 'a', $3)",
      },
      [
        place.agentId,
        place.sessionKey,
        earlier.seal(
          {
            organizationId: "a",
            platform: "agent",
            installationId: place.agentId,
            field: `commands:${place.sessionKey}:t_1`,
          },
          { json: JSON.stringify([{ name: "conversations", ok: true, result: CANARY }]) },
        ),
      ],
    );
    const calls = createToolCallStore(database, earlier);
    await calls.add(call);
    await calls.answer(call, { said: CANARY });
    await calls.add(open);
    expect(await resealSecrets(database, both)).toEqual({ resealed: 4, unreadable: [] });
    const later = createSecretBox(now);
    expect(await createCommandResultStore(database, later).read(place, "t_9")).toMatchObject([
      { results: [{ result: CANARY }] },
    ]);
    expect(await createToolCallStore(database, later).fetch(call)).toEqual({ result: { said: CANARY } });
    expect(await createToolCallStore(database, later).take("k_2")).toMatchObject({ input: { text: CANARY } });
    expect(await resealSecrets(database, both)).toEqual({ resealed: 0, unreadable: [] });
  });
});

test("killed again and again on its way it leaves every row readable, and the next run ends the work", {
  timeout: 240_000,
}, async () => {
  const trial = await runKeyRotationTrial({ databaseUrl: await createTestDatabase(), midwayKills: 6, seed: 30 });
  expect(trial).toMatchObject({ midwayKills: 6, unreadable: [], oldKeyOpens: false });
});
