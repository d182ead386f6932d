import { setTimeout as delay } from "node:timers/promises";
import type { ParleyProcess, RunFolder } from "../support/parley/index.ts";
import { type Asked, checkHistory, type Finding, type LogEntry } from "../support/slack/index.ts";
import { auditLedger, type LedgerAudit } from "./ledger-audit.ts";
import { brokenOrder, firstAnswers } from "./order-check.ts";
import type { Outcome, StoreKind } from "./scenario.ts";
import type { RunServers } from "./servers.ts";

export interface JudgeOptions {
  /** Every answer must stand in the platform's order, however late its question came in. Default false: what had been acknowledged in time. */
  readonly strictOrder?: boolean;
  /** How many deliveries may be left for a person to decide. Default 0. */
  readonly maxParked?: number;
  /** How many dead letters there must be. Default 0. */
  readonly deadLetters?: number;
  /** Tokens with another fate than an answer, such as those of an agent that fails. */
  readonly without?: (token: string) => boolean;
  readonly figures?: Readonly<Record<string, number | string>>;
  readonly findings?: readonly string[];
  /** Looks at the ledger itself; gives what is wrong with it. */
  readonly inspect?: (ledger: LedgerAudit, asked: readonly Asked[]) => readonly string[];
}

/** What people asked and what the platform shows; where its message ids do not sort, `platformIds` has those of the `ts` that do. */
export interface JudgedHistory {
  readonly asked: Asked[];
  readonly log: LogEntry[];
  readonly platformIds?: ReadonlyMap<string, string>;
}

/** What of a scene the verdict looks at, whichever platform it plays on. */
export interface JudgedScene {
  readonly folder: RunFolder;
  /** The platform keeps what was said and nobody tells it what was taken: a message counts as accepted once it is in the ledger. */
  readonly acceptedWhenStored?: boolean;
  /** Where read-backs of the platform take longer than the ten seconds that are the default. */
  readonly ledgerWithinMs?: number;
  /** All of it for the empty label. */
  history(label: string): Promise<JudgedHistory>;
}

export interface JudgedRun {
  readonly scene: JudgedScene;
  readonly store: StoreKind;
  readonly servers: RunServers;
  readonly processes: readonly ParleyProcess[];
}

/** How long the ledger may take to close what it has open, once the last answer is there, in ms. */
const LEDGER_WITHIN_MS = 10_000;
/** The same for an embedded ledger, which its one process closes between everything else. */
const EMBEDDED_WITHIN_MS = 40_000;
const SHOWN = 3;
const GATE = ["lost", "twice", "in the wrong place", "out of order", "acknowledged and not stored"] as const;

/** Judges a run by the log of the platform and by the ledger: lost, twice, out of order, in the wrong place, left open. */
export async function judge(run: JudgedRun, options: JudgeOptions): Promise<Outcome> {
  const audit = await closedLedger(run);
  const { asked: all, log, platformIds } = await run.scene.history("");
  const ledger = platformIds === undefined ? audit : inPlatformOrder(audit, platformIds);
  const asked = all.filter((one) => options.without?.(one.token) !== true);
  const history = checkHistory({ asked: all, log });
  const owed = new Set(asked.map((one) => one.token));
  const order =
    options.strictOrder === true
      ? history.outOfOrder.map(describe)
      : brokenOrder(accepted(asked, ledger, run.scene), log, ledger);
  const lost = history.lost.filter((one) => owed.has(one.token));
  const findings = [
    ...listed(
      "lost",
      lost.map((one) => `${describe(one)}${fateOf(one.token, all, ledger)}`),
    ),
    ...listed("twice", history.twice.map(describe)),
    ...listed("in the wrong place", history.foreign.map(describe)),
    ...listed("out of order", order),
    ...listed("acknowledged and not stored", unstored(asked, ledger)),
    ...openRows(ledger, options),
    ...(options.inspect?.(ledger, all) ?? []),
    ...(options.findings ?? []),
  ];
  if (asked.length === 0) findings.push("nothing was asked: the run proves nothing");
  return {
    findings,
    figures: {
      asked: asked.length,
      answered: asked.filter((one) => firstAnswers(log).has(one.token)).length,
      notAccepted: history.notAccepted.length,
      inversions: history.outOfOrder.length,
      ...options.figures,
    },
  };
}

function accepted(asked: readonly Asked[], ledger: LedgerAudit, { acceptedWhenStored }: JudgedScene): readonly Asked[] {
  if (acceptedWhenStored !== true) return asked;
  return asked.map(({ acknowledgedAt: _said, ...one }) => {
    const storedAt = ledger.messages.get(`${one.channel}|${one.ts}`)?.storedAt;
    return storedAt === undefined ? one : { ...one, acknowledgedAt: storedAt };
  });
}

