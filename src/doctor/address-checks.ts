import { existsSync } from "node:fs";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { type Finding, failed, ok, reasonOf, skipped, warning } from "./finding.ts";

const TIMEOUT_MS = 5_000;
const PAGE = path.resolve(import.meta.dirname, "../console/dist/index.html");

/** The address under which platforms and people come in. */
export async function checkPublicUrl(config: Config, running: boolean): Promise<Finding> {
  const part = "public address";
  const { publicUrl } = config.web;
  if (publicUrl === undefined) {
    const needed = config.slack?.mode === "http" || config.slack?.oauth !== undefined;
    const fix = "set PARLEY_PUBLIC_URL to an https address that leads here, or use Socket Mode (SLACK_APP_TOKEN)";
    return needed
      ? failed(part, "none, and Slack over HTTP needs one", fix)
      : ok(part, "none needed: everything is on this machine or by socket");
  }
  const secure = publicUrl.startsWith("https:");
  if (!running) return skipped(part, `${publicUrl} is tried while Parley runs`, "start Parley and run this again");
  try {
    const answer = await fetch(new URL("/healthz", publicUrl), {
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await answer.json();
    const healthy = typeof body === "object" && body !== null && "status" in body && body.status === "ok";
    if (!healthy) return failed(part, `${publicUrl} leads somewhere else`, "point the proxy or tunnel at this Parley");
    return secure
      ? ok(part, `${publicUrl} leads here`)
      : warning(part, `${publicUrl} is not encrypted`, "put TLS in front of it");
  } catch (error) {
    return warning(
      part,
      `${publicUrl} cannot be tried from here: ${reasonOf(error)}`,
      "check the proxy or tunnel; from inside some networks the outside cannot be seen",
    );
  }
}

/** The built web page. */
export function checkPage(): Finding {
  return existsSync(PAGE)
    ? ok("page", "built")
    : failed("page", "not built", "npm run page:build (npm start does it by itself)");
}

/** Which models the agent `assistant` can ask. */
export function checkModels({ models }: Config): Finding {
  const known = [
    ...(models.openai.apiKey !== undefined || models.openai.baseUrl !== undefined ? ["OpenAI-compatible"] : []),
    ...(models.anthropic.apiKey === undefined ? [] : ["Anthropic"]),
  ];
  return known.length > 0
    ? ok("models", known.join(", "))
    : skipped(
        "models",
        "none set up",
        "set OPENAI_API_KEY, OPENAI_BASE_URL or ANTHROPIC_API_KEY for the agent assistant",
      );
}
