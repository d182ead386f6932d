import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { AdapterLease } from "../../src/contracts/adapter-state.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { Attendance, type Kept } from "./attendance.ts";
import type { SlackConfig } from "./config.ts";
import { handInMissed } from "./hand-in-missed.ts";
import { asId, type Raw } from "./raw.ts";
import { isAfter, readMissed, readOwnChannels } from "./read-missed.ts";
import { asTs, msToTs, tsToMs } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";
import type { Workspaces } from "./workspaces.ts";

/** How often it is written that events can be taken, and how far each channel came. */
const LOOK_MS = 15_000;
/** What was said so long before a channel's newest message is read again: Slack retries for six minutes, and its clock is another. */
const OVERLAP_MS = 10 * 60_000;
/** Slack may drop events for so long after it said that it does. */
const LIMITED_MS = 90_000;
/** Least time between two gaps that retries from long ago cause. */
const LATE_PAUSE_MS = 10 * 60_000;
/** Least time between two readings of one gap that is not over. */
const PASS_PAUSE_MS = 1_000;

/** What is known of an installation's attendance, and whether it is being looked after. */
interface Place {
  readonly attendance: Attendance;
  looking: Promise<void>;
  reading: Promise<void> | undefined;
  lateAtMs: number;
}

/**
 * Reads from Slack's history what was said while no event could be taken: no process ran for longer than Slack retries, all
 * sockets were down, the ledger was away, or Slack dropped events because there were too many.
 *
 * What it reads has the dedupe keys of the events that were missed, so that nothing is taken twice. It reads only where the bot
 * is a member, at Slack's pace, in one process per installation, while live events go on.
 */
