import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readOperatorFile } from "../../../src/config/operator-file.ts";
import { WebClient } from "../../support/web/web-client.ts";
import { type Ended, runParley, spawnParley } from "./run-parley.ts";

/** Access by the real command line against a real Parley with a configuration file; the tests build on one another. */
let cwd: string;
let url: string;
let stop: () => Promise<unknown>;
const AGENT = { kind: "webhook", url: "http://127.0.0.1:3999/x", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };

function configure(channels: readonly string[], access: object, more: object = {}): void {
  const config = {
    allowPrivateAgentAddresses: true,
    agents: [{ handle: "helper", name: "Helper", channels, connector: AGENT, ...more }],
    access,
  };
  writeFileSync(path.join(cwd, "parley.config.mjs"), `export default ${JSON.stringify(config)};\n`);
}

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), "parley-access-"));
  configure(["nowhere"], { rules: [{ at: "web:general", who: "class:guest", actions: ["post"], effect: "deny" }] });
  const child = spawnParley(["start", "--json", "--port", "0"], { cwd });
  if (child.stdout === null) throw new Error("the process has no standard output");
  const [line] = await once(createInterface(child.stdout), "line");
  const started: { url: string; signInLink: string } = JSON.parse(String(line));
  ({ url } = started);
  stop = async () => {
    child.kill("SIGTERM");
    await child.ended;
  };
  // One person in the room, known to the mirror as soon as they are in it.
  const owner = new WebClient(url);
  await owner.signIn(started.signInLink);
  await vi.waitFor(
    async () => {
      const { body } = await api("GET", "/api/status");
      if ((body as { rooms: { people: number }[] }).rooms[0]?.people !== 1) throw new Error("nobody is known yet"); // as the answer's schema says
    },
    { timeout: 30_000, interval: 500 },
  );
}, 180_000);
afterAll(async () => {
  await stop?.();
  rmSync(cwd, { recursive: true, force: true });
});

