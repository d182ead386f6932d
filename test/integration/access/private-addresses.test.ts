import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { refusedUrls } from "../../unit/agents/ssrf-corpus.ts";

/** Security rule R24 at the real entrance: whatever address an agent is registered with, Parley connects to nothing of its own machine or network. */

let parley: SlackApp;
let token = "";
let port = 0;
let contacts = 0;
const canaries: Server[] = [];
/** Turns are tried for every so many of the addresses that are taken. */
const EVERY = 24;

async function canaryOn(host: string, wanted: number): Promise<number> {
  const canary = createServer((socket) => {
    contacts += 1;
    socket.destroy();
  });
  const listening = await new Promise<boolean>((resolve) => {
    canary.once("error", () => resolve(false));
    canary.listen(wanted, host, () => resolve(true));
  });
  if (listening) canaries.push(canary);
  const address = canary.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

beforeAll(async () => {
  port = await canaryOn("0.0.0.0", 0);
  await canaryOn("::", port);
  parley = await startSlackApp([], { env: { PARLEY_ALLOW_PRIVATE_AGENTS: "off" } });
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
});
afterAll(async () => {
  await parley.close();
  for (const canary of canaries) canary.close();
});

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>({ url: parley.url, token }, { method, path, body });

it("connects to nothing in any spelling, by check or by turn", { timeout: 300_000 }, async () => {
  // This machine's own name is none of the spellings that are refused at once, and leads here all the same.
  const urls = [`http://${hostname()}:${port}/turns`, ...refusedUrls(port)];
  expect(urls.length).toBeGreaterThanOrEqual(120);
  // Names that nobody knows here would else be tried again for days.
  const retry = { pausesMs: [] };
  const taken: string[] = [];
  const odd: string[] = [];
  for (const [index, url] of urls.entries()) {
    const handle = `ssrf-${index}`;
    const added = await api("POST", "/api/agents", {
      handle,
      name: handle,
      connector: { kind: "webhook", url, retry },
    });
    if (added.status !== 201 && added.status !== 400) odd.push(`${url}: ${added.status}`);
    if (added.status !== 201) continue;
    const check = await api<{ ok: boolean }>("POST", `/api/agents/${handle}/check`);
    expect([url, check.body.ok]).toEqual([url, false]);
    if (taken.length % EVERY === 0) await expectNoAnswer(handle);
    taken.push(handle);
    await api("DELETE", `/api/agents/${handle}`);
  }
  expect(odd).toEqual([]);
  expect(contacts).toBe(0);
  // Names pass by their spelling, and what they lead to is refused when the connection is made: that wall was tried, too.
  expect(taken.length).toBeGreaterThan(10);
});

it("would have noticed a connection", async () => {
  const from = contacts;
  await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
  await until(() => contacts > from);
  expect(contacts).toBe(from + 1);
});

async function expectNoAnswer(handle: string): Promise<void> {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask(handle, "are you there?"), {});
  const [turn] = await until(async () => {
    const rows = await parley.ledger.query<{ state: string }>(
      { text: "select state from turns where trigger_message_id = $1 and finished_at is not null" },
      [ts],
    );
    return rows.length === 1 ? rows : undefined;
  }, 40_000);
  expect(turn?.state).toBe("dead_lettered");
}
