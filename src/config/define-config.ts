import type { ConfigInput } from "./schema.ts";

/**
 * Gives `parley.config.ts` its types; returns what it is given.
 *
 * @example
 * export default defineConfig({
 *   agents: [{ handle: "helper", name: "Helper", connector: { kind: "webhook", url: "https://agents.example.org/parley" } }],
 * });
 */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
