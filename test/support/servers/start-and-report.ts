import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

// Run as a process of its own by servers.test.ts, which kills it to see that its servers go with it.
const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
process.stdout.write(`${JSON.stringify([postgres.port, redis.port])}\n`);
setInterval(() => undefined, 60_000);
