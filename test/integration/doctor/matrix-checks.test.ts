import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load-config.ts";
import { checkMatrix } from "../../../src/doctor/matrix-checks.ts";
import { type Synapse, startSynapse } from "../../support/matrix/index.ts";

const cwd = mkdtempSync(path.join(tmpdir(), "parley-doctor-"));
let synapse: Synapse;

beforeAll(async () => {
  synapse = await startSynapse();
}, 180_000);

afterAll(async () => {
  rmSync(cwd, { recursive: true, force: true });
  await synapse?.stop();
});

async function check(env: Record<string, string>): Promise<readonly string[]> {
  const { matrix } = await loadConfig({ cwd, env, argv: [], create: false });
  const findings = await checkMatrix(matrix, false);
  return findings.map((finding) => `${finding.state} ${finding.part}: ${finding.detail}`);
}

test("says whose token it is, that it is refused, or that there is no homeserver", { timeout: 60_000 }, async () => {
  const bot = await synapse.register({ localpart: "parley" });
  const MATRIX_HOMESERVER_URL = synapse.url;
  expect(await check({})).toEqual([expect.stringMatching(/^skipped matrix: not set up/u)]);
  expect(await check({ MATRIX_HOMESERVER_URL, MATRIX_ACCESS_TOKEN: bot.accessToken })).toEqual([
    expect.stringMatching(/^ok matrix: homeserver at .*, Matrix v1/u),
    `ok matrix bot: ${bot.userId}, encrypted rooms are left alone`,
  ]);
  expect(await check({ MATRIX_HOMESERVER_URL, MATRIX_ACCESS_TOKEN: "syt_wrong" })).toEqual([
    expect.stringMatching(/^ok matrix/u),
    "failed matrix bot: the access token is refused: M_UNKNOWN_TOKEN",
  ]);
  const tokens = {
    MATRIX_AS_TOKEN: "kJ8sVq2mXw7pZt4cRb9nLd6hGf3yTa1e",
    MATRIX_HS_TOKEN: "Qe5uBn8rWm2zKx7vHc4jPt9sDy6gLf3a",
  };
  expect(await check({ MATRIX_HOMESERVER_URL, ...tokens })).toEqual([
    expect.stringMatching(/^ok matrix/u),
    "failed matrix service: the homeserver does not know the application service: M_UNKNOWN_TOKEN",
  ]);
  const nowhere = await check({ MATRIX_HOMESERVER_URL: "http://127.0.0.1:9", MATRIX_ACCESS_TOKEN: bot.accessToken });
  expect(nowhere).toEqual([expect.stringMatching(/^failed matrix: .* is no homeserver that can be reached/u)]);
});
