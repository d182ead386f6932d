import type { FastifyInstance } from "fastify";
import type { SystemStatus } from "../../contracts/operations.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import type { PrometheusMetrics } from "../prometheus-metrics.ts";
import type { StatusReading } from "../status-reader.ts";

export interface HealthContext {
  readonly readStatus: () => Promise<StatusReading>;
  readonly metrics: PrometheusMetrics;
  /** The one that the deployment itself belongs to. */
  readonly organizationId: string;
  readonly isStarting: () => boolean;
  readonly isDraining: () => boolean;
}

interface Readiness {
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly string[];
  /** What is wrong without keeping it from working, and what its set-up does not promise. */
  readonly notes: readonly string[];
}

const PUBLIC = { config: { auth: "public" }, schema: { hide: true } } as const;
const METRICS = { config: { auth: "local_or_operator", scope: "read" }, schema: { hide: true } } as const;
const POWER_CUT = "the embedded ledger survives a crash of Parley, and not a power cut; PostgreSQL does";

/** Liveness, readiness and metrics for those who watch over Parley. */
export async function healthRoutes(
  server: FastifyInstance,
  { readStatus, metrics, organizationId, isStarting, isDraining }: HealthContext,
): Promise<void> {
  server.get("/healthz", PUBLIC, async (_request, reply) =>
    reply.header("cache-control", "no-store").send({ status: "ok" }),
  );

  server.get("/readyz", PUBLIC, async (_request, reply) => {
    const reading = await readStatus();
    const readiness = judge(reading, phaseOf(isStarting(), isDraining()));
    const state = "status" in reading ? summary(reading.status) : {};
    return reply
      .code(readiness.ready ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ ...readiness, ...state });
  });

  server.get("/metrics", METRICS, async (request, reply) => {
    // They count what all organizations do, which only those of the deployment itself may know.
    if (callerOf(request).organizationId !== organizationId) throw new ParleyError("NOT_FOUND");
    const reading = await readStatus();
    const text = await metrics.expose("status" in reading ? reading.status : undefined);
    return reply.header("cache-control", "no-store").type(metrics.contentType).send(text);
  });
}

function phaseOf(starting: boolean, draining: boolean): string[] {
  if (draining) return ["it is stopping"];
  return starting ? ["it is starting"] : [];
}

function judge(reading: StatusReading, phase: readonly string[]): Readiness {
  const reasons = [...phase];
  if ("problem" in reading) return { ready: false, reasons: [...reasons, reading.problem], notes: [] };
  const { ledger, queue, platforms } = reading.status;
  const notes: string[] = ledger.backend.toLowerCase().includes("pglite") ? [POWER_CUT] : [];
  if (!ledger.ok) reasons.push("the ledger does not answer; nothing is accepted");
  if (!queue.ok) reasons.push("the queue does not answer; work waits in the ledger");
  for (const platform of new Set(platforms.map((row) => row.platform))) {
    const wanted = platforms.filter((row) => row.platform === platform && row.state !== "paused");
    const broken = wanted.filter((row) => row.state !== "connected");
    // One workspace of many that fails is for its operator; a platform that is away altogether is for whoever runs Parley.
    if (wanted.length > 0 && broken.length === wanted.length)
      reasons.push(`no installation of ${platform} is connected`);
    else if (broken.length > 0)
      notes.push(`${broken.length} of ${wanted.length} installations of ${platform} are not connected`);
  }
  return { ready: reasons.length === 0, reasons, notes };
}

/** What a probe may see without a token: no names, no ids, no details. */
function summary({ ledger, queue, platforms }: SystemStatus): Record<string, unknown> {
  return {
    ledger: { ok: ledger.ok, backend: ledger.backend, latencyMs: ledger.latencyMs },
    queue: { ok: queue.ok, backend: queue.backend, waiting: queue.waiting, latencyMs: queue.latencyMs },
    platforms: platforms.map(({ platform, state, lastEventAt }) => ({
      platform,
      state,
      lastEventAt: lastEventAt ?? null,
    })),
  };
}