const access = (...args: readonly string[]): Promise<Ended> => runParley(["access", ...args], { cwd });
async function api(method: string, address: string, body?: unknown, token?: string) {
  const operator = readOperatorFile(path.join(cwd, "data"));
  const answer = await fetch(new URL(address, url), {
    method,
    headers: {
      authorization: `Bearer ${token ?? operator?.token ?? ""}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
}
const PATIENT = { timeout: 240_000 };

test("the lists of the file hold from the start, those of operators beside them", PATIENT, async () => {
  await expect
    .poll(async () => JSON.parse((await access("show", "--json")).stdout), { timeout: 60_000, interval: 1_000 })
    .toMatchObject({ rules: [{ effect: "deny", subject: "guest", at: { label: "web:general" }, source: "config" }] });
  const denied = await access("deny", "role:auditor", "post,react", "--at", "web:general", "--json");
  expect(denied).toMatchObject({ code: 0, stderr: "" });
  const { rules } = JSON.parse(denied.stdout);
  expect(rules.map((rule: { action: string; source: string }) => `${rule.source} ${rule.action}`).toSorted()).toEqual([
    "operator post",
    "operator react",
  ]);
  const shown = await access("show");
  expect(shown.stdout).toMatch(/deny +react +role:auditor +web:general +operator/);
  for (const { id } of rules) expect(await access("remove", id)).toMatchObject({ code: 0 });
  const given = await access("role", "give", "p_1", "auditor", "--at", "web:general");
  expect(given.stdout).toContain("auditor for p_1 at web:general");
  const [id = ""] = given.stdout.split(" ");
  expect(await access("role", "take", id)).toMatchObject({ code: 0 });
  expect(await access("channel", "web:general", "asker")).toMatchObject({ code: 0 });
  expect((await access("show")).stdout).toContain("asker (operator)");
});

test("an operator invites and uninvites an agent", PATIENT, async () => {
  expect((await access("invite", "@helper", "web:general")).stdout).toContain("@helper takes part in web:general");
  expect((await access("show")).stdout).toMatch(/@helper +web:general +operator/);
  expect(await api("GET", "/api/status")).toMatchObject({
    body: { rooms: [{ agents: expect.arrayContaining(["helper"]) }] },
  });
  expect((await access("uninvite", "helper", "web:general")).stdout).toContain("no longer takes part");
  expect(await access("uninvite", "helper", "web:general")).toMatchObject({
    code: 1,
    stderr: "parley: @helper is not invited into web:general\n",
  });
});

test("a plan says how many people reach what, and only it is applied", PATIENT, async () => {
  const lists = { rules: [{ at: "web:general", who: "everyone", actions: ["react"], effect: "deny" }] };
  // What only a start changes is not applied, and the plan says so.
  configure(["gen*"], lists, { tools: ["roster"], connector: { ...AGENT, url: "http://127.0.0.1:3999/elsewhere" } });
  expect((await access("plan")).stdout).toContain(
    "note: not in this plan: connector, tools of @helper change with the next start of Parley",
  );
  configure(["gen*"], lists);
  const plan = await access("plan");
  expect(plan).toMatchObject({ code: 0, stderr: "" });
  expect(plan.stdout).not.toContain("not in this plan");
  expect(plan.stdout).toContain("- rule: deny post to class:guest at web:general");
  expect(plan.stdout).toContain("+ rule: deny react to everyone at web:general");
  expect(plan.stdout).toContain("1 more person can reach @helper in web:general");
  expect(plan.stdout).toContain("1 fewer person can react in web:general");
  const fingerprint = /Plan ([0-9a-f]{16})/.exec(plan.stdout)?.[1] ?? "";
  expect(await access("apply")).toMatchObject({ code: 64, stderr: expect.stringContaining(`--plan ${fingerprint}`) });
  // Something changes between the look and the step.
  await api("POST", "/api/access/rules", { who: "class:bot", actions: ["post"], effect: "deny" });
  expect(await access("apply", "--plan", fingerprint)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the plan is another one now"),
  });
  const again = JSON.parse((await access("plan", "--json")).stdout);
  expect(await access("apply", "--plan", again.fingerprint)).toMatchObject({ code: 0, stdout: "Applied 4 changes.\n" });
  expect((await access("apply")).stdout).toContain("There is nothing to apply.");
  const { rules } = (await api("GET", "/api/access")).body as { rules: { subject: string; source: string }[] }; // as its schema says
  expect(rules.map(({ subject, source }) => `${source} ${subject}`).toSorted()).toEqual(["config ", "operator bot"]);
  expect(await api("GET", "/api/agents")).toMatchObject({
    body: { agents: expect.arrayContaining([expect.objectContaining({ handle: "helper", channels: ["gen*"] })]) },
  });
});

test("bad input is refused with one line that says why", PATIENT, async () => {
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["deny", "nobody", "post"], 64, "nobody is nobody"],
    [["deny", "everyone", "fly"], 64, "fly is no action"],
    [["allow", "everyone", "post", "--at", "here"], 64, "--at here is no place"],
    [["role", "give", "p_1", "king"], 64, "king is no role"],
    [["invite", "helper", "organization"], 1, "channel"],
    [["invite", "helper", "web:nowhere"], 1, "no channel is known as web:nowhere"],
    [["invite", "ghost", "web:general"], 1, "there is no agent @ghost"],
    [["remove", "g_none"], 1, "there is no such rule"],
    [["channel", "web:general", "shout"], 1, "onNarrowerSource"],
    [["plan", "--config", "missing.ts"], 78, "missing.ts"],
  ];
  const ended = await Promise.all(cases.map(([args]) => access(...args)));
  for (const [index, [, code, told]] of cases.entries()) {
    expect(ended[index]).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(told) });
  }
});

test.each([
  ["POST", "/api/access/rules", { who: "everyone", actions: ["post"], effect: "deny", at: "nonsense" }, 400],
  ["POST", "/api/access/rules", { who: "everyone", actions: ["post"], effect: "deny", extra: 1 }, 400],
  ["POST", "/api/access/rules", { who: "everyone", actions: ["post", "\u0000"], effect: "deny" }, 400],
  ["POST", "/api/access/roles", { person: "a\u0000", role: "admin" }, 400],
  ["POST", "/api/access/invitations", { agent: "helper" }, 400],
  ["POST", "/api/access/invitations", { agent: "helper", channel: "space:web:web" }, 400],
  ["DELETE", "/api/access/rules/g_none", undefined, 404],
  ["DELETE", "/api/access/roles/o_none", undefined, 404],
  ["POST", "/api/access/apply", { access: {}, fingerprint: "0000000000000000" }, 409],
])("%s %s with %j answers %i", PATIENT, async (method, address, body, status) => {
  expect((await api(method, address, body)).status).toBe(status);
});

test("a token without the scope is refused at every route of access", PATIENT, async () => {
  const made = await api("POST", "/api/tokens", { name: "reader", scopes: ["read"] });
  const { secret } = made.body as { secret: string }; // as the answer's schema says
  for (const [method, address, body] of [
    ["GET", "/api/access", undefined],
    ["POST", "/api/access/rules", { who: "everyone", actions: ["post"], effect: "allow" }],
    ["POST", "/api/access/roles", { person: "p", role: "owner" }],
    ["POST", "/api/access/invitations", { agent: "helper", channel: "web:general" }],
    ["POST", "/api/access/apply", { access: {}, force: true }],
    ["DELETE", "/api/access/rules/x", undefined],
  ] as const)
    expect(await api(method, address, body, secret)).toMatchObject({ status: 403 });
});
