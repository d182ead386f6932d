import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessibilityFaults, launchBrowser, openVisitor, type Visitor } from "./browser.ts";
import { type RunningParley, startParley } from "./start-parley.ts";

/** The page in a real browser against a real Parley process; the tests build on one another, as a person's visit does. */
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

/** A busy machine takes its time to draw. */
const PATIENT = { timeout: 10_000 };

const log = (page: Page): Locator => page.getByRole("log", { name: "Messages in general" });
const messageBox = (page: Page): Locator => page.getByRole("textbox", { name: "Message #general" });
const message = (page: Page, text: string | RegExp): Locator =>
  log(page).getByRole("article").filter({ hasText: text });

async function say(page: Page, text: string): Promise<void> {
  await messageBox(page).fill(text);
  await messageBox(page).press("Enter");
  await message(page, text).first().waitFor();
}

describe("signing in", () => {
  it("refuses a wrong code with a reason, and takes it out of the address", async () => {
    const { page, context } = await openVisitor(browser, parley.url);
    await page.goto(`${parley.url}/sign-in#code=${"x".repeat(43)}`);
    await page.getByText("This code is wrong, was used already, or is too old.").waitFor();
    expect(page.url()).toBe(`${parley.url}/`);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel("Sign-in link or code").fill("short");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "not a sign-in link" }).waitFor();
    await context.close();
  });

  it("takes the link of the start and opens general, with people and agents", async () => {
    const { page } = owner;
    await page.goto(parley.signInLink);
    await page.getByRole("heading", { level: 1, name: "general" }).waitFor();
    expect(page.url()).not.toContain("code=");
    const roster = page.getByRole("navigation", { name: "Rooms and members" });
    await roster.getByRole("button", { name: /@guide/ }).waitFor();
    await roster.getByRole("button", { name: /@scripted/ }).waitFor();
    const assistant = roster.getByRole("button", { name: /@assistant · not set up/ });
    await assistant.waitFor();
    expect(await assistant.locator(".presence-online").count()).toBe(0);
    await roster.getByText("(you)").waitFor();
  });

  it("keeps the session over a reload", async () => {
    await owner.page.reload();
    await owner.page.getByRole("heading", { level: 1, name: "general" }).waitFor();
    expect(await owner.page.getByLabel("Sign-in link or code").count()).toBe(0);
  });
});

