import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Config, organizationsOf, secretValues } from "../../../src/config/config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

const SIGNING = "5d41402abc4b2a76b9719d911017c592";

async function load(config: unknown, env: Record<string, string> = {}): Promise<Config> {
  const cwd = mkdtempSync(path.join(tmpdir(), "parley-config-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  writeFileSync(path.join(cwd, "parley.config.mjs"), `export default ${JSON.stringify(config)};`);
  return await loadConfig({ cwd, env });
}

async function faultsOf(config: unknown, env: Record<string, string> = {}): Promise<string> {
  const error: unknown = await load(config, env).catch((reason: unknown) => reason);
  return error instanceof ParleyError ? (error.detail ?? "") : "none";
}

test("without further organizations there is the one that the configuration is of", async () => {
  const config = await load({}, { SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: SIGNING });
  const [own, ...others] = organizationsOf(config);
  expect(own).toMatchObject({ id: "main", name: "main", slack: { mode: "http" }, oidc: undefined });
  expect(others).toEqual([]);
});

test("each has what is its own, and the scrubber knows the secrets of all", async () => {
  const config = await load({
    organizations: [
      {
        id: "beta",
        name: "Beta Ltd",
        slack: { botToken: "xoxb-beta", signingSecret: SIGNING },
        oidc: { issuer: "https://id.example.org", clientId: "c", clientSecret: "oidc-secret", allowedDomains: ["*"] },
        agents: [
          {
            handle: "helper",
            name: "Helper",
            connector: { kind: "webhook", url: "https://a.example.org/", secret: "whsec_beta" },
          },
        ],
      },
    ],
  });
  const [own, beta] = organizationsOf(config);
  expect([own.slack, own.oidc, own.agents]).toEqual([undefined, undefined, []]);
  expect(beta).toMatchObject({
    id: "beta",
    name: "Beta Ltd",
    slack: { mode: "http" },
    oidc: { label: "your organization", defaultRole: "member" },
    agents: [{ handle: "helper" }],
  });
  expect(secretValues(config)).toEqual(expect.arrayContaining(["xoxb-beta", SIGNING, "oidc-secret", "whsec_beta"]));
});

test("ids that are taken, secrets that are shared and platforms that are incomplete are named with their place", async () => {
  const faults = await faultsOf(
    {
      organizations: [
        { id: "main" },
        { id: "beta", slack: { botToken: "xoxb-same", signingSecret: SIGNING } },
        { id: "beta", discord: { shardIds: [3] }, slack: { botToken: "xoxb-other" } },
      ],
    },
    { SLACK_BOT_TOKEN: "xoxb-same", SLACK_SIGNING_SECRET: "7b52009b64fd0a2a49e6d8a939753077" },
  );
  for (const fault of [
    /organizations\[0\]\.id.* is that of organizationId/,
    /organizations\[2\]\.id.* is that of organizations\[1\]\.id/,
    /organizations\[1\]\.slack\.botToken.* is equal to SLACK_BOT_TOKEN/,
    /organizations\[2\]\.slack\.signingSecret.* is missing/,
    /organizations\[2\]\.discord\.shardIds.* is set without shardCount/,
  ])
    expect(faults).toMatch(fault);
});

test.each<[string, Record<string, unknown>, RegExp | "none"]>([
  ["half of it", { issuer: "https://id.example.org", allowedDomains: ["*"] }, /(clientId|CLIENT_ID).* is missing/],
  [
    "nobody let in",
    { issuer: "https://id.example.org", clientId: "c", clientSecret: "s-1" },
    /(allowedDomains|ALLOWED_DOMAINS).* lets nobody in/,
  ],
  [
    "plain http",
    { issuer: "http://id.example.org", clientId: "c", clientSecret: "s-1", allowedDomains: ["*"] },
    /is not reached by https/,
  ],
  [
    "an owner by default",
    {
      issuer: "https://id.example.org",
      clientId: "c",
      clientSecret: "s-1",
      allowedDomains: ["*"],
      defaultRole: "owner",
    },
    /must be "admin" or "member"/,
  ],
  [
    "http on this machine",
    { issuer: "http://127.0.0.1:9", clientId: "c", clientSecret: "s-1", allowedDomains: ["*"] },
    "none",
  ],
  [
    "claims alone",
    { issuer: "https://id.example.org", clientId: "c", clientSecret: "s-1", claims: { groups: ["staff"] } },
    "none",
  ],
])("an identity provider with %s", async (_name, oidc, expected) => {
  expect(await faultsOf({ web: { oidc } })).toMatch(expected);
  expect(await faultsOf({ organizations: [{ id: "beta", oidc }] })).toMatch(expected);
});
