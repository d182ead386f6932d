import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import {
  generateWebhookSecret,
  isWebhookSecret,
  type RequestHeaders,
  signContent,
  verifyWebhook,
  webhookIdOf,
} from "../../../agents/webhook/index.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

const SECRET = generateWebhookSecret();
const OTHER = generateWebhookSecret();
const BODY = '{"type":"turn.requested","text":"Grüße 😀"}';
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;

function signed(secrets: readonly string[] = [SECRET], atMs: number = NOW_MS): RequestHeaders {
  const timestampSeconds = atMs / 1000;
  return {
    "Webhook-Id": "turn_1",
    "webhook-timestamp": String(timestampSeconds),
    "WEBHOOK-SIGNATURE": signContent({ id: "turn_1", timestampSeconds, body: BODY }, secrets),
  };
}

function failure(
  headers: RequestHeaders,
  body: string | Uint8Array = BODY,
  secrets: readonly string[] = [SECRET],
  nowMs: number = NOW_MS,
): string {
  try {
    verifyWebhook(headers, body, secrets, nowMs);
    return "nothing";
  } catch (error) {
    return error instanceof ParleyError ? error.code : String(error);
  }
}

describe("the signature of a turn", () => {
  it("is accepted by the reference library, with every secret of a rotation", () => {
    const headers = signed([SECRET, OTHER]);
    const lower = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    for (const secret of [SECRET, OTHER]) expect(() => new Webhook(secret).verify(BODY, lower)).not.toThrow();
    expect(() => new Webhook(generateWebhookSecret()).verify(BODY, lower)).toThrow("No matching signature");
  });

  it("of the reference library is accepted here", () => {
    const headers = { ...signed(), "WEBHOOK-SIGNATURE": new Webhook(SECRET).sign("turn_1", new Date(NOW_MS), BODY) };
    expect(verifyWebhook(headers, Buffer.from(BODY), [OTHER, SECRET], NOW_MS)).toEqual({
      id: "turn_1",
      timestampMs: NOW_MS,
    });
  });

  it.each([-300_000, 300_000])("holds at the edge of %i ms", (offMs) => {
    expect(failure(signed(), BODY, [SECRET], NOW_MS + offMs)).toBe("nothing");
  });

  it.each([-301_000, 301_000])("is stale beyond it, to either side (%i ms)", (offMs) => {
    expect(failure(signed(), BODY, [SECRET], NOW_MS + offMs)).toBe("SIGNATURE_STALE");
  });

  it.each<readonly [string, RequestHeaders]>([
    ["no id", { ...signed(), "Webhook-Id": undefined }],
    ["no timestamp", { ...signed(), "webhook-timestamp": undefined }],
    ["no signature", { ...signed(), "WEBHOOK-SIGNATURE": "" }],
  ])("is missing with %s", (_case, headers) => {
    expect(failure(headers)).toBe("SIGNATURE_MISSING");
  });

  it.each<readonly [string, RequestHeaders, string, readonly string[]]>([
    ["another body", signed(), `${BODY} `, [SECRET]],
    ["another id", { ...signed(), "Webhook-Id": "turn_2" }, BODY, [SECRET]],
    ["another time", { ...signed(), "webhook-timestamp": String(NOW_MS / 1000 + 1) }, BODY, [SECRET]],
    ["another secret", signed(), BODY, [OTHER]],
    ["no secret", signed(), BODY, []],
    ["an empty secret", signed(), BODY, [""]],
    ["a secret that is too short", signed(["whsec_AAAA"]), BODY, ["whsec_AAAA"]],
    [
      "another scheme",
      { ...signed(), "WEBHOOK-SIGNATURE": String(signed()["WEBHOOK-SIGNATURE"]).replace("v1,", "v1a,") },
      BODY,
      [SECRET],
    ],
    [
      "a cut signature",
      { ...signed(), "WEBHOOK-SIGNATURE": String(signed()["WEBHOOK-SIGNATURE"]).slice(0, -8) },
      BODY,
      [SECRET],
    ],
    ["an empty one", { ...signed(), "WEBHOOK-SIGNATURE": "v1," }, BODY, [SECRET]],
    ["a timestamp that is no number", { ...signed(), "webhook-timestamp": "1e9" }, BODY, [SECRET]],
  ])("is invalid with %s", (_case, headers, body, secrets) => {
    expect(failure(headers, body, secrets)).toBe("SIGNATURE_INVALID");
  });
});

describe("a secret", () => {
  it("that is made is one", () => {
    expect(isWebhookSecret(generateWebhookSecret())).toBe(true);
    expect(generateWebhookSecret()).not.toBe(generateWebhookSecret());
  });

  it.each([
    "",
    "whsec_",
    "secret",
    `whsec_${"A".repeat(24)}`,
    `whsec_${"!".repeat(40)}`,
    `whsec_${Buffer.alloc(65).toString("base64")}`,
  ])("is not %j", (text) => {
    expect(isWebhookSecret(text)).toBe(false);
  });
});

describe("the id of a turn in a header", () => {
  it("is the turn's own where it can be, and else a stable one without full stop", () => {
    expect(webhookIdOf("0198f2-ab_C")).toBe("0198f2-ab_C");
    for (const odd of ["a.b", "ümlaut", "x".repeat(400), "a b"]) {
      expect(webhookIdOf(odd)).toMatch(/^turn_[0-9a-f]{64}$/);
      expect(webhookIdOf(odd)).toBe(webhookIdOf(odd));
    }
  });
});