export class CatchUp {
  readonly #config: SlackConfig;
  readonly #sink: AdapterSink;
  readonly #workspaces: Workspaces;
  readonly #receiving: () => boolean;
  readonly #places = new Map<string, Place>();
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly config: SlackConfig;
    readonly sink: AdapterSink;
    readonly workspaces: Workspaces;
    /** Whether events can arrive now. */
    readonly receiving: () => boolean;
  }) {
    this.#config = options.config;
    this.#sink = options.sink;
    this.#workspaces = options.workspaces;
    this.#receiving = options.receiving;
  }

  /** Begins to look after all installations, in the background. */
  start(): void {
    this.#timer = setInterval(() => this.#lookAtAll(), LOOK_MS).unref();
    this.#lookAtAll();
  }

  /** Ends what is being read, and writes down how far everything came. Never rejects. */
  async stop(): Promise<void> {
    const wasReceiving = this.#receiving();
    clearInterval(this.#timer);
    this.#ending.abort();
    await Promise.all(
      [...this.#places.values()].map(async (place) => {
        await place.looking;
        await place.reading;
        if (wasReceiving && place.attendance.seenAtMs !== undefined)
          await place.attendance.write(Date.now(), { stopped: true }).catch(() => undefined);
      }),
    );
  }

  /** A live message is in the ledger. */
  taken(workspace: Workspace, channelId: string, ts: string): void {
    this.#placeOf(workspace.installationId).attendance.taken(channelId, ts);
  }

  /** Slack said that it drops events of the workspace. */
  limited(workspace: Workspace): void {
    this.#missed(workspace.installationId, Date.now() + LIMITED_MS);
  }

  /** An event came in by a late retry: Slack could not reach Parley for a time, and may have given others up. */
  late(workspace: Workspace): void {
    const place = this.#placeOf(workspace.installationId);
    if (Date.now() - place.lateAtMs < LATE_PAUSE_MS) return;
    place.lateAtMs = Date.now();
    this.#missed(workspace.installationId, Date.now());
  }

  /** Events can arrive again after none could. */
  back(): void {
    for (const { attendance } of this.#places.values())
      if (attendance.seenAtMs !== undefined) attendance.open(Date.now());
    this.#lookAtAll();
  }

  #missed(installationId: string, untilMs: number): void {
    const place = this.#placeOf(installationId);
    // Before the first look it is not known yet whether this is the first run; the look finds its own gap.
    if (place.attendance.seenAtMs !== undefined) place.attendance.open(untilMs);
    this.#look(installationId, place);
  }

  #placeOf(installationId: string): Place {
    let place = this.#places.get(installationId);
    if (place === undefined) {
      const attendance = new Attendance(this.#sink.state, installationId);
      place = { attendance, looking: Promise.resolve(), reading: undefined, lateAtMs: 0 };
      this.#places.set(installationId, place);
    }
    return place;
  }

  #lookAtAll(): void {
    if (!this.#receiving()) return;
    for (const workspace of this.#workspaces.list())
      if (workspace.isUsable) this.#look(workspace.installationId, this.#placeOf(workspace.installationId));
  }

  /** One at a time per installation. */
  #look(installationId: string, place: Place): void {
    place.looking = place.looking.then(async () => {
      if (this.#ending.signal.aborted || !this.#receiving()) return;
      try {
        if (await this.#attend(place.attendance)) this.#begin(installationId, place);
      } catch (error) {
        this.#log(installationId, "how far slack's channels were taken in could not be written", error);
      }
    });
  }

  /** Writes that events can be taken, after it was looked whether some were missed. Gives whether there is a gap to be read. */
  async #attend(attendance: Attendance): Promise<boolean> {
    const nowMs = Date.now();
    if (attendance.seenAtMs !== undefined) {
      if (nowMs - attendance.seenAtMs > 2 * LOOK_MS + this.#config.catchUpAfterMs) attendance.open(nowMs);
      return await attendance.write(nowMs);
    }
    const kept = await attendance.read();
    const first = kept.seenAtMs === undefined;
    if (!first && this.#wasAway(kept, nowMs)) attendance.open(nowMs);
    return await attendance.write(nowMs, { first });
  }

  /** Over HTTP Slack's retries reach over a short absence; a socket's events are lost with it. */
  #wasAway({ seenAtMs, stopped }: Kept, nowMs: number): boolean {
    if (this.#config.mode === "socket" || stopped || seenAtMs === undefined) return true;
    return nowMs - seenAtMs > this.#config.catchUpAfterMs;
  }

  #begin(installationId: string, place: Place): void {
    place.reading ??= this.#read(installationId, place.attendance)
      .catch((error: unknown) => {
        if (!this.#ending.signal.aborted) this.#log(installationId, "missed messages could not all be read yet", error);
      })
      .finally(() => {
        place.reading = undefined;
      });
  }

  /** Reads until no gap is open, unless another process does. */
  async #read(installationId: string, attendance: Attendance): Promise<void> {
    const lease = await this.#sink.state.lease(installationId, "catch-up");
    if (lease === undefined) return;
    const signal = AbortSignal.any([this.#ending.signal, lease.lost]);
    try {
      for (;;) {
        const startedAtMs = Date.now();
        const kept = await attendance.read();
        if (kept.gaps.size === 0) return;
        const workspace = await this.#workspaces.need(installationId);
        await this.#pass({ workspace, attendance, kept, lease, signal });
        const over = [...kept.gaps].filter(([, untilMs]) => untilMs <= startedAtMs).map(([id]) => id);
        await attendance.close(over, lease);
        const left = [...(await attendance.read()).gaps.values()];
        if (left.length === 0) return;
        await abortableSleep(Math.max(PASS_PAUSE_MS, Math.min(...left) - Date.now()), signal);
      }
    } finally {
      await lease.release();
    }
  }

  /** Reads every channel once. */
  async #pass(pass: {
    readonly workspace: Workspace;
    readonly attendance: Attendance;
    readonly kept: Kept;
    readonly lease: AdapterLease;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { workspace, attendance, kept, lease, signal } = pass;
    const channels = await readOwnChannels(workspace, signal);
    let taken = 0;
    for (const channel of byNewest(channels, kept.cursors)) {
      const channelId = asId(channel["id"]);
      if (channelId === undefined) continue;
      const after = this.#startOf(kept, channelId);
      const maxMessages = this.#config.backfillMaxMessages;
      const missed = await readMissed(workspace, { channelId, after, maxMessages, signal }).catch((error: unknown) => {
        const fault = toParleyError(error);
        if (signal.aborted || fault.code === "PLATFORM_UNAUTHORIZED") throw error;
        this.#log(workspace.installationId, "a slack channel could not be read after an absence", error);
        return undefined;
      });
      if (missed === undefined) continue;
      if (missed.cut)
        this.#sink.logger.warn(
          { installationId: workspace.installationId, channelId, maxMessages },
          "more messages were missed than are read; the oldest of them are left out",
        );
      const { messages } = missed;
      taken += await handInMissed({ sink: this.#sink, workspace, channel, messages, after, signal });
      const last = asTs(messages.at(-1)?.["ts"]);
      if (last !== undefined && isAfter(last, after)) await attendance.advance(channelId, last, lease);
    }
    this.#sink.logger.info(
      { installationId: workspace.installationId, channels: channels.length, taken },
      "slack channels were read after an absence",
    );
  }

  #startOf({ cursors, baselineMs }: Kept, channelId: string): string {
    const cursor = cursors.get(channelId);
    const cursorMs = cursor === undefined ? baselineMs : tsToMs(cursor);
    // From the time before the first run nothing is read but what was told all the same.
    const fromMs = Math.min(cursorMs, Math.max(cursorMs - OVERLAP_MS, baselineMs));
    return msToTs(Math.max(fromMs, Date.now() - this.#config.backfillMaxAgeMs));
  }

  #log(installationId: string, message: string, error: unknown): void {
    const fault = toParleyError(error);
    this.#sink.logger.warn({ installationId, code: fault.code, detail: fault.detail }, message);
  }
}

/** Where something was said last comes first: there somebody may be waiting for an answer. */
function byNewest(channels: readonly Raw[], cursors: ReadonlyMap<string, string>): readonly Raw[] {
  const newest = (channel: Raw): string => cursors.get(asId(channel["id"]) ?? "") ?? "0.0";
  return channels.toSorted((a, b) => (isAfter(newest(b), newest(a)) ? 1 : -1));
}