function inPlatformOrder(ledger: LedgerAudit, platformIds: ReadonlyMap<string, string>): LedgerAudit {
  const ts = new Map([...platformIds].map(([sorted, id]) => [id, sorted]));
  const messages = [...ledger.messages].map(([key, message]) => {
    const [channel = "", id = ""] = key.split("|");
    return [`${channel}|${ts.get(id) ?? id}`, message] as const;
  });
  return { ...ledger, messages: new Map(messages) };
}

/** The ledger once nothing is open any more, or as it is when its time is over. */
async function closedLedger(run: JudgedRun): Promise<LedgerAudit> {
  const where = { databaseUrl: run.servers.databaseUrl, dataFolder: run.scene.folder.dataFolder };
  if (run.store === "pglite") {
    // The last receipt follows the last answer, by seconds where it had to be read back; the folder can be read once its process has let it go.
    await delay(1_000);
    await Promise.all(run.processes.filter((one) => one.endedAt() === undefined).map((one) => untilIdle(one)));
    await Promise.all(run.processes.map((one) => one.stop()));
    return await auditLedger(where);
  }
  const deadline = performance.now() + (run.scene.ledgerWithinMs ?? LEDGER_WITHIN_MS);
  for (;;) {
    const audit = await auditLedger(where);
    const open = audit.openDeliveries + audit.openTurns + audit.openEvents;
    if (open === 0 || performance.now() > deadline) return audit;
    await delay(500);
  }
}

/** Resolves when the process says that it has nothing to do, or after `withinMs`, by default forty seconds. */
export async function untilIdle({ url }: ParleyProcess, withinMs = EMBEDDED_WITHIN_MS): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const metrics = await fetch(`${url}/metrics`).then(
      (answer) => answer.text(),
      () => "",
    );
    const work = [...metrics.matchAll(/^parley_work\{kind="(\w+)"\} (\d+)$/gm)];
    const open = work.filter(([, kind, count]) => kind !== "open_dead_letters" && count !== "0");
    if (work.length > 0 && open.length === 0) return;
    await delay(250);
  }
}

function unstored(asked: readonly Asked[], ledger: LedgerAudit): string[] {
  return asked
    .filter((one) => one.acknowledgedAt !== undefined && !ledger.messages.has(`${one.channel}|${one.ts}`))
    .map((one) => one.token);
}

function openRows(ledger: LedgerAudit, options: JudgeOptions): string[] {
  const found: string[] = [];
  if (ledger.openEvents > 0) found.push(`${ledger.openEvents} events have reached no end`);
  if (ledger.openTurns > 0) found.push(`${ledger.openTurns} turns have reached no end`);
  if (ledger.openDeliveries > 0)
    found.push(`${ledger.openDeliveries} deliveries have reached no end (${ledger.openReasons.join("; ")})`);
  if (ledger.parked > (options.maxParked ?? 0))
    found.push(`${ledger.parked} deliveries are parked (${ledger.openReasons.join("; ")})`);
  if (ledger.deadLetters !== (options.deadLetters ?? 0))
    found.push(
      `${ledger.deadLetters} dead letters, expected ${options.deadLetters ?? 0} (${ledger.deadLetterReasons.join("; ")})`,
    );
  return found;
}

function fateOf(token: string, asked: readonly Asked[], ledger: LedgerAudit): string {
  const question = asked.find((one) => one.token === token);
  const row = ledger.messages.get(`${question?.channel}|${question?.ts}`);
  if (row === undefined) return ", not in the ledger";
  return `, ${row.state}${row.reason === undefined ? "" : ` (${row.reason})`} in the ledger`;
}

function describe(finding: Finding): string {
  return `${finding.token}: ${finding.why}`;
}

/** Whether a message was lost, doubled or misplaced, which no slow machine explains. */
export function breaksGate(findings: readonly string[]): boolean {
  return findings.some((finding) => GATE.some((what) => finding.includes(` ${what}: `)));
}

function listed(what: (typeof GATE)[number], found: readonly string[]): string[] {
  if (found.length === 0) return [];
  const more = found.length > SHOWN ? `; and ${found.length - SHOWN} more` : "";
  return [`${found.length} ${what}: ${found.slice(0, SHOWN).join("; ")}${more}`];
}

/** How long after the kill the last of the questions that stood open at it was answered, in ms; 0 when none stood open. */
export function recoveryMs(asked: readonly Asked[], log: readonly LogEntry[], killedAt: number): number {
  const answers = firstAnswers(log);
  const at = new Map(log.map((entry) => [entry.seq, entry.at]));
  let longest = 0;
  for (const one of asked) {
    // What was never taken before the kill waits for the platform's next attempt, which is not ours to hasten.
    if (one.acknowledgedAt === undefined || one.acknowledgedAt > killedAt) continue;
    const answeredAt = at.get(answers.get(one.token) ?? -1);
    if (answeredAt !== undefined && answeredAt > killedAt) longest = Math.max(longest, answeredAt - killedAt);
  }
  return Math.round(longest);
}
