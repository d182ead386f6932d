import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, openVisitor, type Visitor } from "./browser.ts";
import { SCRIPT_PAYLOADS } from "./script-payloads.ts";
import { type RunningParley, startParley } from "./start-parley.ts";

let parley: RunningParley;
let browser: Browser;
let owner: Visitor;
let bait: Server;
let baitHits = 0;
const AT_ONCE = 20;
const CANARY = "prl_op_Zq8vN2kT5wXr7Yc3Lm9Hd4Sf6Gj1Bp0A";

beforeAll(async () => {
  bait = createServer((_request, answer) => answer.end());
  bait.on("connection", () => {
    baitHits += 1;
  });
  await new Promise<void>((resolve) => bait.listen(0, "127.0.0.1", resolve));
  [parley, browser] = await Promise.all([
    startParley({ hostile: new URL("./hostile-agent.ts", import.meta.url) }, "debug"),
    launchBrowser(),
  ]);
  owner = await openVisitor(browser, parley.url);
  await owner.page.goto(parley.signInLink);
  await owner.page.getByRole("heading", { level: 1, name: "general" }).waitFor();
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await parley?.dispose();
  bait?.close();
});

it("R1: an address chooses no gateway, and what it carries is in no log", { timeout: 120_000 }, async () => {
  const { port } = bait.address() as AddressInfo; // it listens on a port
  const [http, ws] = [`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port}`];
  const forms = [
    `/?gatewayUrl=${ws}&token=${CANARY}`,
    `/?gatewayUrl=${encodeURIComponent(ws)}#token=${CANARY}`,
    `/#gatewayUrl=${ws}&token=${CANARY}`,
    `/?gateway=${ws}&password=${CANARY}`,
    `/?server=${http}&access_token=${CANARY}`,
    `/?api=${http}/api&key=${CANARY}`,
    `/?baseUrl=${http}&secret=${CANARY}`,
    `/?ws=${ws}&auth=${CANARY}`,
    `/?redirect=${http}&code=${CANARY}`,
    `/sign-in?next=${http}#code=${CANARY}`,
    `/sign-in?code=${CANARY}&return=//127.0.0.1:${port}`,
    `/?url=${http}&session=${CANARY}#/connect?url=${ws}`,
  ];
  expect(forms).toHaveLength(12);
  for (const form of forms) {
    const { page, context } = await openVisitor(browser, parley.url);
    await context.addCookies(await owner.context.cookies());
    await page.goto(parley.url + form);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    expect(new URL(page.url()).origin).toBe(parley.url);
    await context.close();
  }
  expect(baitHits).toBe(0);
  await fetch(`${parley.url}/api/agents?token=${CANARY}`);
  await fetch(`${parley.url}/api/web/me?token=${CANARY}`, { headers: { referer: `${parley.url}/?token=${CANARY}` } });
  expect(parley.logged()).not.toContain(CANARY);
  await fetch(http);
  expect(baitHits).toBe(1);
});

it("R33: none of 200 payloads runs as script, whoever says it and wherever it stands", {
  timeout: 480_000,
}, async () => {
  expect(new Set(SCRIPT_PAYLOADS).size).toBe(200);
  const { page, complaints } = owner;
  const log = page.getByRole("log", { name: "Messages in general" });
  const before = complaints.length;
  const say = (text: string) =>
    page.evaluate(async (words) => {
      const rooms = await (await fetch("/api/web/rooms")).json();
      const room = rooms.rooms.find((one: { name: string }) => one.name === "general");
      const answer = await fetch(`/api/web/rooms/${room.id}/messages`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ clientMessageId: crypto.randomUUID(), text: words }),
      });
      return answer.status;
    }, text);
  for (let from = 0; from < SCRIPT_PAYLOADS.length; from += AT_ONCE) {
    const to = from + AT_ONCE;
    const words = SCRIPT_PAYLOADS.slice(from, to).join("\n\n");
    expect(await say(`all of ${from}\n\n${words}`)).toBe(200);
    expect(await say(`@hostile payloads ${from} ${to}`)).toBe(200);
    await log.getByText(`said ${from} to ${to}`).waitFor({ timeout: 60_000 });
    expect(await page.evaluate(foreignParts)).toEqual([]);
  }
  // Whatever is unfolded, pointed at and put in focus.
  await page.evaluate(() => {
    for (const folded of document.querySelectorAll("[role=log] summary")) (folded as HTMLElement).click(); // summaries are elements of HTML
    for (const link of document.querySelectorAll("[role=log] a[href]"))
      if (!/^(https?:|mailto:|\/)/.test(link.getAttribute("href") ?? "")) (link as HTMLElement).click(); // links are elements of HTML
  });
  expect(await page.evaluate(() => Reflect.get(globalThis, "hits"))).toBeUndefined();
  expect(await page.evaluate(foreignParts)).toEqual([]);
  expect(complaints.slice(before)).toEqual([]);
  // The same would be noticed: markup that gets into the page, and the policy that stops it all the same.
  await page.evaluate(() => {
    const made = document.createElement("div");
    made.innerHTML = '<img src="x" onerror="globalThis.hits = 1">';
    document.querySelector("[role=log]")?.append(made);
  });
  await expect.poll(() => complaints.slice(before).some((text) => /content security policy/i.test(text))).toBe(true);
  expect(await page.evaluate(foreignParts)).not.toEqual([]);
  expect(await page.evaluate(() => Reflect.get(globalThis, "hits"))).toBeUndefined();
});

/** Runs in the page: what stands among the messages that no message may make. */
function foreignParts(): readonly string[] {
  const found: string[] = [];
  for (const element of document.querySelectorAll("[role=log] *")) {
    const name = element.localName;
    if (/^(script|iframe|object|embed|video|audio|base|meta|link|style|template|math|animate)$/.test(name))
      found.push(name);
    for (const { name: attribute, value } of element.attributes) {
      if (attribute.startsWith("on") || attribute === "srcdoc" || attribute === "formaction") found.push(attribute);
      const isAddress = attribute === "href" || attribute === "src";
      // An address that is left out leads to the page itself.
      if (isAddress && value !== "" && !/^(https?:|mailto:|\/|blob:|#)/.test(value))
        found.push(`${attribute}=${value}`);
    }
  }
  return found;
}
