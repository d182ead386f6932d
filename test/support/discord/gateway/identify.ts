import type { Core } from "../core.ts";
import { INTENTS, LAST_INTENT_BIT, PRIVILEGED_INTENTS } from "../model/bits.ts";
import { isWire } from "../model/markup.ts";
import type { Application, Guild } from "../model/records.ts";
import { shardOfGuild } from "./session.ts";

/** An IDENTIFY, read; refused when it cannot begin a session. */
export interface Identify {
  readonly application: Application | undefined;
  readonly shard: readonly [number, number];
  readonly intents: number;
  readonly compress: boolean;
  readonly refused?: { readonly code: number; readonly reason: string };
}

export function checkIdentify(core: Core, data: unknown): Identify {
  const given = isWire(data) ? data : {};
  const token = typeof given["token"] === "string" ? given["token"].replace(/^Bot /u, "") : "";
  const application = core.world.applicationByToken(token);
  const intents = typeof given["intents"] === "number" ? given["intents"] : -1;
  const read = {
    application,
    shard: shardOf(given["shard"]) ?? ([0, 1] as const),
    intents,
    compress: given["compress"] === true,
  };
  const refuse = (code: number, reason: string): Identify => ({ ...read, refused: { code, reason } });
  if (!isWire(given["properties"])) return refuse(4002, "Error while decoding payload.");
  if (application === undefined) return refuse(4004, "Authentication failed.");
  if (given["shard"] !== undefined && shardOf(given["shard"]) === undefined) return refuse(4010, "Invalid shard.");
  if (!Number.isInteger(intents) || intents < 0 || intents >= 2 ** (LAST_INTENT_BIT + 1))
    return refuse(4013, "Invalid intent(s).");
  const { maxGuildsPerShard } = core.options.gateway;
  if (application !== undefined && guildsOf(core, application, read.shard).length > maxGuildsPerShard)
    return refuse(4011, "Sharding required.");
  const disallowed = PRIVILEGED_INTENTS.some(
    (name) => (intents & INTENTS[name]) !== 0 && !application.privilegedIntents.has(name),
  );
  return disallowed ? refuse(4014, "Disallowed intent(s).") : read;
}

function guildsOf(core: Core, application: Application, shard: readonly [number, number]): Guild[] {
  return core.world.guildsOf(application.botUserId).filter((guild) => shardOfGuild(guild.id, shard[1]) === shard[0]);
}

function shardOf(given: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(given) || given.length !== 2) return undefined;
  const [index, count]: unknown[] = given;
  if (typeof index !== "number" || typeof count !== "number") return undefined;
  return Number.isInteger(index) && Number.isInteger(count) && index >= 0 && index < count ? [index, count] : undefined;
}
