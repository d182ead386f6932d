import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentFunction } from "../../../agents/shared/agent-function.ts";
import { type App, type AppPorts, createApp } from "../../../src/app.ts";
import type { OrganizationConfig } from "../../../src/config/config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { AgentDefinition } from "../../../src/contracts/agent-definition.ts";
import { createLogger } from "../../../src/log/create-logger.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../slack/index.ts";
import { createMole, type Mole } from "./mole.ts";

const ORGANIZATIONS = ["main", "north", "south", "west"] as const;
const PEOPLE = 4;

/** One organization with a Slack workspace of its own. */
export interface CanaryOrganization {
  readonly id: string;
  readonly space: SmallWorkspace;
  readonly mole: Mole;
}

/** A whole Parley with four organizations, whose agents try to tell everything they can get hold of. */
export interface CanaryWorld {
  readonly slack: SlackStandIn;
  readonly organizations: readonly CanaryOrganization[];
  /** Everything that was logged, line by line, at the most talkative level. */
  readonly logged: readonly string[];
  metrics(): Promise<string>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts it on an empty ledger; `ports` is where a bug is put in. */
export async function startCanaryWorld(databaseUrl: string, ports: () => AppPorts): Promise<CanaryWorld> {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  const organizations = ORGANIZATIONS.map((id) => ({
    id,
    space: slack.setup.smallWorkspace({ channels: 0, users: PEOPLE, transport: "http" }),
    mole: createMole(),
  }));
  const dataFolder = await mkdtemp(join(tmpdir(), "parley-canaries-"));
  const logged: string[] = [];
  let app: App | undefined;
  let url = "";

  async function start(): Promise<void> {
    const settings = (one: CanaryOrganization) => ({
      botToken: one.space.bot.botToken,
      signingSecret: one.space.app.signingSecret,
      mode: "http",
      apiUrl: slack.apiUrl,
      pacing: "off",
    });
    const [main, ...others] = organizations;
    const file = {
      ...(main !== undefined && { slack: settings(main) }),
      organizations: others.map((one) => ({ id: one.id, slack: settings(one) })),
    };
    await writeFile(join(dataFolder, "parley.config.mjs"), `export default ${JSON.stringify(file)};\n`);
    const config = await loadConfig({
      cwd: dataFolder,
      env: {
        PARLEY_CONFIG: join(dataFolder, "parley.config.mjs"),
        PARLEY_DATA: dataFolder,
        PARLEY_PORT: "0",
        DATABASE_URL: databaseUrl,
      },
    });
    const logger = createLogger({
      level: "trace",
      stream: { write: (line) => void logged.push(line) },
    });
    const agentsOf = (id: string) => {
      const mole = organizations.find((one) => one.id === id)?.mole;
      return mole === undefined ? [] : [moleDefinition(mole.run)];
    };
    const [first, ...more] = config.organizations.map(
      (organization): OrganizationConfig => ({ ...organization, agents: agentsOf(organization.id) }),
    );
    if (first === undefined) throw new Error("there is always an organization");
    app = await createApp({ ...config, agents: first.agents, organizations: [first, ...more] }, logger, ports());
    ({ url } = await app.start());
    for (const { id, space } of organizations)
      slack.setup.configureApp(space.app.appId, {
        requestUrl: `${url}${id === "main" ? "/slack/events" : `/slack/${id}/events`}`,
      });
  }

  await start();
  return {
    slack,
    organizations,
    logged,
    metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    async restart() {
      await app?.stop("restart");
      await start();
    },
    async close() {
      await app?.stop("test");
      await slack.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

function moleDefinition(run: AgentFunction): OrganizationConfig["agents"][number] {
  return AgentDefinition.parse({ handle: "mole", name: "Mole", connector: { kind: "function", run } });
}
