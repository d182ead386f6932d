import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { launchBrowser, openVisitor } from "../e2e/browser.ts";
import type { Measurement, MeasureOptions, MeasureResult } from "./measurement.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** What README promises: from the two commands to an answer in the browser. */
const AIM_S = 180;
const PATIENCE_MS = 600_000;
const QUESTION = "@guide what can you do?";

/** Everything a newcomer's shell has, without what this run was told by npm or by its own settings. */
function newcomersEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|PARLEY_|NODE$|NODE_|INIT_CWD|CI$|DATABASE_URL|REDIS_URL)/.test(name),
  );
  const environment = Object.fromEntries(kept);
  // The newcomer's own Node: the one that npm put in front for this script is a package of the repository.
  const path = (environment["PATH"] ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  return { ...environment, PATH: path.join(":"), PARLEY_PORT: "0" };
}

function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const look = (chunk: Buffer): void => {
      said += chunk.toString("utf8");
      const found = pattern.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.once("exit", (code) => reject(new Error(`it ended with ${code ?? "a signal"}: ${said.slice(-2_000)}`)));
    AbortSignal.timeout(PATIENCE_MS).addEventListener("abort", () =>
      reject(new Error(`no link came: ${said.slice(-2_000)}`)),
    );
  });
}

/** Asks as README says; resolves with the text of the answer. */
async function askGuide(page: Page, link: string): Promise<string> {
  await page.goto(link);
  const box = page.getByRole("textbox", { name: "Message #general" });
  await box.waitFor({ timeout: 30_000 });
  await box.fill(QUESTION);
  await box.press("Enter");
  const answer = page.getByRole("log").getByRole("article").filter({ hasText: "For anything else" });
  await answer.waitFor({ timeout: 60_000 });
  return await answer.innerText();
}

/** The whole group, because `npm start` is a chain of processes. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const gone = once(child, "exit");
  process.kill(-child.pid, "SIGTERM");
  await Promise.race([gone, pause(15_000)]);
  if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
}

async function run(_options: MeasureOptions): Promise<MeasureResult> {
  const folder = await mkdtemp(join(tmpdir(), "parley-newcomer-"));
  const home = join(folder, "parley");
  await promisify(execFile)("git", ["clone", "--quiet", REPOSITORY, home]);
  const browser = await launchBrowser();
  const startedAtMs = performance.now();
  const since = (): number => Math.round((performance.now() - startedAtMs) / 100) / 10;
  const child = spawn("sh", ["-c", "npm install && npm start"], {
    cwd: home,
    env: newcomersEnvironment(),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    const link = await firstMatch(child, /(http:\/\/\S+\/sign-in#\S+)/);
    const linkS = since();
    const { page, complaints } = await openVisitor(browser, link);
    const answer = await askGuide(page, link);
    const answerS = since();
    const failures = [
      ...(answerS > AIM_S ? [`the answer came after ${answerS} s`] : []),
      ...(answer.length > 100 ? [] : [`the answer says little: ${answer}`]),
      ...complaints.map((complaint) => `the page complained: ${complaint}`),
    ];
    const figures = { link_s: linkS, answer_s: answerS, aim_s: AIM_S, answer_chars: answer.length };
    return { passed: failures.length === 0, figures, failures };
  } finally {
    await browser.close();
    await end(child);
    await rm(folder, { recursive: true, force: true });
  }
}

/** How long it takes from README's first command, in a new clone of what is committed, until an agent has answered in the browser. */
export const newcomer: Measurement = {
  name: "newcomer",
  describes: "seconds from README's command in a new clone to an answer of @guide in Chromium; the aim is 180",
  run,
};