describe("talking with an agent", () => {
  it("completes its name by keyboard and shows its answer", async () => {
    const { page } = owner;
    await messageBox(page).click();
    await page.keyboard.type("@gu");
    const option = page.getByRole("option", { name: /Guide/ });
    await option.waitFor();
    const box = messageBox(page);
    expect(await box.getAttribute("aria-activedescendant")).toBe(await option.getAttribute("id"));
    expect(await box.getAttribute("aria-controls")).toBe(await page.getByRole("listbox").getAttribute("id"));
    await page.keyboard.press("Enter");
    await expect.poll(() => box.inputValue()).toBe("@guide ");
    await page.keyboard.type("what can you do?");
    await page.keyboard.press("Enter");
    await message(page, "what can you do?").first().waitFor();
    expect(await message(page, "what can you do?").first().locator(".mention").textContent()).toBe("@guide");
    const answer = message(page, "I answer questions about this Parley");
    await answer.waitFor();
    await answer.getByText("agent", { exact: true }).waitFor();
  });

  it("shows the answer while it grows, without reading each word aloud", async () => {
    const { page } = owner;
    const answer = message(page, "One by one");
    await page.evaluate(recordGrowth, "One by one");
    await say(page, "@scripted stream a poem");
    await answer.getByRole("button", { name: "Stop Scripted" }).waitFor();
    await message(page, "before it is done.").waitFor();
    await answer.getByRole("button", { name: "Stop Scripted" }).waitFor({ state: "detached" });
    await page.getByRole("status").filter({ hasText: "Scripted answered: One by one" }).waitFor();
    const seen = await page.evaluate(() => window.growth ?? []);
    const whileGrowing = seen.filter((sight) => !sight.text.endsWith("done."));
    expect(new Set(whileGrowing.map((sight) => sight.text)).size).toBeGreaterThanOrEqual(3);
    expect(new Set(whileGrowing.map((sight) => sight.live))).toEqual(new Set(["off"]));
    expect(await answer.getAttribute("aria-live")).toBeNull();
  });

  it("stops an agent by its button", async () => {
    const { page } = owner;
    await say(page, "@scripted wait please");
    const stop = log(page).getByRole("button", { name: "Stop Scripted" });
    await stop.click();
    await expect.poll(() => stop.count(), { timeout: 10_000 }).toBe(0);
  });

  it("shows tools, tasks, files and questions, and who answered them", async () => {
    const { page } = owner;
    await say(page, "@scripted all parts");
    const fold = log(page).locator("details").filter({ hasText: "Searching the logs" });
    await fold.waitFor();
    expect(await fold.getByText("12 hits").isVisible()).toBe(false);
    await fold.locator("summary").click();
    await fold.getByText("12 hits").waitFor();
    await log(page).getByRole("heading", { name: "Findings" }).waitFor();
    await log(page).getByRole("button", { name: "Copy", exact: true }).waitFor();
    await log(page).getByText("<script>document.title = 'owned'</script>").waitFor();
    await log(page).getByRole("listitem").filter({ hasText: "completed: Read the logs" }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      log(page)
        .getByRole("link", { name: /report.csv/ })
        .click(),
    ]);
    expect(download.suggestedFilename()).toBe("report.csv");
    await log(page).getByRole("button", { name: "Allow", exact: true }).click();
    await log(page)
      .getByText(/Allow, decided by Owner, /)
      .waitFor();
    await log(page)
      .getByLabel(/^Version/)
      .fill("1.2.3");
    await log(page).getByRole("button", { name: "Send the answer" }).click();
    await log(page)
      .getByText(/Answered by Owner, /)
      .waitFor();
    expect(await page.title()).not.toContain("owned");
  });
});

