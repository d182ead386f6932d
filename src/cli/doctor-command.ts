import type { Command } from "commander";
import { z } from "zod";
import type { Config } from "../config/config.ts";
import { configFaults } from "../config/fault.ts";
import { findParley } from "../config/find-parley.ts";
import { checkModels, checkPage, checkPublicUrl } from "../doctor/address-checks.ts";
import { checkDiscord } from "../doctor/discord-checks.ts";
import { type Finding, failed, ok, POWER_CUT, reasonOf, skipped } from "../doctor/finding.ts";
import { checkFolder } from "../doctor/folder-checks.ts";
import { checkMatrix } from "../doctor/matrix-checks.ts";
import { checkSlack } from "../doctor/slack-checks.ts";
import { loadCheckedConfig } from "./checked-config.ts";
import { type Client, createClient } from "./client.ts";
import { type CommonOptions, common, outputOf } from "./common-options.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { type Output, paint, plain } from "./output.ts";
import { requiredSlackScopes } from "./slack-commands.ts";
import { Agent, Check, Status } from "./views.ts";

const SIGNS = {
  ok: ["green", "ok"],
  warning: ["yellow", "warning"],
  failed: ["red", "failed"],
  skipped: ["dim", "skipped"],
} as const;

/** `parley doctor` */
export function addDoctorCommand(program: Command): void {
  common(
    program
      .command("doctor")
      .description("check everything a message needs, with the fix for each; whether or not Parley runs"),
  ).action(async (options: CommonOptions) => {
    const output = outputOf(options);
    const config = await readConfig(options);
    const findings = "findings" in config ? config.findings : await examine(config.config, options);
    output.result({ findings }, () => show(findings, output));
    if ("findings" in config) process.exitCode = EXIT.config;
    else if (findings.some((finding) => finding.state === "failed")) process.exitCode = EXIT.failed;
  });
}

async function readConfig(options: CommonOptions): Promise<{ config: Config } | { findings: Finding[] }> {
  const argv = options.data === undefined ? [] : ["--data", options.data];
  try {
    return { config: await loadCheckedConfig({ argv, create: false }) };
  } catch (error) {
    const faults = configFaults(error);
    if (faults.length === 0) throw error;
    return { findings: faults.map((fault) => failed(`config ${fault.path}`, fault.problem, fault.fix)) };
  }
}

async function examine(config: Config, options: CommonOptions): Promise<Finding[]> {
  const client = await runningParley(options);
  // Loaded for this alone: the ledger and the queue take longer to load than any other command takes to run.
  const { checkStores } = await import("../doctor/store-checks.ts");
  const scopes = config.slack === undefined ? [] : await requiredSlackScopes();
  const [folder, stores, slack, discord, matrix, publicUrl, agents] = await Promise.all([
    checkFolder(config),
    client === undefined ? checkStores(config) : askForState(client),
    checkSlack(config.slack, scopes),
    checkDiscord(config.discord),
    checkMatrix(config.matrix, client !== undefined),
    checkPublicUrl(config, client !== undefined),
    client === undefined
      ? [skipped("agents", "checked while Parley runs", "start Parley and run this again")]
      : askForAgents(client),
  ]);
  const running =
    client === undefined
      ? skipped("parley", "not running", "start it with: npm start")
      : ok("parley", `runs at ${client.address.url}`);
  const from = config.configFile === undefined ? "environment and defaults, no parley.config.ts" : config.configFile;
  return [
    ok("runtime", `Node ${process.versions.node}`),
    ok("config", from),
    running,
    ...folder,
    ...stores,
    publicUrl,
    ...slack,
    ...discord,
    ...matrix,
    checkModels(config),
    ...agents,
    checkPage(),
  ];
}

/** A client of the Parley on this data folder, if it answers. */
async function runningParley(options: CommonOptions): Promise<Client | undefined> {
  const { parley, dataFolder } = await findParley(options.data === undefined ? {} : { dataFolder: options.data });
  if (parley === undefined) return undefined;
  const client = createClient(parley, dataFolder);
  try {
    await client.get("/healthz", z.object({ status: z.literal("ok") }));
    return client;
  } catch (error) {
    if (error instanceof CommandFailure) return undefined;
    throw error;
  }
}

/** While it runs, the embedded ledger is its own: the running Parley is asked. */
async function askForState(client: Client): Promise<Finding[]> {
  try {
    const { ledger, queue, platforms, work } = await client.get("/api/status", Status);
    const findings = [
      ledger.ok
        ? ok("ledger", `${ledger.backend} answers in ${ledger.latencyMs.toFixed(1)} ms, migrations applied`)
        : failed(
            "ledger",
            ledger.detail ?? "does not answer",
            "bring the database back; nothing is accepted meanwhile",
          ),
      queue.ok
        ? ok("queue", `${queue.backend}, ${queue.waiting} waiting`)
        : failed(
            "queue",
            queue.detail ?? "does not answer",
            "bring the queue back; work waits in the ledger meanwhile",
          ),
      ...platforms.map((row) =>
        row.state === "failed"
          ? failed(
              row.platform,
              `${row.name}: ${row.detail ?? "failed"}`,
              "connect it again; the detail says why it failed",
            )
          : ok(
              row.platform,
              `${row.name} is ${row.state}${row.lastEventAt === undefined ? "" : `, last event ${row.lastEventAt}`}`,
            ),
      ),
    ];
    if (work.openDeadLetters > 0)
      findings.push({
        part: "dead letters",
        state: "warning",
        detail: `${work.openDeadLetters} open`,
        fix: "parley deadletters list",
      });
    if (work.unknownDeliveries > 0)
      findings.push({
        part: "deliveries",
        state: "warning",
        detail: `${work.unknownDeliveries} of unknown outcome`,
        fix: "they are reconciled by themselves, or become dead letters",
      });
    return ledger.backend.toLowerCase().includes("pglite") ? [...findings, POWER_CUT] : findings;
  } catch (error) {
    return [failed("ledger", reasonOf(error), "see the log of the running Parley")];
  }
}

async function askForAgents(client: Client): Promise<Finding[]> {
  try {
    const { agents } = await client.get("/api/agents", z.object({ agents: z.array(Agent) }));
    return await Promise.all(
      agents.map(async ({ handle, source }) => {
        const part = `agent @${handle}`;
        const check = await client.post(`/api/agents/${encodeURIComponent(handle)}/check`, undefined, Check);
        if (check.ok) return ok(part, check.detail);
        // Nobody asked for the agents that come along; one that is not set up says so where it is asked.
        if (source === "builtin") return skipped(part, check.detail, "set it up, or leave it");
        return failed(part, check.detail, "do what the detail says, then: parley agents check");
      }),
    );
  } catch (error) {
    return [failed("agents", reasonOf(error), "see the log of the running Parley")];
  }
}

function show(findings: readonly Finding[], output: Output): void {
  output.table(
    ["STATE", "PART", "DETAIL"],
    findings.map(({ state, part, detail }) => [paint(SIGNS[state][0], SIGNS[state][1]), plain(part), plain(detail)]),
  );
  const open = findings.filter((finding) => finding.state === "failed" || finding.state === "warning");
  if (open.length === 0) return output.line("\nNothing to fix.");
  output.line();
  for (const { part, fix } of open) output.line(`${paint("bold", plain(part))}: ${plain(fix ?? "")}`);
}
