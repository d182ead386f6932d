/** One row of the layer table: what a part of the source may import beside its own folder. */
export interface Layer {
  readonly name: string;
  /** The path it covers, from the root of the repository: a folder with its slash, or one file. */
  readonly path: string;
  /** Names of the layers it may import. */
  readonly mayImport: readonly string[];
  /** Third-party packages it may import; `any` leaves it to the rules of PACKAGE_OWNERS. */
  readonly packages: "any" | readonly string[];
  /** False for code that does not run in Node. */
  readonly nodeModules: boolean;
}

const BASE = ["envelope", "errors"];
const CONTRACTS = ["contracts", ...BASE];

/** From the bottom up. Imports point down; only the composition root knows concrete adapters and connectors. */
export const LAYERS: readonly Layer[] = [
  { name: "envelope", path: "src/envelope/", mayImport: [], packages: ["zod"], nodeModules: true },
  { name: "errors", path: "src/errors/", mayImport: [], packages: [], nodeModules: true },
  { name: "contracts", path: "src/contracts/", mayImport: BASE, packages: ["zod", "fastify"], nodeModules: true },
  { name: "config", path: "src/config/", mayImport: CONTRACTS, packages: ["zod"], nodeModules: true },
  { name: "log", path: "src/log/", mayImport: CONTRACTS, packages: "any", nodeModules: true },
  { name: "ledger", path: "src/ledger/", mayImport: CONTRACTS, packages: "any", nodeModules: true },
  { name: "queue", path: "src/queue/", mayImport: CONTRACTS, packages: "any", nodeModules: true },
  { name: "access", path: "src/access/", mayImport: ["ledger", ...CONTRACTS], packages: "any", nodeModules: true },
  {
    name: "pipeline",
    path: "src/pipeline/",
    mayImport: ["access", "ledger", "queue", ...CONTRACTS],
    packages: "any",
    nodeModules: true,
  },
  {
    name: "api",
    path: "src/api/",
    mayImport: ["pipeline", "access", "queue", "ledger", "config", ...CONTRACTS],
    packages: "any",
    nodeModules: true,
  },
  { name: "agent-checks", path: "src/agent-checks/", mayImport: CONTRACTS, packages: [], nodeModules: true },
  { name: "console", path: "src/console/", mayImport: [], packages: "any", nodeModules: false },
  { name: "adapters/shared", path: "adapters/shared/", mayImport: CONTRACTS, packages: "any", nodeModules: true },
  { name: "agents/shared", path: "agents/shared/", mayImport: CONTRACTS, packages: "any", nodeModules: true },
  {
    name: "agents/registry",
    path: "agents/registry.ts",
    mayImport: ["agents", ...CONTRACTS],
    packages: ["zod"],
    nodeModules: true,
  },
  ...[
    "src/app.ts",
    "src/app-a2a.ts",
    "src/app-agent-run.ts",
    "src/app-agents.ts",
    "src/app-development-agent.ts",
    "src/app-dial-in.ts",
    "src/app-lifecycle.ts",
    "src/app-platforms.ts",
  ].map((path) => ({
    name: "app",
    path,
    mayImport: ["api", "pipeline", "access", "queue", "ledger", "log", "config", "adapters", "agents", ...CONTRACTS],
    packages: "any" as const,
    nodeModules: true,
  })),
  {
    name: "doctor",
    path: "src/doctor/",
    mayImport: ["ledger", "queue", "config", ...CONTRACTS],
    packages: "any",
    nodeModules: true,
  },
  {
    name: "cli",
    path: "src/cli/",
    mayImport: ["app", "agent-checks", "doctor", "log", "config", ...CONTRACTS],
    packages: "any",
    nodeModules: true,
  },
];

/** Each folder under these is a layer of its own: adapters do not know one another, and neither do connectors. */
const PLUGIN_ROOTS = ["adapters", "agents"];

/** Gives the layer of a path; undefined when it lies where no layer is. */
export function layerOf(path: string): Layer | undefined {
  const listed = LAYERS.find(
    (layer) => path === layer.path || (layer.path.endsWith("/") && path.startsWith(layer.path)),
  );
  if (listed) return listed;
  const [root, folder, ...rest] = path.split("/");
  if (root === undefined || folder === undefined || rest.length === 0 || !PLUGIN_ROOTS.includes(root)) return undefined;
  return {
    name: `${root}/${folder}`,
    path: `${root}/${folder}/`,
    mayImport: [`${root}/shared`, ...CONTRACTS],
    packages: "any",
    nodeModules: true,
  };
}

/** Whether a layer may import another; `adapters` in a row stands for every folder below it. */
export function mayImport(from: Layer, to: Layer): boolean {
  return from.name === to.name || from.mayImport.some((name) => name === to.name || to.name.startsWith(`${name}/`));
}

/** A package that only some files may import, so that replacing it stays a change in one place. */
export interface PackageOwner {
  readonly packages: RegExp;
  readonly files: RegExp;
  /** Files that may name its types, which vanish before the program runs. */
  readonly typeFiles?: RegExp;
}

/** A platform's SDK is for the files that talk to the platform: its client, what comes in, receivers and OAuth. */
function sdkFiles(platform: string): RegExp {
  return new RegExp(`^adapters/${platform}/(.*[/-])?(client|inbound|receivers?|oauth)[-./]`);
}

export const PACKAGE_OWNERS: readonly PackageOwner[] = [
  { packages: /^(bullmq|ioredis)$/, files: /^src\/queue\// },
  { packages: /^pino(-|$)/, files: /^src\/log\// },
  { packages: /^@slack\//, files: sdkFiles("slack") },
  { packages: /^(discord\.js|@discordjs\/|discord-api-types$)/, files: sdkFiles("discord") },
  { packages: /^(matrix-|@matrix-org\/)/, files: sdkFiles("matrix") },
  {
    packages: /^(fastify$|fastify-|@fastify\/)/,
    // The web room is a platform of its own, and HTTP is what it speaks: one of its files brings the plugins.
    files: /^(src\/(api\/|app(-lifecycle)?\.ts$)|adapters\/web\/server-plugins\.ts$)/,
    typeFiles: /^(src\/contracts\/|adapters\/)/,
  },
  { packages: /^openid-client$/, files: /^adapters\/web\/oidc-client\.ts$/ },
  { packages: /^react(-|$)/, files: /^src\/console\// },
];
