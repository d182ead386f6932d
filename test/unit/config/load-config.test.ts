import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Config, secretValues } from "../../../src/config/config.ts";
import { type ConfigFault, configFaults } from "../../../src/config/fault.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { ConfigSchema } from "../../../src/config/schema.ts";

const STRONG = "kJ8sVq2mXw7pZt4cRb9nLd6hGf3yTa1e";
const OTHER = "Qe5uBn8rWm2zKx7vHc4jPt9sDy6gLf3a";
const BOT = "xoxb-11111111111-22222222222-kJ8sVq2mXw7pZt4cRb9nLd6h";
const APP = "xapp-1-A0000000000-3333333333333-0a1b2c3d4e5f60718293a4b5c6d7e8f9";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), "parley-config-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const load = (env: Record<string, string> = {}, argv: readonly string[] = []): Promise<Config> =>
  loadConfig({ cwd, env, argv });

async function faultsOf(
  env: Record<string, string> = {},
  argv: readonly string[] = [],
): Promise<readonly ConfigFault[]> {
  const error: unknown = await load(env, argv).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: "CONFIG_INVALID" });
  return configFaults(error);
}

const file = (text: string, name = "parley.config.ts") => writeFileSync(path.join(cwd, name), text);

describe("loadConfig", () => {
  test("needs nothing: the defaults are complete, and the key file is made with mode 0600", async () => {
    const config = await load();
    expect(config.web).toMatchObject({ host: "127.0.0.1", port: 3700, portIsDefault: true });
    expect(config.dataFolder).toBe(path.join(cwd, "data"));
    expect(config.roles).toEqual(["ingest", "worker", "delivery"]);
    expect(config.slack).toBeUndefined();
    expect(config.secretKeySource).toBe("generated");
    const key = path.join(cwd, "data", "secret.key");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(Buffer.from(readFileSync(key, "utf8").trim(), "base64url")).toHaveLength(32);
    const again = await load();
    expect(again.secretKeySource).toBe("file");
    expect(again.secretKey.reveal()).toBe(config.secretKey.reveal());
  });

  test("writes nothing when told so", async () => {
    const config = await loadConfig({ cwd, env: {}, create: false });
    expect(config.secretKeySource).toBe("absent");
    expect(() => statSync(path.join(cwd, "data"))).toThrow(/ENOENT/);
  });

  test("flags win over environment over .env over file over defaults", async () => {
    file('export default { web: { port: 1001, host: "127.0.0.2" }, logLevel: "warn", pipeline: { maxHops: 2 } };');
    writeFileSync(path.join(cwd, ".env"), "PARLEY_PORT=1002\nPARLEY_HOST=127.0.0.3\nUNRELATED=1\n");
    const config = await load({ PARLEY_PORT: "1003" }, ["--port", "1004"]);
    expect(config.web.port).toBe(1004);
    expect((await load({ PARLEY_PORT: "1003" })).web.port).toBe(1003);
    const lower = await load();
    expect(lower.web).toMatchObject({ port: 1002, host: "127.0.0.3", portIsDefault: false });
    expect(lower.logLevel).toBe("warn");
    expect(lower.pipeline).toEqual({ ...ConfigSchema.parse({}).pipeline, maxHops: 2 });
  });

  test("runs a TypeScript file with defineConfig and keeps functions in it", async () => {
    const from = path.resolve(import.meta.dirname, "../../../src/config/define-config.ts");
    file(`import { defineConfig } from ${JSON.stringify(from)};
      const port: number = 4100;
      export default defineConfig({ web: { port }, agents: [{ handle: "echo", name: "Echo", connector: { kind: "function", run: () => 1 } }] });`);
    const config = await load();
    expect(config.web.port).toBe(4100);
    expect(config.agents[0]).toMatchObject({ handle: "echo", turnMode: "queue", channels: ["*"] });
    expect(config.agents[0]?.connector["run"]).toBeTypeOf("function");
  });

  test("reports every fault at once, each with its path and a fix", async () => {
    file(
      'export default { wbe: {}, web: { hots: "x" }, agents: [{ handle: "Bad Handle", name: "B", connector: { kind: "x" } }] };',
    );
    const faults = await faultsOf(
      {
        PARLEY_PORT: "99999",
        PARLEY_LOG_LEVL: "info",
        PARLEY_SECRET_KEY: "short",
        SLACK_BOT_TOKN: "x",
        PARLEY_TURN_BUDGET: "many",
      },
      ["--roles", "ingest,cook"],
    );
    const byPath = Object.fromEntries(faults.map((fault) => [fault.path, fault]));
    expect(Object.keys(byPath).sort()).toEqual(
      [
        "--roles",
        "PARLEY_LOG_LEVL",
        "PARLEY_PORT",
        "PARLEY_SECRET_KEY",
        "PARLEY_TURN_BUDGET",
        "SLACK_BOT_TOKN",
        "parley.config.ts: agents[0].handle",
        "parley.config.ts: wbe",
        "parley.config.ts: web.hots",
      ].sort(),
    );
    expect(byPath["parley.config.ts: wbe"]?.fix).toBe("did you mean web?");
    expect(byPath["parley.config.ts: web.hots"]?.fix).toBe("did you mean host?");
    expect(byPath["PARLEY_LOG_LEVL"]?.fix).toBe("did you mean PARLEY_LOG_LEVEL?");
    expect(byPath["SLACK_BOT_TOKN"]?.fix).toBe("did you mean SLACK_BOT_TOKEN?");
    expect(byPath["PARLEY_PORT"]?.problem).toContain("65535");
    for (const fault of faults) expect(fault.fix).not.toBe("");
  });

  test.each([
    ["no object", "export default 5;", "does not export"],
    ["no default export", "export const config = {};", "does not export"],
    ["a syntax error", "export default {", "cannot be loaded"],
    ["a throwing module", 'throw new Error("boom");', "cannot be loaded: boom"],
  ])("names a file with %s", async (_name, text, problem) => {
    file(text);
    const faults = await faultsOf();
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ path: "parley.config.ts" });
    expect(faults[0]?.problem).toContain(problem);
  });

  test("a named file must exist", async () => {
    expect(await faultsOf({}, ["--config", "other.ts"])).toMatchObject([
      { path: "--config", problem: "there is no file other.ts" },
    ]);
  });

  test("what Kubernetes and compose put into the environment is no fault", async () => {
    const config = await load({
      PARLEY_PORT: "tcp://10.0.0.1:80",
      PARLEY_SERVICE_HOST: "10.0.0.1",
      PARLEY_SERVICE_PORT_HTTP: "80",
      PARLEY_PORT_80_TCP_ADDR: "10.0.0.1",
      SLACK_BOT_TOKEN: "",
      DATABASE_URL: "",
    });
    expect(config.web.port).toBe(3700);
    expect(config.slack).toBeUndefined();
  });
});

