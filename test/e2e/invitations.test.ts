import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { accessibilityFaults, launchBrowser, openVisitor, type Visitor } from "./browser.ts";
import { type RunningParley, startParley } from "./start-parley.ts";

/** Agents of a room in a real browser, by the keyboard alone; the tests build on one another. */
let parley: RunningParley;
let browser: Browser;
let owner: Visitor;
let ada: Visitor;

beforeAll(async () => {
  const module = new URL("./scripted-agent.ts", import.meta.url);
  [parley, browser] = await Promise.all([
    startParley({ scripted: { module, channels: ["nowhere-*"] } }),
    launchBrowser(),
  ]);
  owner = await openVisitor(browser, parley.url);
  await owner.page.goto(parley.signInLink);
  await owner.page.getByRole("heading", { level: 1, name: "general" }).waitFor();
  ada = await openVisitor(browser, parley.url);
  await owner.page.getByRole("button", { name: "Your account" }).click();
  await owner.page.getByRole("menuitem", { name: "Invite a person" }).click();
  await owner.page.getByLabel("Name").fill("Ada");
  await owner.page.getByRole("button", { name: "Make the link" }).click();
  await ada.page.goto(await owner.page.getByLabel("Sign-in link").inputValue());
  await owner.page.getByRole("button", { name: "Done" }).click();
  await ada.page.getByRole("heading", { level: 1, name: "general" }).waitFor();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await parley?.dispose();
});

/** What the other pages show comes with the next look of the server, every 5 s. */
const PATIENT = { timeout: 20_000 };
const members = (page: Page) => page.getByRole("tabpanel", { name: "Members" });
const agent = (page: Page) => members(page).getByRole("listitem").filter({ hasText: "@scripted" });
const press = async (page: Page, name: string): Promise<void> => {
  await page.getByRole("button", { name }).focus();
  await page.keyboard.press("Enter");
};

it("invites an agent by the keyboard, and says whose invitation it is", { timeout: 60_000 }, async () => {
  const { page } = owner;
  await members(page).getByRole("button", { name: "Invite an agent" }).waitFor();
  expect(await agent(page).count()).toBe(0);
  await press(page, "Invite an agent");
  const dialog = page.getByRole("dialog", { name: "Invite an agent" });
  await dialog.waitFor();
  expect(await accessibilityFaults(page, "dialog")).toEqual([]);
  await press(page, "Invite Scripted");
  await dialog.getByText("Every agent is in this room.").waitFor();
  await page.keyboard.press("Escape");
  await agent(page).getByText("invited by you").waitFor();
  expect(await accessibilityFaults(page, "#workspace-tab")).toEqual([]);
  await page.getByRole("textbox", { name: "Message #general" }).fill("@scripted hello");
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByRole("article").filter({ hasText: "I heard:" }).first().waitFor(PATIENT);
});

it("shows others who invited it, and lets them take it over", { timeout: 60_000 }, async () => {
  await agent(ada.page).getByText("invited by Owner").waitFor(PATIENT);
  await press(ada.page, "Take over the invitation of Scripted");
  await agent(ada.page).getByText("invited by you").waitFor();
  await agent(owner.page).getByText("invited by Ada").waitFor(PATIENT);
  expect(await agent(owner.page).getByText("invited by you").count()).toBe(0);
});

it("ends the invitation for everybody", { timeout: 60_000 }, async () => {
  await press(ada.page, "End the invitation of Scripted");
  await agent(ada.page).waitFor({ state: "detached" });
  await agent(owner.page).waitFor({ state: "detached", ...PATIENT });
  expect([...owner.complaints, ...ada.complaints]).toEqual([]);
});
