/** First ms of Discord's clock. https://docs.discord.com/developers/reference#snowflakes */
const EPOCH_MS = 1_420_070_400_000;
const TIME_SHIFT = 22n;
/** Decimal digits of the largest 64-bit number. */
const MAX_DIGITS = 20;

/** When the thing of this id came into being, in ms since 1970. */
export function snowflakeToMs(id: string): number {
  return Number(BigInt(id) >> TIME_SHIFT) + EPOCH_MS;
}

/** The least id of that ms; for queries and for sorting what has no id of its own. */
export function msToSnowflake(ms: number): string {
  return String(BigInt(Math.max(0, Math.floor(ms) - EPOCH_MS)) << TIME_SHIFT);
}

export function snowflakeToIso(id: string): string {
  return new Date(snowflakeToMs(id)).toISOString();
}

/** Sorts like the number it stands for, by plain string comparison. */
export function snowflakeToOrder(id: string): string {
  return id.padStart(MAX_DIGITS, "0");
}

export function isNewer(id: string, than: string): boolean {
  return snowflakeToOrder(id) > snowflakeToOrder(than);
}
