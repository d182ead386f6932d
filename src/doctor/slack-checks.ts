import { z } from "zod";
import type { SlackConfig } from "../config/config.ts";
import type { Secret } from "../config/secret.ts";
import { type Finding, failed, ok, reasonOf, skipped, warning } from "./finding.ts";

const TIMEOUT_MS = 10_000;
/** Slack's signatures count for 300 s; a clock that is a tenth of that off is worth a word. */
const MAX_CLOCK_SKEW_MS = 30_000;
const Answer = z.looseObject({ ok: z.boolean(), error: z.string().optional(), team: z.string().optional() });

/** The bot token with its scopes, the app token, and this machine's clock against Slack's. */
export async function checkSlack(
  slack: SlackConfig | undefined,
  requiredScopes: readonly string[],
): Promise<Finding[]> {
  if (slack === undefined)
    return [
      skipped(
        "slack",
        "not set up",
        "set SLACK_BOT_TOKEN and its kin to connect a workspace; see: parley slack manifest",
      ),
    ];
  const findings: Finding[] = [];
  if (slack.botToken === undefined) findings.push(ok("slack", "workspaces connect by OAuth at /slack/install"));
  else findings.push(...(await checkBotToken(slack, slack.botToken, requiredScopes)));
  if (slack.mode === "socket" && slack.appToken !== undefined)
    findings.push(await checkAppToken(slack, slack.appToken));
  return findings;
}

async function checkBotToken(slack: SlackConfig, token: Secret, requiredScopes: readonly string[]): Promise<Finding[]> {
  let answer: SlackAnswer;
  try {
    answer = await call(slack, "auth.test", token);
  } catch (error) {
    return [
      failed(
        "slack",
        `${slack.apiUrl} cannot be reached: ${reasonOf(error)}`,
        "check the network, a proxy, and SLACK_API_URL",
      ),
    ];
  }
  const clock = clockFinding(answer);
  if (!answer.body.ok) {
    const fix = "install the app into the workspace again and copy its bot token into SLACK_BOT_TOKEN";
    return [failed("slack", `the bot token is refused: ${answer.body.error ?? "no reason given"}`, fix), ...clock];
  }
  const token_ok = ok("slack", `connected to ${answer.body.team ?? "a workspace"} (${slack.mode})`);
  if (answer.scopes === undefined)
    return [token_ok, skipped("slack scopes", "the server does not tell them", "nothing to do"), ...clock];
  const granted = new Set(answer.scopes);
  const missing = requiredScopes.filter((scope) => !granted.has(scope));
  const scopes =
    missing.length === 0
      ? ok("slack scopes", `all ${requiredScopes.length} granted`)
      : failed(
          "slack scopes",
          `missing: ${missing.join(", ")}`,
          "update the app's manifest (parley slack manifest) and install it again",
        );
  return [token_ok, scopes, ...clock];
}

async function checkAppToken(slack: SlackConfig, token: Secret): Promise<Finding> {
  const part = "slack socket";
  const fix = "make an app-level token with the scope connections:write and set SLACK_APP_TOKEN";
  try {
    const { body } = await call(slack, "apps.connections.open", token);
    return body.ok
      ? ok(part, "the app token may open sockets")
      : failed(part, `the app token is refused: ${body.error ?? "no reason given"}`, fix);
  } catch (error) {
    return failed(part, `cannot be tried: ${reasonOf(error)}`, "check the network, a proxy, and SLACK_API_URL");
  }
}

interface SlackAnswer {
  readonly body: z.infer<typeof Answer>;
  readonly scopes: readonly string[] | undefined;
  /** Slack's clock less ours; undefined when it told no time. */
  readonly skewMs: number | undefined;
}

async function call(slack: SlackConfig, method: string, token: Secret): Promise<SlackAnswer> {
  const asked = Date.now();
  const response = await fetch(new URL(method, slack.apiUrl), {
    method: "POST",
    headers: { authorization: `Bearer ${token.reveal()}`, "content-type": "application/x-www-form-urlencoded" },
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = Answer.parse(await response.json());
  const date = Date.parse(response.headers.get("date") ?? "");
  const scopes = response.headers.get("x-oauth-scopes");
  return {
    body,
    scopes: scopes === null ? undefined : scopes.split(",").map((scope) => scope.trim()),
    skewMs: Number.isNaN(date) ? undefined : date - (asked + Date.now()) / 2,
  };
}

function clockFinding({ skewMs }: SlackAnswer): Finding[] {
  if (skewMs === undefined) return [];
  const seconds = Math.round(skewMs / 1_000);
  if (Math.abs(skewMs) <= MAX_CLOCK_SKEW_MS) return [ok("clock", `within ${Math.abs(seconds)} s of Slack's`)];
  const detail = `${Math.abs(seconds)} s ${seconds > 0 ? "behind" : "ahead of"} Slack's; at 300 s its events are refused`;
  return [warning("clock", detail, "synchronise this machine's clock by NTP")];
}
