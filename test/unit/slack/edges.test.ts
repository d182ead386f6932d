import { createHmac } from "node:crypto";
import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError } from "@slack/web-api";
import { describe, expect, test } from "vitest";
import { fromSdkError } from "../../../adapters/slack/client-errors.ts";
import { httpError, slackError } from "../../../adapters/slack/errors.ts";
import { requirePlatformUrl } from "../../../adapters/slack/hosts.ts";
import { createSlackAdapter, slackConfigFragment, slackManifest } from "../../../adapters/slack/index.ts";
import { msToTs, tsToIso, tsToOrder } from "../../../adapters/slack/timestamps.ts";
import { readSignedHead, verifyBody } from "../../../adapters/slack/verify.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

describe("errors", () => {
  test.each([
    ["invalid_auth", "PLATFORM_UNAUTHORIZED", "not_sent"],
    ["not_in_channel", "PLATFORM_FORBIDDEN", "not_sent"],
    ["channel_not_found", "TARGET_NOT_FOUND", "not_sent"],
    ["is_archived", "TARGET_NOT_FOUND", "not_sent"],
    ["restricted_action", "PLATFORM_FORBIDDEN", "not_sent"],
    ["ekm_access_denied", "PLATFORM_FORBIDDEN", "not_sent"],
    ["msg_too_long", "CONTENT_REJECTED", "not_sent"],
    ["invalid_blocks", "CONTENT_REJECTED", "not_sent"],
    ["unknown_method", "FEATURE_UNSUPPORTED", "not_sent"],
    ["ratelimited", "PLATFORM_RATE_LIMITED", "not_sent"],
    ["something_new", "CONTENT_REJECTED", "not_sent"],
    ["fatal_error", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["internal_error", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["request_timeout", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
    ["service_unavailable", "PLATFORM_OUTCOME_UNKNOWN", "unknown"],
  ])("%s is %s (%s)", (name, code, delivery) => {
    expect(slackError("chat.postMessage", name)).toMatchObject({ code, delivery });
  });

  test("of HTTP say what is certain", () => {
    expect(httpError("m", 429, "7", 0)).toMatchObject({
      code: "PLATFORM_RATE_LIMITED",
      retryAfterMs: 7_000,
      delivery: "not_sent",
    });
    expect(httpError("m", 429, undefined, 0)).toMatchObject({ retryAfterMs: 1_000 });
    expect(httpError("m", 503, undefined, 0)).toMatchObject({ code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" });
    expect(httpError("m", 404, undefined, 0)).toMatchObject({ code: "PLATFORM_UNAVAILABLE", delivery: "not_sent" });
  });

  test("of the SDK are translated", () => {
    const refused = Object.assign(new Error("fetch failed"), {
      cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }),
    });
    expect(fromSdkError("m", new WebAPIPlatformError({ ok: false, error: "invalid_auth" }))).toMatchObject({
      code: "PLATFORM_UNAUTHORIZED",
    });
    expect(fromSdkError("m", new WebAPIRateLimitedError(3))).toMatchObject({ retryAfterMs: 3_000 });
    expect(fromSdkError("m", new WebAPIHTTPError(500, "x", {}))).toMatchObject({ delivery: "unknown" });
    expect(fromSdkError("m", new WebAPIRequestError(refused))).toMatchObject({
      code: "PLATFORM_UNAVAILABLE",
      delivery: "not_sent",
    });
    expect(fromSdkError("m", new WebAPIRequestError(new Error("reset")))).toMatchObject({ delivery: "unknown" });
  });

  test("never repeat what a stranger wrote as an error name", () => {
    expect(slackError("m", "secret text <xoxb-1>").message).not.toContain("secret");
  });
});

describe("the signature", () => {
  const now = 1_762_000_000_000;
  const sign = (timestamp: string, body: string) =>
    `v0=${createHmac("sha256", "key").update(`v0:${timestamp}:${body}`).digest("hex")}`;
  const check = (timestamp: string, signature: string, body: string) =>
    verifyBody(readSignedHead(timestamp, signature, now), Buffer.from(body), "key");
  const codeOf = (work: () => void): string => {
    try {
      work();
    } catch (error) {
      if (error instanceof ParleyError) return error.code;
    }
    return "accepted";
  };

  test.each([
    [-300, "accepted"],
    [300, "accepted"],
    [-301, "SIGNATURE_STALE"],
    [301, "SIGNATURE_STALE"],
  ])("%i s away is %s", (seconds, expected) => {
    const timestamp = String(now / 1000 + seconds);
    expect(codeOf(() => check(timestamp, sign(timestamp, "{}"), "{}"))).toBe(expected);
  });

  test("belongs to exactly these bytes, this time and this spelling", () => {
    const timestamp = String(now / 1000);
    const good = sign(timestamp, "{}");
    expect(codeOf(() => check(timestamp, good, "{} "))).toBe("SIGNATURE_INVALID");
    expect(codeOf(() => check(String(now / 1000 + 1), good, "{}"))).toBe("SIGNATURE_INVALID");
    for (const variant of [good.toUpperCase(), ` ${good}`, good.slice(0, -1), good.replace("v0=", "v1="), "v0=", "x"])
      expect(codeOf(() => check(timestamp, variant, "{}"))).toBe("SIGNATURE_INVALID");
    expect(codeOf(() => check("", good, "{}"))).toBe("SIGNATURE_MISSING");
    expect(codeOf(() => check(`${timestamp}.0`, good, "{}"))).toBe("SIGNATURE_INVALID");
  });
});

test("addresses are taken from Slack's own hosts only", () => {
  const api = "http://127.0.0.1:4000/api/";
  const allowed = (address: string, purpose: "files" | "responses") => {
    try {
      return requirePlatformUrl(address, api, purpose).href;
    } catch {
      return undefined;
    }
  };
  for (const good of ["https://files.slack.com/a", "https://slack.com/a", "http://127.0.0.1:4000/files-pri/x"])
    expect(allowed(good, "files")).toBe(good);
  expect(allowed("https://hooks.slack.com/commands/x", "responses")).toBeDefined();
  for (const bad of [
    "http://files.slack.com/a",
    "https://files.slack.com:8443/a",
    "https://files.slack.com@evil.example/a",
    "https://evil.example/files.slack.com",
    "https://xfiles.slack.com/",
    "https://files.slack.com.evil.example/",
    "http://127.0.0.1:4001/x",
    "file:///etc/passwd",
    "//files.slack.com/a",
    "",
  ])
    expect(allowed(bad, "files")).toBeUndefined();
  expect(allowed("https://files.slack.com/a", "responses")).toBeUndefined();
});

test("timestamps sort as text in their numeric order", () => {
  const list = ["999999999.999999", "1762000000.000100", "1762000000.000200", "1762000000.1"];
  expect([...list].map(tsToOrder).toSorted()).toEqual(
    [list[0], list[1], list[2], list[3]].map((ts) => tsToOrder(ts ?? "")),
  );
  expect(tsToIso("1762000000.123456")).toBe("2025-11-01T12:26:40.123Z");
  expect(msToTs(1_762_000_000_123)).toBe("1762000000.123000");
});

describe("the manifest", () => {
  test("asks for no more than it needs and never to speak where it is no member", () => {
    const manifest = JSON.stringify(slackManifest({ mode: "http", publicUrl: "https://parley.example" }));
    expect(manifest).not.toContain("chat:write.public");
    expect(manifest).toContain("https://parley.example/slack/events");
    expect(manifest).toContain("https://parley.example/slack/oauth_redirect");
    expect(manifest).toContain("agent_session_stopped");
  });

  test("in Socket Mode names no address", () => {
    const manifest = slackManifest({ mode: "socket" });
    expect(manifest).toMatchObject({
      settings: { socket_mode_enabled: true, token_rotation_enabled: false },
      features: { slash_commands: [{ command: "/parley", should_escape: true }] },
    });
    expect(JSON.stringify(manifest)).not.toContain("http");
  });
});

describe("the configuration", () => {
  const faultsOf = (config: Parameters<typeof createSlackAdapter>[0]) => {
    try {
      createSlackAdapter(config);
    } catch (error) {
      return error instanceof ParleyError ? `${error.code} ${error.detail}` : "another error";
    }
    return "accepted";
  };

  test("without its credentials is refused with every fault", () => {
    expect(faultsOf({ organizationId: "main", mode: "http" })).toMatch(/CONFIG_INVALID.*signingSecret.*botToken/u);
    expect(faultsOf({ organizationId: "main", mode: "socket", botToken: "x" })).toContain("SLACK_APP_TOKEN");
    expect(faultsOf({ organizationId: "main", mode: "http", signingSecret: "s", clientId: "c" })).toContain(
      "state secret",
    );
    expect(
      faultsOf({ organizationId: "main", mode: "http", signingSecret: "s", botToken: "x", apiUrl: "nonsense" }),
    ).toContain("slack.apiUrl");
    expect(faultsOf({ organizationId: "main", mode: "http", signingSecret: "s", botToken: "x" })).toBe("accepted");
    expect(faultsOf({ organizationId: "main", mode: "socket", receive: false, botToken: "x" })).toBe("accepted");
  });

  test("lists every secret as one", () => {
    const credentials = slackConfigFragment.environment.filter(({ name }) => /TOKEN|SECRET/u.test(name));
    expect(credentials).toHaveLength(5);
    expect(credentials.filter((variable) => !variable.secret)).toEqual([]);
  });
});