describe("one's own messages", () => {
  it("are edited, reacted to and deleted", async () => {
    const { page } = owner;
    await say(page, "a message to change");
    const own = message(page, /^.*a message to/).last();
    await own.hover();
    await own.getByRole("button", { name: "Edit" }).click();
    await own.getByLabel("Edit your message").fill("a message to keep");
    await page.keyboard.press("Enter");
    await own.getByText("(edited)").waitFor();
    await own.hover();
    await own.getByRole("button", { name: "React" }).click();
    await own.getByRole("button", { name: "celebration" }).click();
    const reaction = own.getByRole("button", { name: "🎉 1, by you" });
    await reaction.waitFor();
    await reaction.click();
    await reaction.waitFor({ state: "detached" });
    await say(page, "a message to drop");
    const dropped = message(page, "a message to drop");
    await dropped.hover();
    await dropped.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => dropped.count(), { timeout: 10_000 }).toBe(0);
    await expect.poll(() => focusedId(page)).toBe("message-box");
  });

  it("have threads in the workspace pane", async () => {
    const { page } = owner;
    const root = message(page, "a message to keep").last();
    await root.hover();
    await root.getByRole("button", { name: "Reply in thread" }).click();
    const box = page.getByRole("textbox", { name: "Reply in this thread" });
    await expect.poll(() => box.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.type("a reply");
    await page.keyboard.press("Enter");
    const thread = page.getByRole("log", { name: "Messages in this thread" });
    await thread.getByRole("article").filter({ hasText: "a reply" }).waitFor();
    await root.getByRole("button", { name: /1 reply/ }).waitFor();
  });

  it("stay in sight when they bring a picture, also one that comes late", async () => {
    const { page } = owner;
    const large = await page.screenshot({ fullPage: false });
    await page.route("**/api/web/uploads/*", async (route) => {
      await delay(600);
      await route.continue();
    });
    for (const name of ["first", "second"]) {
      await page.locator("#message-box + .composer-tools input[type=file]").setInputFiles({
        name: `${name}.png`,
        mimeType: "image/png",
        buffer: large,
      });
      await page
        .getByRole("list", { name: "Files to send" })
        .getByText(/\d k?B$/i)
        .waitFor();
      await say(page, `the ${name} picture`);
      await expect
        .poll(() => page.getByRole("img", { name: `${name}.png` }).evaluate((image) => image.clientHeight), PATIENT)
        .toBeGreaterThan(100);
      await expect
        .poll(
          () => log(page).evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight)),
          PATIENT,
        )
        .toBeLessThanOrEqual(2);
    }
    await page.unroute("**/api/web/uploads/*");
    // A picture that gets its size just before a scroll event is told of: the reader has not moved.
    await log(page).evaluate((box) => {
      const picture = [...box.querySelectorAll("img")].at(-1);
      if (picture === undefined) throw new Error("there is no picture");
      picture.style.maxHeight = "none";
      picture.style.height = `${picture.clientHeight + 300}px`;
      box.dispatchEvent(new Event("scroll"));
    });
    await expect
      .poll(() => log(page).evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight)), PATIENT)
      .toBeLessThanOrEqual(2);
  });

  it("give their id away for parley explain", async () => {
    const { page, context } = owner;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const post = message(page, "the second picture");
    await post.hover();
    await post.getByRole("button", { name: "Copy message id" }).click();
    await page.getByText("shows what became of the message").waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await post.getAttribute("data-post-id"));
  });

  it("and answers tell why they came about, with the rule of each step", async () => {
    const { page } = owner;
    const answer = log(page).locator(".message-agent").first();
    await answer.scrollIntoViewIfNeeded();
    await answer.hover();
    await answer.getByRole("button", { name: "Why this answer?" }).click();
    const dialog = page.getByRole("dialog", { name: "Why this answer?" });
    await dialog
      .getByRole("listitem")
      .filter({ hasText: /Routed @\w+: turn/ })
      .first()
      .waitFor();
    await dialog
      .getByRole("listitem")
      .filter({ hasText: /Delivery @\w+: delivered/ })
      .first()
      .waitFor();
    expect(await dialog.getByText(/^In the audit log: record \d+/).count()).toBe(1);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  it("carry files", async () => {
    const { page } = owner;
    await page.locator("#message-box + .composer-tools input[type=file]").setInputFiles({
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("some notes"),
    });
    await page.getByRole("list", { name: "Files to send" }).getByText("10 B").waitFor();
    await say(page, "with notes");
    const link = message(page, "with notes").getByRole("link", { name: /notes.txt/ });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    expect(download.suggestedFilename()).toBe("notes.txt");
    await page.getByRole("tab", { name: "Files" }).click();
    await page
      .getByRole("tabpanel")
      .getByRole("link", { name: /notes.txt/ })
      .waitFor();
  });
});

