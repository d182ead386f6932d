import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Metrics } from "../contracts/metrics.ts";
import type { SystemStatus } from "../contracts/operations.ts";

/** The pipeline's counters and what a scrape adds to them. */
export interface PrometheusMetrics extends Metrics {
  readonly contentType: string;
  /** A request that was turned away, by the pattern of its route and the code of the answer. */
  requestRefused(route: string, code: string): void;
  /** The exposition text, with gauges of the state that is handed in; without one the state gauges keep what they were. */
  expose(status: SystemStatus | undefined): Promise<string>;
}

const MS_PER_S = 1_000;
const FAST_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10];
const SLOW_S = [0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];
const STATES = ["connected", "connecting", "paused", "failed"] as const;

/** Guarantees a registry of its own, so that two Parleys in one process do not mix, and labels that never hold text. */
export function createPrometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const events = new Counter({
    name: "parley_events_total",
    help: "Platform events by outcome.",
    labelNames: ["platform", "outcome"],
    registers,
  });
  const acknowledged = new Histogram({
    name: "parley_acknowledge_seconds",
    help: "From a platform's request to the committed event.",
    labelNames: ["platform"],
    buckets: FAST_S,
    registers,
  });
  const turns = new Counter({
    name: "parley_turns_total",
    help: "Turns by outcome.",
    labelNames: ["connector", "outcome"],
    registers,
  });
  const turnTime = new Histogram({
    name: "parley_turn_seconds",
    help: "Time an agent took for a turn.",
    labelNames: ["connector"],
    buckets: SLOW_S,
    registers,
  });
  const deliveries = new Counter({
    name: "parley_deliveries_total",
    help: "Platform writes by outcome.",
    labelNames: ["platform", "outcome"],
    registers,
  });
  const deliveryTime = new Histogram({
    name: "parley_delivery_seconds",
    help: "Time a platform write took.",
    labelNames: ["platform"],
    buckets: FAST_S,
    registers,
  });
  const loops = new Counter({
    name: "parley_loop_suppressions_total",
    help: "Turns refused by the loop guard, by rule.",
    labelNames: ["rule"],
    registers,
  });
  const refusals = new Counter({
    name: "parley_requests_refused_total",
    help: "HTTP requests that were turned away, by route and code.",
    labelNames: ["route", "code"],
    registers,
  });
  const setState = stateGauges(registers);
  return {
    contentType: registry.contentType,
    eventIngested: (platform, outcome) => events.inc({ platform: label(platform), outcome: label(outcome) }),
    acknowledged: (platform, durationMs) => acknowledged.observe({ platform: label(platform) }, durationMs / MS_PER_S),
    turnFinished(connectorKind, outcome, durationMs) {
      const connector = label(connectorKind);
      turns.inc({ connector, outcome: label(outcome) });
      turnTime.observe({ connector }, durationMs / MS_PER_S);
    },
    deliveryFinished(platform, outcome, durationMs) {
      deliveries.inc({ platform: label(platform), outcome: label(outcome) });
      deliveryTime.observe({ platform: label(platform) }, durationMs / MS_PER_S);
    },
    loopSuppressed: (rule) => loops.inc({ rule: label(rule) }),
    requestRefused: (route, code) => refusals.inc({ route: routeLabel(route), code: label(code) }),
    expose(status) {
      if (status !== undefined) setState(status);
      return registry.metrics();
    },
  };
}

function stateGauges(registers: Registry[]): (status: SystemStatus) => void {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const ledgerUp = gauge("parley_ledger_up", "1 when the ledger answers.");
  const queueUp = gauge("parley_queue_up", "1 when the queue answers.");
  const queueDepth = gauge("parley_queue_waiting", "Doorbells that wait.");
  const oldest = gauge("parley_oldest_open_seconds", "Age of the oldest event without a terminal state.");
  const work = new Gauge({
    name: "parley_work",
    help: "Work that is under way or waits, by kind.",
    labelNames: ["kind"],
    registers,
  });
  const installations = new Gauge({
    name: "parley_installations",
    help: "Installations by state.",
    labelNames: ["platform", "state"],
    registers,
  });
  const lastEvent = new Gauge({
    name: "parley_last_event_timestamp_seconds",
    help: "When a platform's last event came.",
    labelNames: ["platform"],
    registers,
  });
  return ({ ledger, queue, platforms, work: { oldestOpenMs, ...counts } }) => {
    ledgerUp.set(ledger.ok ? 1 : 0);
    queueUp.set(queue.ok ? 1 : 0);
    queueDepth.set(queue.waiting);
    oldest.set(oldestOpenMs / MS_PER_S);
    for (const [kind, count] of Object.entries(counts)) work.set({ kind: snakeCase(kind) }, count);
    installations.reset();
    for (const platform of new Set(platforms.map((row) => row.platform))) {
      const rows = platforms.filter((row) => row.platform === platform);
      for (const state of STATES)
        installations.set({ platform, state }, rows.filter((row) => row.state === state).length);
      const times = rows.flatMap((row) => (row.lastEventAt === undefined ? [] : [Date.parse(row.lastEventAt)]));
      if (times.length > 0) lastEvent.set({ platform }, Math.max(...times) / MS_PER_S);
    }
  };
}

/** A word of the code's own; anything longer or with spaces would be text, and text is no label. */
function label(value: string): string {
  return /^[A-Za-z0-9_.:()-]{1,64}$/.test(value) ? value : "other";
}

/** A pattern from the code, such as `/api/agents/:handle`; there are as many as there are routes. */
function routeLabel(pattern: string): string {
  return /^[A-Za-z0-9_.:/*-]{1,128}$/.test(pattern) ? pattern : "other";
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
