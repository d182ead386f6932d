import { ParleyError } from "../../src/errors/parley-error.ts";

/** What an address is used for; each purpose has hosts of its own. */
export type HostPurpose = "files" | "responses";

const HOSTS: Readonly<Record<HostPurpose, readonly string[]>> = {
  files: ["files.slack.com", "slack.com", "files.slack-gov.com", "slack-gov.com"],
  responses: ["hooks.slack.com", "hooks.slack-gov.com"],
};

/**
 * Guarantees an address of Slack itself: one of its exact hosts over https, or the origin of the configured Web API.
 *
 * Addresses come in events and answers; a token or text must never follow one elsewhere. Throws PLATFORM_FORBIDDEN.
 */
export function requirePlatformUrl(address: string, apiUrl: string, purpose: HostPurpose): URL {
  if (URL.canParse(address)) {
    const url = new URL(address);
    const plain = url.username === "" && url.password === "";
    const known = url.protocol === "https:" && url.port === "" && HOSTS[purpose].includes(url.hostname);
    if (plain && (known || url.origin === new URL(apiUrl).origin)) return url;
  }
  throw new ParleyError("PLATFORM_FORBIDDEN", { detail: "the address is none of Slack's" });
}