describe("a second person", () => {
  let guest: Visitor;

  it("comes by an invitation and sees the room", async () => {
    const { page } = owner;
    await page.getByRole("button", { name: "Your account" }).click();
    await page.getByRole("menuitem", { name: "Invite a person" }).click();
    await page.getByLabel("Name").fill("Grace");
    await page.getByRole("button", { name: "Make the link" }).click();
    const link = await page.getByLabel("Sign-in link").inputValue();
    await page.getByRole("button", { name: "Done" }).click();
    guest = await openVisitor(browser, parley.url, { dark: true });
    await guest.page.goto(link);
    await message(guest.page, "with notes").waitFor();
    const entry = page.getByRole("navigation", { name: "Rooms and members" }).getByRole("button", { name: /Grace/ });
    await expect.poll(() => entry.textContent(), { timeout: 10_000 }).toContain("online");
  });

  it("sees what is written, typed and reacted as it happens", async () => {
    await say(owner.page, "hello @Grace");
    await message(guest.page, "hello @Grace").locator(".mention-self").waitFor();
    await messageBox(guest.page).pressSequentially("hi");
    await owner.page.getByText("Grace is writing…").waitFor();
    await guest.page.keyboard.press("Enter");
    const greeting = message(owner.page, /hi$/).last();
    await greeting.waitFor();
    expect(await greeting.getAttribute("aria-label")).toContain("Grace");
  });

  it("may not invite, nor change what others wrote", async () => {
    await guest.page.getByRole("button", { name: "Your account" }).click();
    await guest.page.getByRole("menuitem", { name: "Sign out" }).waitFor();
    expect(await guest.page.getByRole("menuitem", { name: "Invite a person" }).count()).toBe(0);
    await guest.page.keyboard.press("Escape");
    const others = message(guest.page, "hello @Grace");
    await others.hover();
    await others.getByRole("button", { name: "React" }).waitFor();
    expect(await others.getByRole("button", { name: /Edit|Delete/ }).count()).toBe(0);
  });

  it("misses nothing while Parley is away, and what is written meanwhile arrives once", async () => {
    await parley.kill();
    await messageBox(owner.page).fill("written while it was down");
    await messageBox(owner.page).press("Enter");
    await owner.page.getByText("No connection.").waitFor();
    await parley.restart();
    for (const { page } of [owner, guest]) {
      await page.getByText("No connection.").waitFor({ state: "detached", timeout: 40_000 });
      await message(page, "written while it was down").waitFor({ timeout: 40_000 });
      expect(await message(page, "written while it was down").count()).toBe(1);
    }
    expect(await owner.page.getByText("not sent").count()).toBe(0);
  }, 90_000);
});

describe("rooms", () => {
  it("are created, renamed and archived", async () => {
    const { page } = owner;
    await page.getByRole("button", { name: "Add a room" }).click();
    await page.getByRole("menuitem", { name: "Create a room" }).click();
    await page.getByLabel("Name").fill("Side Project");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "side-project" }).waitFor();
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Room settings" }).click();
    await page.getByLabel("Name").fill("main-project");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { level: 1, name: "main-project" }).waitFor();
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Room settings" }).click();
    await page.getByRole("button", { name: "Archive the room" }).click();
    await page.getByText("This room is archived").waitFor();
    expect(await page.getByRole("textbox").count()).toBe(0);
    await page.getByRole("button", { name: "general", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "general" }).waitFor();
  });

  it("page their history upwards, keeping the place of reading", async () => {
    const { page } = owner;
    await page.getByRole("button", { name: "Add a room" }).click();
    await page.getByRole("menuitem", { name: "Create a room" }).click();
    await page.getByLabel("Name").fill("history");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "history" }).waitFor();
    const roomId = new URL(page.url()).hash.slice("#room=".length);
    await page.evaluate(async (room) => {
      for (let number = 1; number <= 70; number += 1) {
        const body = JSON.stringify({ clientMessageId: `history-${number}`, text: `line ${number} of the history` });
        await fetch(`/api/web/rooms/${room}/messages`, {
          method: "POST",
          body,
          headers: { "content-type": "application/json" },
        });
      }
    }, roomId);
    await page.reload();
    const history = page.getByRole("log", { name: "Messages in history" });
    await history.getByText("line 70 of the history").waitFor();
    expect(await history.getByText("line 1 of the history").count()).toBe(0);
    const line = history.getByText("line 21 of the history");
    await line.scrollIntoViewIfNeeded();
    await history.getByText("line 5 of the history").waitFor({ state: "attached" });
    expect(await line.evaluate((element) => element.getBoundingClientRect().top)).toBeGreaterThan(0);
    expect(await line.evaluate((element) => element.getBoundingClientRect().top)).toBeLessThan(800);
    await page.getByRole("button", { name: "Jump to the newest" }).click();
    await page.getByRole("button", { name: "Jump to the newest" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "general", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "general" }).waitFor();
  }, 60_000);
});

