import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../support/servers/free-port.ts";
import { runParley } from "./run-parley.ts";

/** Security rules R4 and R5: a secret that is missing, weak, a default or used twice ends the start, and nothing listens. */

const STRONG = "Vb3xT9qLw2ZrY7nKc5Hd8Ms4Jf6Pg1Ua";
const OTHER = "Q7mWz4Rk9Xc2Tn6Yb8Lv3Jd5Hs1Fp0Ge";
const BOT = "xoxb-1111111111-2222222222-AbCdEfGhIjKlMnOpQrStUvWx";
const slack = { SLACK_BOT_TOKEN: BOT, SLACK_MODE: "http" };
const service = { MATRIX_HOMESERVER_URL: "http://127.0.0.1:9", MATRIX_AS_TOKEN: STRONG };

/** What is set, and the variable that the fault names. */
const REFUSED: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ["a short key", { PARLEY_SECRET_KEY: "Vb3xT9qLw2Zr" }, "PARLEY_SECRET_KEY"],
  ["a blank key", { PARLEY_SECRET_KEY: "   " }, "PARLEY_SECRET_KEY"],
  ["a default key", { PARLEY_SECRET_KEY: `changeme-${STRONG}` }, "PARLEY_SECRET_KEY"],
  ["a key that repeats itself", { PARLEY_SECRET_KEY: "aB3dE6gH".repeat(8) }, "PARLEY_SECRET_KEY"],
  ["a weak token", { PARLEY_TOKEN: "operator-token" }, "PARLEY_TOKEN"],
  ["one secret for two purposes", { PARLEY_SECRET_KEY: STRONG, PARLEY_TOKEN: STRONG }, "PARLEY_TOKEN"],
  ["Slack without a signing secret", slack, "SLACK_SIGNING_SECRET"],
  ["Slack with an empty signing secret", { ...slack, SLACK_SIGNING_SECRET: "" }, "SLACK_SIGNING_SECRET"],
  ["Slack with a blank signing secret", { ...slack, SLACK_SIGNING_SECRET: "  " }, "SLACK_SIGNING_SECRET"],
  ["Slack with a weak signing secret", { ...slack, SLACK_SIGNING_SECRET: "0123456789" }, "SLACK_SIGNING_SECRET"],
  [
    "Slack with the operator's token for its signing secret",
    { ...slack, SLACK_SIGNING_SECRET: OTHER, PARLEY_TOKEN: OTHER },
    "SLACK_SIGNING_SECRET",
  ],
  ["Matrix without the homeserver's token", service, "MATRIX_HS_TOKEN"],
  ["Matrix with a blank token of the homeserver", { ...service, MATRIX_HS_TOKEN: " " }, "MATRIX_HS_TOKEN"],
  ["Matrix with one token for both directions", { ...service, MATRIX_HS_TOKEN: STRONG }, "MATRIX_HS_TOKEN"],
];

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), "parley-secrets-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("connect", () => socket.destroy()).once("error", () => resolve(false));
  });

test.each(REFUSED)("R4, R5: %s ends the start, and nothing listens", { timeout: 60_000 }, async (_name, env, named) => {
  const port = await freePort();
  const { code, stdout, stderr } = await runParley(["start", "--json", "--port", String(port)], { cwd, env });
  expect(code).toBe(78);
  const told = stdout + stderr;
  expect(told).toContain(named);
  for (const value of Object.values(env).filter((one) => one.trim().length > 8 && !one.startsWith("http")))
    expect(told).not.toContain(value);
  expect(await listens(port)).toBe(false);
});
