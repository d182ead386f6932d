import { ParleyError } from "../errors/parley-error.ts";

const MIN_VERSION = [6, 2] as const;

/** What `INFO` says, by field name. */
export type RedisInfo = ReadonlyMap<string, string>;

export function parseInfo(text: string): RedisInfo {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** Why this Redis must not hold the queue, each reason with its cure; an empty list when it may. */
export function redisFaults(info: RedisInfo): string[] {
  const faults: string[] = [];
  const version = info.get("redis_version") ?? "unknown";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (!(major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1]))) {
    faults.push(`its version is ${version}: upgrade to ${MIN_VERSION.join(".")} or newer, or to Valkey`);
  }
  const policy = info.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    faults.push(
      `its maxmemory-policy is ${policy}, under which it deletes jobs when memory is short: ` +
        "set maxmemory-policy noeviction, or use a Redis that is not shared with a cache",
    );
  }
  if (info.get("cluster_enabled") === "1") {
    faults.push("it is a cluster node and REDIS_URL names a single one: point it at a proxy or a non-cluster Redis");
  }
  if (info.get("redis_mode") === "sentinel") {
    faults.push("it is a Sentinel and holds no keys: point REDIS_URL at the primary, or at an address that follows it");
  }
  if (info.get("role") === "slave") faults.push("it is a read-only replica: point REDIS_URL at the primary");
  return faults;
}

/** What is worth a warning: nothing is lost by it, since the ledger rings again, but bells are. */
export function redisWarnings(info: RedisInfo): string[] {
  if (info.get("aof_enabled") !== "0") return [];
  return ["appendonly is no: a restart of Redis loses the bells in it, which the reconciler rings again seconds later"];
}

export function refuseUnfitRedis(info: RedisInfo): void {
  const faults = redisFaults(info);
  if (faults.length === 0) return;
  throw new ParleyError("QUEUE_CONFIG_REFUSED", {
    detail: `the Redis of REDIS_URL cannot hold the queue: ${faults.join("; ")}`,
  });
}
