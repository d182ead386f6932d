import type { App, Installation } from "../model/records.ts";

/** Who does something, and by which call; spread into log entries. */
export interface Provenance {
  readonly by: "app" | "user";
  /** The acting user, for apps the bot user. */
  readonly actor: string;
  readonly appId?: string;
  readonly method?: string;
  readonly requestId?: number;
}

export function byUser(userId: string): Provenance {
  return { by: "user", actor: userId };
}

export function byApp(call: { app: App; installation: Installation; method: string; requestId: number }): Provenance {
  const { app, installation, method, requestId } = call;
  return { by: "app", actor: installation.botUserId, appId: app.id, method, requestId };
}
