import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PEERS, type RecipePeer } from "../../support/agents/recipe-peers.ts";
import { type Recipe, readRecipes, wordsOf } from "../../support/agents/recipes.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { freePort } from "../../support/servers/index.ts";
import { ROOT, runParley } from "../cli/run-parley.ts";

/** The README's recipes, done as they stand there, and one conversation with every agent that they bring in. */
const run = promisify(execFile);
const recipes = await readRecipes(ROOT);
const running: ChildProcess[] = [];
const peers: RecipePeer[] = [];
let folder = "";
let parley: SlackApp;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-recipes-"));
  await generate("function", "local");
  parley = await startSlackApp(
    [{ handle: "local", name: "Local", connector: { kind: "function", module: join(folder, "local/agent.ts") } }],
    { env: { PARLEY_PORT: String(await freePort()) } },
  );
}, 90_000);
afterAll(async () => {
  for (const child of running) {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await parley?.close();
  for (const peer of peers) await peer.stop();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

async function generate(kind: string, name: string): Promise<void> {
  const script = join(ROOT, "deploy/tooling/agent-new.ts");
  await run(process.execPath, [script, "--kind", kind, "--name", name, "--folder", join(folder, name)]);
}

/** Starts the agent of a folder of templates at a port of its own. */
async function startTemplate(kind: string, name: string, env: Record<string, string>): Promise<void> {
  await generate(kind, name);
  await start([process.execPath, "agent.ts"], { cwd: join(folder, name), env });
}

async function start(
  [command = "", ...args]: readonly string[],
  options: { readonly cwd?: string; readonly env: Record<string, string> },
): Promise<void> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...options.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.resume();
  running.push(child);
}

/** Does the recipe's `agents add` with the address of an agent that is here; gives the secret that it prints. */
async function add(recipe: Recipe, address: string | undefined): Promise<string | undefined> {
  const [command = ""] = recipe.commands;
  const words = wordsOf(command).slice("npm run parley --".split(" ").length);
  const args = words.map((word) => (address === undefined ? word : word.replace(/https?:\/\/[^"\s]+/u, address)));
  const { code, stdout, stderr } = await runParley([...args, "--json"], {
    cwd: parley.dataFolder,
    env: { PARLEY_DATA: parley.dataFolder },
  });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return (JSON.parse(stdout) as { secret?: string }).secret; // written by agents add
}

/** Everything else of the recipe, with what stands in for its placeholders. */
async function follow(recipe: Recipe): Promise<void> {
  const { handle } = recipe;
  if (handle === "local") return;
  if (handle === "deploys") {
    const port = await freePort();
    const secret = await add(recipe, `http://127.0.0.1:${port}/`);
    return await startTemplate("webhook", handle, { PORT: String(port), WEBHOOK_SECRET: secret ?? "" });
  }
  if (handle === "planner") {
    const port = await freePort();
    await startTemplate("a2a", handle, { PORT: String(port) });
    return void (await add(recipe, `http://localhost:${port}/`));
  }
  const peer = await PEERS[handle]?.();
  if (peer !== undefined) {
    peers.push(peer);
    return void (await add(recipe, peer.url));
  }
  const env = { PARLEY_URL: parley.url, PARLEY_TOKEN: (await add(recipe, undefined)) ?? "" };
  if (handle === "helper") return await startTemplate("socket", handle, env);
  const words = wordsOf(recipe.commands.at(-1) ?? "").filter((word) => !/^PARLEY_\w+=/u.test(word));
  if (handle === "snake") return await start(words, { env });
  await generate("acp", handle);
  const agent = [process.execPath, join(folder, handle, "agent.ts")];
  const parleyWords = words
    .slice("npm run parley --".split(" ").length, words.lastIndexOf("--") + 1)
    .map((word) => (word === "~/project" ? join(folder, handle) : word));
  await start([process.execPath, join(ROOT, "src/cli/parley.mjs"), ...parleyWords, ...agent], {
    cwd: join(folder, handle),
    env: { ...env, ANTHROPIC_API_KEY: "of-nobody" },
  });
}

const say = (channel: string, text: string, thread?: string): string =>
  parley.slack.people.postAs(parley.user, channel, text, thread === undefined ? {} : { threadTs: thread }).ts;

const WHOLE: ReadonlySet<string> = new Set(["post", "update", "stream_start", "stream_stop"]);

/** What Parley posted in a thread, as people see it now: a live preview is edited until it is whole. Two channels may have messages of one ts. */
function answersIn(channel: string, thread: string): string[] {
  const entries = parley.slack.log.since(0);
  return parley.slack.log
    .posts({ channel, thread, by: "app" })
    .map(
      ({ ts }) =>
        entries.findLast((entry) => entry.channel === channel && entry.ts === ts && WHOLE.has(entry.kind))?.text ?? "",
    );
}

async function settled(ts: string): Promise<string> {
  const row = await until(async () => {
    const [found] = await parley.ledger.query<{ state: string; finished_at: Date | null }>(
      {
        text: "select state, finished_at from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human'",
      },
      [ts],
    );
    return found === undefined || found.finished_at === null ? undefined : found;
  }, 45_000);
  return row.state;
}

describe("the README's recipes", () => {
  it("are of six lines at most, for every way in", () => {
    expect(recipes.map(({ handle }) => handle)).toEqual([
      "helper",
      "snake",
      "coder",
      "planner",
      "graph",
      "deploys",
      "flow",
      "zap",
      "writer",
      "local",
    ]);
    for (const recipe of recipes) expect(recipe.lines).toBeLessThanOrEqual(6);
  });
});

describe.each(recipes)("an agent made with $madeWith", { timeout: 90_000 }, (recipe) => {
  const [channel, other] = [() => parley.channel, () => parley.space.channels[1] ?? ""];

  it("answers a question, in the thread under it, once", async () => {
    await follow(recipe);
    const ts = say(channel(), parley.ask(recipe.handle, "good morning"));
    expect(await settled(ts)).toBe("answered");
    const answers = answersIn(channel(), ts);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toContain("good morning");
  });

  it("goes on in the thread without being named", async () => {
    const root = say(channel(), parley.ask(recipe.handle, "first"));
    await settled(root);
    expect(await settled(say(channel(), "second thoughts", root))).toBe("answered");
    const answers = answersIn(channel(), root);
    expect(answers).toHaveLength(2);
    expect(answers[1]).toContain("second thoughts");
  });

  it("keeps two conversations apart that run at once", async () => {
    const asked = [channel(), other()].map((where, index) => ({
      where,
      words: `number${index}`,
      ts: say(where, parley.ask(recipe.handle, `number${index}`)),
    }));
    for (const { where, words, ts } of asked) {
      expect(await settled(ts)).toBe("answered");
      await until(() => answersIn(where, ts).join("\n").includes(words));
      expect(answersIn(where, ts)).toHaveLength(1);
    }
  });

  it("answers a long question whole", async () => {
    const words = Array.from({ length: 300 }, (_, index) => `word${index}`);
    const root = say(channel(), parley.ask(recipe.handle, "begin"));
    await settled(root);
    expect(await settled(say(channel(), words.join(" "), root))).toBe("answered");
    const answer = answersIn(channel(), root).join("\n");
    for (const word of ["word0", "word150", "word299"]) expect(answer).toContain(word);
  });
});
