import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { accessibilityFaults, launchBrowser, openVisitor, type Visitor } from "./browser.ts";
import { type RunningParley, startParley } from "./start-parley.ts";

/** The kill switch on the page, as the owner of the organization uses it. */
let parley: RunningParley;
let browser: Browser;
let owner: Visitor;

beforeAll(async () => {
  [parley, browser] = await Promise.all([
    startParley({ scripted: new URL("./scripted-agent.ts", import.meta.url) }),
    launchBrowser(),
  ]);
  owner = await openVisitor(browser, parley.url);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await parley?.dispose();
});

async function openSwitches(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Stop and resume agents" }).click();
  await page.getByRole("dialog", { name: "Stop and resume agents" }).waitFor();
}

it("stops all agents with a reason, and lets them answer what was said meanwhile", { timeout: 90_000 }, async () => {
  const { page } = owner;
  await page.goto(parley.signInLink);
  await page.getByRole("heading", { level: 1, name: "general" }).waitFor();
  await openSwitches(page);
  const stop = page.getByRole("button", { name: "Stop All agents" });
  await stop.waitFor();
  expect(await stop.isDisabled()).toBe(true);
  await page.getByLabel("Reason").fill("they answer oddly");
  expect(await accessibilityFaults(page, "dialog")).toEqual([]);
  await stop.click();
  const resume = page.getByRole("button", { name: "Resume All agents" });
  await resume.waitFor();
  await page.getByRole("button", { name: "Done" }).click();

  const box = page.getByRole("textbox", { name: "Message #general" });
  await box.fill("@scripted parts, please");
  await box.press("Enter");
  const log = page.getByRole("log", { name: "Messages in general" });
  await log.getByRole("article").filter({ hasText: "parts, please" }).first().waitFor();
  const answers = log.getByRole("article").filter({ hasText: "Findings" });
  await page.waitForTimeout(2_000);
  expect(await answers.count()).toBe(0);

  await openSwitches(page);
  await resume.click();
  await stop.waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await answers.first().waitFor({ timeout: 30_000 });
  expect(owner.complaints).toEqual([]);
});
