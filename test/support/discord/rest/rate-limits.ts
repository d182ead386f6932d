/** A bucket of one route: so many calls in so many ms. */
interface Allowance {
  readonly limit: number;
  readonly windowMs: number;
}

interface Bucket {
  used: number;
  resetsAtMs: number;
}

/** What a call is told of its bucket. */
export interface Standing {
  readonly bucket: string;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAfterMs: number;
  /** The bucket, or everything, is used up. */
  readonly exceeded?: "user" | "global";
}

const GLOBAL_PER_SECOND = 50;
/** Discord publishes no numbers; these were seen in its headers for years. */
const BY_ROUTE: Readonly<Record<string, Allowance>> = {
  "POST /channels/:channel/messages": { limit: 5, windowMs: 5_000 },
  "PATCH /channels/:channel/messages/:message": { limit: 5, windowMs: 5_000 },
  "DELETE /channels/:channel/messages/:message": { limit: 5, windowMs: 1_000 },
  "GET /channels/:channel/messages": { limit: 5, windowMs: 5_000 },
  "PUT /channels/:channel/messages/:message/reactions/:emoji/@me": { limit: 1, windowMs: 250 },
  "DELETE /channels/:channel/messages/:message/reactions/:emoji/@me": { limit: 1, windowMs: 250 },
  "POST /channels/:channel/typing": { limit: 5, windowMs: 5_000 },
  "POST /webhooks/:webhook/:token": { limit: 5, windowMs: 2_000 },
  "PATCH /webhooks/:webhook/:token/messages/:message": { limit: 5, windowMs: 2_000 },
  "POST /channels/:channel/webhooks": { limit: 5, windowMs: 10_000 },
  "PATCH /channels/:channel": { limit: 5, windowMs: 15_000 },
  "GET /guilds/:guild/members/:user": { limit: 5, windowMs: 1_000 },
  "POST /channels/:channel/threads": { limit: 50, windowMs: 300_000 },
};
const OTHERWISE: Allowance = { limit: 10, windowMs: 1_000 };
/** Edits share the bucket of what they edit. */
const SHARED: Readonly<Record<string, string>> = {
  "PATCH /channels/:channel/messages/:message": "POST /channels/:channel/messages",
  "PATCH /webhooks/:webhook/:token/messages/:message": "POST /webhooks/:webhook/:token",
};

/** Buckets per route and major parameter, and one for everything of a bot. */
export class RateLimits {
  readonly #fraction: number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #all = new Map<string, Bucket>();

  constructor(fraction: number) {
    this.#fraction = fraction;
  }

  take(route: string, major: string, who: string, isExempt: boolean): Standing {
    const shared = SHARED[route] ?? route;
    const { limit, windowMs } = BY_ROUTE[shared] ?? OTHERWISE;
    const most = Math.max(1, Math.floor(limit * this.#fraction));
    const nowMs = performance.now();
    const bucket = freshOf(this.#buckets, `${shared}|${major}|${who}`, nowMs, windowMs);
    const standing = {
      bucket: Buffer.from(shared).toString("hex").slice(0, 32),
      limit: most,
      resetAfterMs: Math.max(1, bucket.resetsAtMs - nowMs),
    };
    if (!isExempt) {
      const all = freshOf(this.#all, who, nowMs, 1_000);
      if (all.used >= Math.max(1, Math.floor(GLOBAL_PER_SECOND * this.#fraction)))
        return { ...standing, remaining: most - bucket.used, resetAfterMs: all.resetsAtMs - nowMs, exceeded: "global" };
      all.used += 1;
    }
    if (bucket.used >= most) return { ...standing, remaining: 0, exceeded: "user" };
    bucket.used += 1;
    return { ...standing, remaining: most - bucket.used };
  }
}

/** Name of the bucket that a call is counted in: what a 429 of it silences. */
export function bucketOf(route: string, major: string): string {
  return `${SHARED[route] ?? route}|${major}`;
}

function freshOf(buckets: Map<string, Bucket>, key: string, nowMs: number, windowMs: number): Bucket {
  const known = buckets.get(key);
  if (known !== undefined && known.resetsAtMs > nowMs) return known;
  const fresh = { used: 0, resetsAtMs: nowMs + windowMs };
  buckets.set(key, fresh);
  return fresh;
}
