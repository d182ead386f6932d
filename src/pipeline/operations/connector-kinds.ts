import type { ConnectorConfig } from "../../contracts/agent-definition.ts";
import type { AgentView } from "../../contracts/operations.ts";

/** What the composition root knows of connector kinds. */
export interface ConnectorKinds {
  faults(
    config: ConnectorConfig,
    source: AgentView["source"],
  ): readonly { readonly path: string; readonly problem: string }[];
  secretFields(kind: string): readonly string[];
  /** Fills in secrets that Parley issues itself, such as a webhook's signing secret; returns the one to show, once. */
  issueSecrets(config: ConnectorConfig): { readonly config: ConnectorConfig; readonly shown?: string };
  /** How many secrets sign the turns of an agent; 0 for kinds whose turns are not signed. */
  signingSecrets(config: ConnectorConfig): number;
  /** One more secret, beside those that sign already; undefined where there can be none. */
  addSecret(config: ConnectorConfig): { readonly config: ConnectorConfig; readonly shown: string } | undefined;
  /** With the newest secret alone; undefined where there is no other. */
  endOldSecrets(config: ConnectorConfig): ConnectorConfig | undefined;
}

/** Secret fields leave the definition and are kept as ciphertext, each as JSON. Pure. */
export function splitSecrets(
  config: ConnectorConfig,
  secretFields: readonly string[],
): { connector: ConnectorConfig; secrets: Record<string, string> } {
  const secrets: Record<string, string> = {};
  const open: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config)) {
    if (secretFields.includes(name)) {
      if (value !== undefined) secrets[name] = JSON.stringify(value);
    } else if (typeof value !== "function") open[name] = value;
  }
  return { connector: { ...open, kind: config.kind }, secrets };
}
