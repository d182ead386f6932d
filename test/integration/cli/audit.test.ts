import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { AuditVerification } from "../../../src/contracts/audit.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { runParley } from "./run-parley.ts";

let parley: SlackApp;
let token = "";

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "speaker",
      name: "Speaker",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "as asked";
        }),
      },
    },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  for (const text of ["one", "two"]) {
    const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("speaker", text), {});
    await until(() => parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" }).length > 0);
  }
});
afterAll(() => parley.close());

/** Each command is a process of its own. */
const TIMEOUT = { timeout: 90_000 };
const run = (...args: string[]) =>
  runParley(["audit", ...args], { cwd: parley.dataFolder, env: { PARLEY_DATA: parley.dataFolder } });
const verified = async (...args: string[]): Promise<{ code: number | null; report: AuditVerification }> => {
  const { code, stdout } = await run("verify", "--json", ...args);
  return { code, report: JSON.parse(stdout) as AuditVerification };
};
const get = (path: string, bearer: string) =>
  fetch(`${parley.url}${path}`, { headers: { authorization: `Bearer ${bearer}` } });

test("verify and export agree on an untouched log, and the newest seal is an anchor", TIMEOUT, async () => {
  await until(() => existsSync(join(parley.dataFolder, "audit-head.json")), 30_000);
  const { code, report } = await verified();
  expect(code).toBe(0);
  expect(report).toMatchObject({ findings: [], more: 0, anchors: [{ source: "audit-head.json", pruned: false }] });
  expect(report.records).toBeGreaterThan(4);
  const { number = 0, seal = "" } = report.newest ?? {};
  const anchored = await verified("--anchor", `${number}:${seal}`);
  expect(anchored.code).toBe(0);
  expect(anchored.report.anchors).toContainEqual({ source: "the given anchor", number, pruned: false });
  const people = await run("verify");
  expect(people.stdout).toContain("Nothing was changed, removed, added or moved.");

  const exported = await run("export");
  expect(exported.code).toBe(0);
  const lines = exported.stdout.trimEnd().split("\n");
  const records = lines
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { id: number; seal: number; entries: unknown[] });
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ end: true, records: records.length });
  expect(records.map((record) => record.entries.length).every((count) => count > 0)).toBe(true);
  expect(exported.stderr).toContain(`${records.length} records`);
  expect((await run("export", "--since", "2100-01-01")).stdout.trimEnd().split("\n")).toHaveLength(1);
});

test("what was seen before and is not there, and what was changed, ends with 1 and is named", TIMEOUT, async () => {
  const wrong = await verified("--anchor", `1:${"0".repeat(64)}`);
  expect(wrong.code).toBe(1);
  expect(wrong.report.findings).toMatchObject([{ what: "seal", finding: "changed", id: 1 }]);
  const [record] = await parley.ledger.query<{ id: number }>({ text: "select min(id) as id from audit_log" });
  await parley.ledger.query({ text: "alter table audit_log disable trigger all" });
  await parley.ledger.query(
    { text: "update audit_log set entries = replace(entries, 'admission', 'omission!') where id = $1" },
    [record?.id],
  );
  const changed = await verified();
  expect(changed.code).toBe(1);
  expect(changed.report.findings).toMatchObject([{ what: "record", finding: "changed", id: record?.id }]);
  expect((await run("verify")).stdout).toMatch(new RegExp(`record ${record?.id}\\s+changed`));
});

test("bad input says what to do, and a token needs the scope", TIMEOUT, async () => {
  const bad = await run("verify", "--anchor", "seven");
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain("write the number of a seal, a colon and the seal");
  expect((await run("export", "--since", "yesterday")).code).toBe(1);
  expect((await run("export", "--since", "2026-02-01", "--until", "2026-01-01")).stderr).toContain(
    "since must be before until",
  );
  for (const command of ["verify", "export"]) expect((await run(command, "--help")).stdout).toContain("--json");
  const made = await fetch(`${parley.url}/api/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "reader", scopes: ["read"] }),
  });
  const { secret } = (await made.json()) as { secret: string };
  for (const path of ["/api/audit/verify", "/api/audit/export"]) {
    expect((await get(path, secret)).status).toBe(403);
    expect((await get(path, "wrong")).status).toBe(401);
    expect((await get(path, token)).status).toBe(200);
  }
});
