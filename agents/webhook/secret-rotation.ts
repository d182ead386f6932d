import type { ConnectorConfig } from "../../src/contracts/agent-definition.ts";
import { secretsOf, WebhookConfig } from "./config.ts";
import { generateWebhookSecret } from "./signature.ts";

/** Secrets that may sign at once; as many as the configuration takes. */
const MAX_SECRETS = 5;

/** The secrets that sign, newest first; none for a configuration of another kind. Pure. */
export function signingSecrets(config: ConnectorConfig): readonly string[] {
  const parsed = WebhookConfig.safeParse(config);
  return parsed.success ? secretsOf(parsed.data) : [];
}

/** The configuration with one more secret, the newest first, so that all of them sign; undefined where nothing is signed, or five sign already. */
export function addSecret(config: ConnectorConfig): { config: ConnectorConfig; shown: string } | undefined {
  const known = signingSecrets(config);
  if (known.length === 0 || known.length >= MAX_SECRETS) return undefined;
  const shown = generateWebhookSecret();
  return { config: { ...config, secret: undefined, secrets: [shown, ...known] }, shown };
}

/** The configuration whose newest secret alone signs; undefined where there is no other. Pure. */
export function endOldSecrets(config: ConnectorConfig): ConnectorConfig | undefined {
  const [newest, ...others] = signingSecrets(config);
  if (newest === undefined || others.length === 0) return undefined;
  return { ...config, secret: undefined, secrets: [newest] };
}