describe("secrets", () => {
  test.each([
    ["too short", "abcdefgh12345678"],
    ["a placeholder", "change-me-please-change-me-please-change-me"],
    ["one character", "a".repeat(64)],
    ["a repeated piece", "0123456789abcdef0123456789abcdef"],
    ["blank", "   "],
  ])("a key that is %s is refused", async (_name, value) => {
    expect((await faultsOf({ PARLEY_SECRET_KEY: value })).map((fault) => fault.path)).toContain("PARLEY_SECRET_KEY");
  });

  test.each([
    ["base64", STRONG],
    ["hex", "8f14e45fceea167a5a36dedd4bea2543"],
  ])("a random key in %s is accepted", async (_name, value) => {
    expect((await load({ PARLEY_SECRET_KEY: value })).secretKey.reveal()).toBe(value);
  });

  test("one secret for two purposes is refused", async () => {
    const faults = await faultsOf({ PARLEY_SECRET_KEY: STRONG, SLACK_BOT_TOKEN: BOT, SLACK_SIGNING_SECRET: STRONG });
    expect(faults).toMatchObject([{ path: "SLACK_SIGNING_SECRET", problem: "is equal to PARLEY_SECRET_KEY" }]);
  });

  test("no way of printing a configuration shows a secret, and no report does", async () => {
    const env = {
      PARLEY_SECRET_KEY: STRONG,
      SLACK_BOT_TOKEN: BOT,
      SLACK_SIGNING_SECRET: OTHER,
      DATABASE_URL: "postgres://u:hunter2hunter2@127.0.0.1/p",
    };
    const config = await load(env);
    const shown = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      config.secretKey.toString(),
      String(config.databaseUrl?.toString()),
    ].join("\n");
    for (const value of secretValues(config)) expect(shown).not.toContain(value);
    expect(secretValues(config)).toHaveLength(4);
    expect(shown).toContain("[redacted]");
    const faults = await faultsOf({ ...env, SLACK_SIGNING_SECRET: "hunter22", PARLEY_SECRET_KEY: "hunter22" });
    expect(JSON.stringify(faults)).not.toContain("hunter2");
  });

  test("the secrets of agents are known to the scrubber", async () => {
    const connector =
      '{ kind: "webhook", url: "https://a.example.org", secrets: ["whsec_one", "whsec_two"], headers: { authorization: "abc" } }';
    file(`export default { agents: [{ handle: "a", name: "A", connector: ${connector} }] };`);
    expect(secretValues(await load()).slice(1)).toEqual(["whsec_one", "whsec_two", "abc"]);
  });

  test("a damaged key file is not overwritten", async () => {
    await load();
    writeFileSync(path.join(cwd, "data", "secret.key"), "oops\n");
    const faults = await faultsOf();
    expect(faults[0]?.problem).toContain("damaged");
    expect(readFileSync(path.join(cwd, "data", "secret.key"), "utf8")).toBe("oops\n");
  });
});

