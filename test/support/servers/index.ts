export { type ChromiumLaunch, ensureChromium } from "./chromium.ts";
export { freePort } from "./free-port.ts";
export { type PostgresOptions, type PostgresServer, type PostgresStopMode, startPostgres } from "./postgres.ts";
export { type RedisOptions, type RedisServer, startRedis } from "./redis.ts";
