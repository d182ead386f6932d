import type { CallFault, CallFaultKind } from "../../support/slack/index.ts";
import { type Outcome, type Scenario, STORES } from "../scenario.ts";
import type { Scene, Stage } from "../stage.ts";

const METHOD = "chat.postMessage";
const SETTLE_MS = 60_000;

/** What may become of a write: it did not happen, it happened and nobody was told, or nobody can say. */
const FAULTS: readonly CallFault[] = [
  { kind: "status_before", probability: 0.3 },
  { kind: "status_after", probability: 0.3 },
  { kind: "reset_before", probability: 0.3 },
  { kind: "lost_response", probability: 0.3 },
  { kind: "cut_response", probability: 0.3 },
  { kind: "html", probability: 0.3 },
  { kind: "html", probability: 0.3, effect: false },
  { kind: "late_effect", probability: 0.3, delayMs: 1_000 },
  { kind: "hang_before", probability: 0.3, times: 3 },
  { kind: "hang_after", probability: 0.3, times: 3 },
];

const nameOf = (fault: CallFault): string =>
  `platform-${fault.kind.replaceAll("_", "-")}${fault.effect === false ? "-no-effect" : ""}`;

async function openOne(stage: Stage): Promise<Scene> {
  const scene = await stage.open();
  await scene.start();
  return scene;
}

async function oneKind(stage: Stage, fault: CallFault): Promise<Outcome> {
  const scene = await openOne(stage);
  const id = await scene.slack.faults.add({ method: METHOD, ...fault });
  const asker = scene.ask("call", 8, { count: 40 });
  await scene.settleAfter(asker, "call", SETTLE_MS);
  const struck = await scene.slack.faults.struck(id);
  return await scene.judge({ figures: { struck }, findings: neverStruck([[fault.kind, struck]]) });
}

/** All kinds in one run: each strikes a few times. */
async function mixture(stage: Stage): Promise<Outcome> {
  const scene = await openOne(stage);
  const ids = new Map<CallFaultKind, number>();
  for (const fault of FAULTS)
    if (!ids.has(fault.kind))
      ids.set(
        fault.kind,
        await scene.slack.faults.add({
          method: METHOD,
          ...fault,
          probability: 0.25,
          times: fault.kind.startsWith("hang") ? 1 : 3,
        }),
      );
  const asker = scene.ask("mix", 10, { count: stage.reduced ? 80 : 200 });
  await scene.settleAfter(asker, "mix", SETTLE_MS);
  const struck: [string, number][] = [];
  for (const [kind, id] of ids) struck.push([kind, await scene.slack.faults.struck(id)]);
  return await scene.judge({ figures: Object.fromEntries(struck), findings: neverStruck(struck) });
}

/** Writes that land long after their connection was lost, with the setting as people have it: what is not there yet is not written again. */
async function lateEffects(stage: Stage): Promise<Outcome> {
  const scene = await stage.open({ lateEffectMs: 15_000 });
  await scene.start();
  const struck: [string, number][] = [];
  const ids = await Promise.all(
    [4_000, 8_000, 12_000].map(async (delayMs) => {
      const fault = { kind: "late_effect", method: METHOD, probability: 0.3, delayMs, times: 2 } as const;
      return [`after${delayMs / 1_000}s`, await scene.slack.faults.add(fault)] as const;
    }),
  );
  const asker = scene.ask("late", 6, { count: 40 });
  await scene.settleAfter(asker, "late", 120_000);
  for (const [name, id] of ids) struck.push([name, await scene.slack.faults.struck(id)]);
  return await scene.judge({ figures: Object.fromEntries(struck), findings: neverStruck(struck) });
}

/** One channel is told to wait; nobody calls it sooner, and the others go on meanwhile. */
async function rateLimited(stage: Stage): Promise<Outcome> {
  const scene = await openOne(stage);
  const [limited = ""] = scene.workspace.channels;
  const id = await scene.slack.faults.add({
    kind: "rate_limited",
    method: METHOD,
    channel: limited,
    retryAfterSeconds: 3,
    times: 3,
  });
  const asker = scene.ask("limit", 10, { count: 100 });
  await scene.settleAfter(asker, "limit", SETTLE_MS);
  const findings: string[] = [];
  const early = await scene.slack.requests.callsBeforeRetryAfter();
  if (early.length > 0) findings.push(`${early.length} calls came before the pause was over`);
  const calls = await scene.slack.requests.of(METHOD);
  const pauses = calls.filter((call) => call.retryAfterSeconds !== undefined);
  const meanwhile = calls.filter(
    (call) =>
      call.channel !== limited &&
      call.status === 200 &&
      pauses.some(
        ({ endedAt = 0, retryAfterSeconds = 0 }) =>
          call.startedAt > endedAt && call.startedAt < endedAt + retryAfterSeconds * 1_000,
      ),
  );
  if (pauses.length > 0 && meanwhile.length === 0) findings.push("no other channel was written to during the pauses");
  const struck = await scene.slack.faults.struck(id);
  findings.push(...neverStruck([["rate_limited", struck]]));
  return await scene.judge({ figures: { struck, othersMeanwhile: meanwhile.length }, findings });
}

function neverStruck(struck: readonly (readonly [string, number])[]): string[] {
  return struck.filter(([, times]) => times === 0).map(([kind]) => `the fault ${kind} never struck`);
}

export const platformFaults: readonly Scenario[] = [
  { name: "platform-mixture", stores: STORES, reduced: ["pglite", "postgres"], run: mixture },
  { name: "platform-late-effects", stores: STORES, reduced: ["postgres"], run: lateEffects },
  { name: "platform-rate-limited", stores: STORES, reduced: ["postgres-redis"], run: rateLimited },
  ...FAULTS.map(
    (fault): Scenario => ({
      name: nameOf(fault),
      stores: STORES,
      reduced: [],
      run: (stage) => oneKind(stage, fault),
    }),
  ),
];
