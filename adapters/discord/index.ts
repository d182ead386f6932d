import type { ChatAdapter } from "../../src/contracts/adapter.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { DiscordAdapter } from "./adapter.ts";
import { type DiscordAdapterConfig, DiscordConfig } from "./config.ts";

export type { DiscordAdapterConfig } from "./config.ts";

/** Creates the Discord adapter; does no I/O. Throws CONFIG_INVALID with every fault. */
export function createDiscordAdapter(config: DiscordAdapterConfig): ChatAdapter {
  const parsed = DiscordConfig.safeParse(config);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `discord.${issue.path.join(".")}: ${issue.message}`);
    throw new ParleyError("CONFIG_INVALID", { detail: faults.join("; ") });
  }
  const { shardIds, shardCount } = parsed.data;
  if (shardIds !== undefined && (shardCount === "auto" || shardIds.some((id) => id >= shardCount)))
    throw new ParleyError("CONFIG_INVALID", {
      detail: "discord.shardIds: needs discord.shardCount, and each id below it",
    });
  return new DiscordAdapter(parsed.data);
}