describe("settings that belong together", () => {
  test.each<[string, Record<string, string>, readonly string[]]>([
    ["HTTP without a signing secret", { SLACK_BOT_TOKEN: BOT }, ["SLACK_SIGNING_SECRET"]],
    ["HTTP with a blank signing secret", { SLACK_BOT_TOKEN: BOT, SLACK_SIGNING_SECRET: "" }, ["SLACK_SIGNING_SECRET"]],
    ["Socket Mode without an app token", { SLACK_BOT_TOKEN: BOT, SLACK_MODE: "socket" }, ["SLACK_APP_TOKEN"]],
    ["a client id alone", { SLACK_CLIENT_ID: "1.2", SLACK_SIGNING_SECRET: OTHER }, ["SLACK_CLIENT_SECRET"]],
    [
      "tokens in the wrong place",
      { SLACK_BOT_TOKEN: APP, SLACK_APP_TOKEN: BOT },
      ["SLACK_APP_TOKEN", "SLACK_BOT_TOKEN"],
    ],
    ["a mode alone", { SLACK_MODE: "http" }, ["SLACK_BOT_TOKEN"]],
    ["roles apart on the embedded ledger", { PARLEY_ROLES: "ingest" }, ["PARLEY_ROLES"]],
    [
      "an address of another kind",
      { DATABASE_URL: "mysql://127.0.0.1/x", REDIS_URL: "127.0.0.1:6379" },
      ["DATABASE_URL", "REDIS_URL"],
    ],
  ])("%s is refused", async (_name, env, paths) => {
    expect((await faultsOf(env)).map((fault) => fault.path).sort()).toEqual(paths);
  });

  test("Matrix is set up by a bot's token or by both tokens of an application service", async () => {
    const MATRIX_HOMESERVER_URL = "http://127.0.0.1:8008";
    expect((await load()).matrix).toBeUndefined();
    const bot = await load({
      MATRIX_HOMESERVER_URL,
      MATRIX_ACCESS_TOKEN: "syt_x",
      MATRIX_INVITERS: "@a:b.example,c.example",
    });
    expect(bot.matrix).toMatchObject({
      homeserverUrl: MATRIX_HOMESERVER_URL,
      inviters: ["@a:b.example", "c.example"],
      pacing: undefined,
    });
    expect(secretValues(bot)).toContain("syt_x");
    const service = { MATRIX_HOMESERVER_URL, MATRIX_AS_TOKEN: STRONG, MATRIX_HS_TOKEN: OTHER, MATRIX_PACING: "on" };
    expect((await load(service)).matrix).toMatchObject({ pacing: true, appService: { senderLocalpart: "parley" } });
    const paths = async (env: Record<string, string>) => (await faultsOf(env)).map((fault) => fault.path);
    expect(await paths({ MATRIX_ACCESS_TOKEN: "syt_x" })).toEqual(["MATRIX_HOMESERVER_URL"]);
    expect(await paths({ MATRIX_HOMESERVER_URL })).toEqual(["MATRIX_ACCESS_TOKEN"]);
    expect(await paths({ MATRIX_HOMESERVER_URL, MATRIX_AS_TOKEN: STRONG })).toEqual(["MATRIX_HS_TOKEN"]);
    expect(await paths({ ...service, MATRIX_HS_TOKEN: "weak" })).toEqual(["MATRIX_HS_TOKEN"]);
    expect(await paths({ ...service, MATRIX_RECOVERY_KEY: "EsUE" })).toEqual(["MATRIX_ACCESS_TOKEN"]);
    expect(await paths({ ...service, MATRIX_INVITERS: "not a name" })).toEqual(["MATRIX_INVITERS"]);
  });

  test("Slack's mode follows from its tokens", async () => {
    expect((await load({ SLACK_BOT_TOKEN: BOT, SLACK_SIGNING_SECRET: OTHER })).slack).toMatchObject({
      mode: "http",
      pacing: true,
    });
    expect((await load({ SLACK_BOT_TOKEN: BOT, SLACK_APP_TOKEN: APP, SLACK_PACING: "off" })).slack).toMatchObject({
      mode: "socket",
      pacing: false,
    });
    expect(
      (await load({ SLACK_BOT_TOKEN: BOT, SLACK_APP_TOKEN: APP, SLACK_API_URL: "http://127.0.0.1:9/api" })).slack
        ?.apiUrl,
    ).toBe("http://127.0.0.1:9/api/");
  });

  test.each([
    "redis+sentinel://one:26379,two:26379/primary",
    "redis-sentinel://one:26379",
    "rediss+cluster://one:6379",
    "redis://one:6379,two:6379",
  ])("a Sentinel set-up or a Cluster is refused with one clear line: %s", async (url) => {
    const faults = await faultsOf({ REDIS_URL: url });
    expect(faults.map((fault) => `${fault.path}: ${fault.problem}`)).toEqual([
      "REDIS_URL: names a Sentinel set-up or a Cluster, which Parley does not speak",
    ]);
  });

  test("what is kept is kept for 90 days, for ever, or for longer than a platform delivers again", async () => {
    expect((await load()).retention.days).toBe(90);
    expect((await load({ PARLEY_RETENTION_DAYS: "0" })).retention.days).toBe(0);
    expect((await load({ PARLEY_RETENTION_DAYS: "7" })).retention.days).toBe(7);
    for (const days of ["6", "-1", "1.5"])
      expect((await faultsOf({ PARLEY_RETENTION_DAYS: days })).map((fault) => fault.path)).toEqual([
        "PARLEY_RETENTION_DAYS",
      ]);
  });

  test("what is kept is kept for each organization as long as it says: a name that is nobody's is refused", async () => {
    file("export default { retention: { daysOf: { main: 30, nobody: 30 }, auditDaysOf: { nobody: 400 } } };");
    expect((await faultsOf()).map((fault) => `${fault.path} ${fault.problem}`)).toEqual([
      "parley.config.ts: retention.daysOf.nobody is no organization of this deployment",
      "parley.config.ts: retention.auditDaysOf.nobody is no organization of this deployment",
    ]);
  });

  test("what one organization keeps is told from what the others keep", async () => {
    file('export default { organizations: [{ id: "other", name: "Other" }], retention: { daysOf: { other: 0 } } };');
    expect((await load()).retention).toMatchObject({ days: 90, daysOf: { other: 0 } });
  });

  test("an agent on this machine is refused with the setting that allows it", async () => {
    file(
      'export default { agents: [{ handle: "helper", name: "Helper", connector: { kind: "webhook", url: "http://127.0.0.1:9000/" } }] };',
    );
    const [fault] = await faultsOf();
    expect(fault?.path).toContain("agents[0].connector.url");
    expect(fault?.fix).toContain("PARLEY_ALLOW_PRIVATE_AGENTS=on");
    expect((await load({ PARLEY_ALLOW_PRIVATE_AGENTS: "on" })).agents).toHaveLength(1);
  });

  test("two agents cannot share a handle", async () => {
    file(
      'const agent = { handle: "a", name: "A", connector: { kind: "x" } }; export default { agents: [agent, agent] };',
    );
    expect(await faultsOf()).toMatchObject([{ path: "parley.config.ts: agents[1].handle" }]);
  });
});