describe("accessibility", () => {
  const looks: readonly (readonly [string, { dark?: boolean; width?: number }])[] = [
    ["light", {}],
    ["dark", { dark: true }],
    ["narrow", { width: 420 }],
  ];
  it.each(looks)(
    "has no violation in the %s page, nor in its menus, panes and dialogs",
    async (_name, options) => {
      const visitor = await openVisitor(browser, parley.url, options);
      await visitor.context.addCookies(await owner.context.cookies());
      const { page } = visitor;
      await page.goto(parley.url);
      await log(page).getByRole("article").last().waitFor();
      const faults = [...(await accessibilityFaults(page))];
      if (options.width !== undefined) {
        await page.getByRole("button", { name: "Open the list of rooms" }).click();
        faults.push(...(await accessibilityFaults(page, "nav")));
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Workspace pane" }).click();
      }
      for (const tab of ["Members", "Work", "Files", "Thread"]) {
        await page.getByRole("tab", { name: tab }).click();
        faults.push(...(await accessibilityFaults(page, "aside")));
      }
      if (options.width !== undefined) await page.keyboard.press("Escape");
      await messageBox(page).fill("@");
      await page.getByRole("listbox").waitFor();
      faults.push(...(await accessibilityFaults(page, ".composer")));
      await messageBox(page).fill("");
      await message(page, "hello @Grace").hover();
      await message(page, "hello @Grace").getByRole("button", { name: "React" }).click();
      faults.push(...(await accessibilityFaults(page, ".emoji-picker")));
      await page.keyboard.press("Escape");
      expect(faults).toEqual([]);
      await visitor.context.close();
    },
    60_000,
  );

  it("can be used by keyboard alone", async () => {
    const { page } = owner;
    await page.goto(parley.url);
    await log(page).getByRole("article").last().waitFor();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to the message box" }).press("Enter");
    await expect.poll(() => focusedId(page)).toBe("message-box");
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Enter");
    const own = message(page, "by keyboard").last();
    await own.waitFor();
    await page.keyboard.press("ArrowUp");
    await own.getByLabel("Edit your message").waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => focusedId(page)).toBe("message-box");
    await page.keyboard.press("Shift+Tab");
    await tabUntil(page, "Shift+Tab", () => own.evaluate((element) => element.contains(document.activeElement)));
    await tabUntil(page, "Shift+Tab", () => own.evaluate((element) => element === document.activeElement));
    await page.keyboard.press("ArrowUp");
    expect(await own.evaluate((element) => element === document.activeElement)).toBe(false);
    await page.keyboard.press("ArrowDown");
    await tabUntil(page, "Tab", () =>
      own.getByRole("button", { name: "React" }).evaluate((element) => element === document.activeElement),
    );
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await own.getByRole("button", { name: "👎 1, by you" }).waitFor();
    expect(await visibleFocus(page)).toBe(true);
    // Lists scroll within the window; the window itself never does, whatever has the focus.
    expect(await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight)).toBeLessThanOrEqual(
      0,
    );
  }, 60_000);
});

it("does nothing that a strict content policy forbids, and asks no other host", () => {
  // The connection was cut on purpose, which a browser reports as an error of the page.
  const unexpected = owner.complaints.filter((text) => !/ERR_CONNECTION|WebSocket|Failed to load resource/.test(text));
  expect(unexpected).toEqual([]);
});

/** Runs in the page: writes down every text that the message beginning with `start` shows, and whether it is read aloud. */
function recordGrowth(start: string): void {
  window.growth = [];
  new MutationObserver(() => {
    const article = [...document.querySelectorAll("article")].find((each) =>
      each.querySelector(".markdown")?.textContent?.startsWith(start),
    );
    const text = article?.querySelector(".markdown")?.textContent;
    if (text) window.growth?.push({ text: text.trim(), live: article?.getAttribute("aria-live") ?? "log" });
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}

declare global {
  interface Window {
    growth?: { readonly text: string; readonly live: string }[];
  }
}

function focusedId(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.id ?? "");
}

async function tabUntil(page: Page, key: string, reached: () => Promise<boolean>): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    if (await reached()) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} did not get there in 40 presses`);
}

function visibleFocus(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const element = document.activeElement;
    return element !== null && element !== document.body && getComputedStyle(element).outlineStyle !== "none";
  });
}
