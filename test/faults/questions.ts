import { setTimeout as delay } from "node:timers/promises";
import type { RemoteSlack, SmallWorkspace } from "../support/slack/index.ts";

/** A place where questions are asked: a thread of a channel, or a direct message. */
export interface Place {
  readonly channel: string;
  readonly threadTs?: string;
  readonly user: string;
}

/** People who ask, one question at a time in each place, at a steady rate over all places. */
export interface Asker {
  /** How many questions there are so far. */
  readonly asked: number;
  /** Resolves when it has asked its count. */
  readonly done: Promise<void>;
  /** Stops asking; resolves when the last question stands. */
  stop(): Promise<void>;
}

/** Makes `threads` threads spread over the channels, and a direct message for each person. */
export async function createPlaces(slack: RemoteSlack, workspace: SmallWorkspace, threads: number): Promise<Place[]> {
  const places: Place[] = [];
  for (let n = 0; n < threads; n += 1) {
    const channel = workspace.channels[n % workspace.channels.length] ?? "";
    const user = workspace.users[n % workspace.users.length] ?? "";
    const root = await slack.people.postAs(user, channel, `Topic ${n + 1}`);
    places.push({ channel, threadTs: root.ts, user });
  }
  for (const user of workspace.users) {
    const direct = await slack.setup.openDirect(workspace.team.id, [user, workspace.bot.botUserId]);
    places.push({ channel: direct.id, user });
  }
  return places;
}

/** Asks until it is stopped, or `count` questions; tokens are `<label>-1`, `<label>-2` and so on. */
export function startAsking(options: {
  slack: RemoteSlack;
  workspace: SmallWorkspace;
  places: readonly Place[];
  label: string;
  perSecond: number;
  count?: number;
  /** Written into each question, such as `wait=100`. */
  extra?: string;
}): Asker {
  const { slack, workspace, places } = options;
  const startedAt = performance.now();
  let asked = 0;
  let stopped = false;

  async function run(): Promise<void> {
    while (!stopped && asked < (options.count ?? Number.POSITIVE_INFINITY)) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * options.perSecond) + 1;
      if (asked >= due) {
        await delay(5);
        continue;
      }
      const place = places[asked % places.length];
      if (place === undefined) throw new Error("there is no place to ask in");
      asked += 1;
      const text = `<@${workspace.bot.botUserId}> ${options.extra ?? "question"} [#${options.label}-${asked}]`;
      await slack.people.postAs(
        place.user,
        place.channel,
        text,
        place.threadTs === undefined ? {} : { threadTs: place.threadTs },
      );
    }
  }

  const running = run();
  running.catch(() => undefined);
  return {
    get asked() {
      return asked;
    },
    done: running,
    async stop() {
      stopped = true;
      await running;
    },
  };
}
