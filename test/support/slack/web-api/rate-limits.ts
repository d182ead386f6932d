import type { LaneScope } from "../oracle/request-log.ts";

const TIER = { 1: 1, 2: 20, 3: 50, 4: 100 } as const;

/** Calls a minute per workspace and app, by docs.slack.dev/apis/web-api/rate-limits and the method pages. */
const PER_MINUTE: Record<string, number> = {
  "chat.update": TIER[3],
  "chat.delete": TIER[3],
  "chat.postEphemeral": TIER[4],
  "chat.startStream": TIER[2],
  "chat.appendStream": TIER[4],
  "chat.stopStream": TIER[2],
  "assistant.threads.setStatus": 600,
  "agents.sessions.setStatus": TIER[3],
  "apps.connections.open": TIER[1] * 20,
  "auth.test": 600,
  "conversations.members": TIER[4],
  "conversations.info": TIER[3],
  "conversations.list": TIER[2],
  "conversations.history": TIER[3],
  "conversations.replies": TIER[3],
  "conversations.join": TIER[3],
  "conversations.leave": TIER[3],
  "conversations.open": TIER[3],
  "users.conversations": TIER[3],
  "users.info": TIER[4],
  "users.list": TIER[2],
  "bots.info": TIER[3],
  "team.info": TIER[3],
  "reactions.add": TIER[3],
  "reactions.remove": TIER[2],
  "files.getUploadURLExternal": TIER[4],
  "files.completeUploadExternal": TIER[4],
  "files.info": TIER[4],
  "views.open": TIER[4],
  "views.push": TIER[4],
  "views.update": TIER[4],
};
/** chat.postMessage has a limit of its own: one a second per channel, and several hundred a minute per workspace. */
const POSTS_PER_SECOND_AND_CHANNEL = 1;
const POSTS_PER_MINUTE_AND_TEAM = 300;

interface Bucket {
  tokens: number;
  at: number;
}

/** A call that has to wait. */
export interface Limited {
  readonly retryAfterSeconds: number;
  readonly scope: LaneScope;
}

/** Token buckets per (method, app, workspace) and for posts per channel. */
export class RateLimits {
  readonly #buckets = new Map<string, Bucket>();
  readonly #fraction: number;
  readonly #burst: number;

  constructor(options: { fraction: number; burst: number }) {
    this.#fraction = options.fraction;
    this.#burst = options.burst;
  }

  /** Takes one call, or says how long to wait; a refused call costs nothing. */
  take(method: string, installation: string, channel: string | undefined): Limited | undefined {
    if (method === "chat.postMessage") {
      const perChannel = this.#wait(
        `${installation}|${channel ?? ""}`,
        POSTS_PER_SECOND_AND_CHANNEL * this.#fraction,
        this.#burst,
      );
      if (perChannel > 0) return { retryAfterSeconds: perChannel, scope: "channel" };
      const perTeam = (POSTS_PER_MINUTE_AND_TEAM * this.#fraction) / 60;
      const forTeam = this.#wait(`${installation}|posts`, perTeam, POSTS_PER_MINUTE_AND_TEAM * this.#fraction);
      return forTeam > 0 ? { retryAfterSeconds: forTeam, scope: "method" } : undefined;
    }
    const perMinute = PER_MINUTE[method];
    if (perMinute === undefined) return undefined;
    const allowance = Math.max(1, perMinute * this.#fraction);
    const wait = this.#wait(`${installation}|${method}`, allowance / 60, allowance);
    return wait > 0 ? { retryAfterSeconds: wait, scope: "method" } : undefined;
  }

  /** 0 when a token was taken, else whole seconds until there is one. */
  #wait(lane: string, perSecond: number, capacity: number): number {
    const now = performance.now();
    const bucket = this.#buckets.get(lane) ?? { tokens: capacity, at: now };
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.set(lane, bucket);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
  }
}
