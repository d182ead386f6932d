import { Readable } from "node:stream";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { AuditOperations } from "../../contracts/audit.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { callerOf } from "../caller.ts";
import { ErrorSchema } from "../view-schemas.ts";
import { needs, SECURED } from "./route-context.ts";

const base = { tags: ["audit"], security: SECURED };
const Finding = z.object({
  what: z.enum(["record", "seal"]),
  finding: z.enum(["changed", "missing", "added", "moved"]),
  id: z.number(),
  through: z.number().optional(),
  detail: z.string(),
});
const Verification = z
  .object({
    organizationId: z.string(),
    records: z.number(),
    seals: z.number(),
    unsealed: z.number(),
    prunedThrough: z.number().optional(),
    newest: z.object({ number: z.number(), seal: z.string(), at: z.string() }).optional(),
    anchors: z.array(z.object({ source: z.string(), number: z.number(), pruned: z.boolean() })).readonly(),
    findings: z.array(Finding).readonly(),
    more: z.number(),
  })
  .describe("What came of recomputing the whole log; without findings nothing of it was changed");

/** A moment with its offset, as ISO 8601 has it; a date stands for its first moment in UTC. */
const Moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => new Date(text));

/** The audit log: recomputing it, and all of it as lines of JSON. */
export const auditRoutes: FastifyPluginAsyncZod<{ readonly audit: AuditOperations }> = async (server, { audit }) => {
  server.get(
    "/audit/verify",
    {
      ...needs("audit"),
      schema: {
        ...base,
        summary: "Recompute the audit log and name what was changed, removed, added or moved",
        querystring: z.strictObject({
          anchor: z
            .string()
            .regex(
              /^[1-9]\d{0,8}:[0-9a-f]{64}$/,
              "write the number of a seal, a colon and the seal, as verify and export print them",
            )
            .optional(),
        }),
        response: { 200: Verification, 400: ErrorSchema },
      },
    },
    async (request) => {
      const [number, seal] = request.query.anchor?.split(":") ?? [];
      return await audit.verify(
        callerOf(request).organizationId,
        number === undefined || seal === undefined ? undefined : { number: Number(number), seal },
      );
    },
  );

  server.get(
    "/audit/export",
    {
      ...needs("audit"),
      schema: {
        ...base,
        summary: "The audit log as lines of JSON, in order; the last line says how far the chain goes",
        querystring: z.strictObject({ since: Moment.optional(), until: Moment.optional() }),
        response: { 200: z.unknown().describe("Lines of JSON (application/x-ndjson)"), 400: ErrorSchema },
      },
    },
    async (request, reply) => {
      const { since, until } = request.query;
      if (since !== undefined && until !== undefined && since >= until)
        throw new ParleyError("REQUEST_INVALID", { detail: "since must be before until" });
      const lines = audit.exportLines(callerOf(request).organizationId, {
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      });
      void reply.header("content-type", "application/x-ndjson; charset=utf-8");
      return reply.send(Readable.from(withLineEnds(lines)));
    },
  );
};

async function* withLineEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}
