import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ConnectedAgent, connectAgent } from "../../agents/client/index.ts";
import { accessibilityFaults, launchBrowser, openVisitor, type Visitor } from "./browser.ts";
import { type RunningParley, startParley } from "./start-parley.ts";

/** Registration on the page: an agent is added, dials in with the token that was shown once, answers, and goes. */
let parley: RunningParley;
let browser: Browser;
let owner: Visitor;
let agent: ConnectedAgent | undefined;

beforeAll(async () => {
  [parley, browser] = await Promise.all([startParley({}), launchBrowser()]);
  owner = await openVisitor(browser, parley.url);
}, 120_000);
afterAll(async () => {
  await agent?.close();
  await browser?.close();
  await parley?.dispose();
});

async function openAgents(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Agents", exact: true }).click();
  await page.getByRole("dialog", { name: "Agents" }).waitFor();
}

it("adds an agent that dials in, shows its token once, and lets it answer", { timeout: 90_000 }, async () => {
  const { page } = owner;
  await page.goto(parley.signInLink);
  await page.getByRole("heading", { level: 1, name: "general" }).waitFor();
  await openAgents(page);
  await page.getByText("@guide").first().waitFor();
  await page.getByRole("button", { name: "Add an agent" }).click();
  await page.getByLabel("Handle, such as helper").fill("helper");
  await page.getByLabel("Name", { exact: true }).fill("Helper");
  await page.getByLabel("What it is for").fill("helps");
  expect(await accessibilityFaults(page, "dialog")).toEqual([]);
  await page.getByRole("button", { name: "Add the agent" }).click();
  await page.getByRole("dialog", { name: "Token of @helper" }).waitFor();
  const token = await page.getByLabel("Token", { exact: true }).inputValue();
  expect(token.length).toBeGreaterThan(20);
  await page.getByRole("button", { name: "Done" }).click();
  expect(await page.content()).not.toContain(token);
  await page.getByRole("dialog", { name: "Agents" }).getByText("@helper").waitFor();
  await page.getByRole("button", { name: "Done" }).click();

  agent = await connectAgent({ url: parley.url, token }, async (turn, reply) => {
    reply.text(`You said: ${turn.text}`);
  });
  const box = page.getByRole("textbox", { name: "Message #general" });
  await box.fill("@helper good morning");
  await box.press("Enter");
  const log = page.getByRole("log", { name: "Messages in general" });
  await log.getByRole("article").filter({ hasText: "You said:" }).first().waitFor({ timeout: 30_000 });

  await box.fill("/agents");
  await box.press("Enter");
  await page
    .getByText(/@helper \(Helper, of Owner\)/u)
    .first()
    .waitFor();
  expect(owner.complaints).toEqual([]);
});

it("gives a new token, after which the one before is refused, and removes the agent", { timeout: 60_000 }, async () => {
  const { page } = owner;
  await openAgents(page);
  await page.getByRole("button", { name: "What to do about Helper" }).click();
  await page.getByRole("menuitem", { name: "Give it a new token" }).click();
  await page.getByRole("dialog", { name: "Token of @helper" }).waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await agent?.closed.catch(() => undefined);
  await page.getByRole("button", { name: "What to do about Helper" }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await page.getByRole("dialog", { name: "Agents" }).getByText("@helper").waitFor({ state: "detached" });
  expect(owner.complaints).toEqual([]);
});
