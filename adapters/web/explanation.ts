import { z } from "zod";

/** Why a post came about: each step with the rule that decided it, and the records of the audit log that tell of it. */
export const ExplanationAnswer = z.object({
  state: z.string(),
  stateReason: z.string().optional(),
  steps: z.array(
    z.object({
      at: z.iso.datetime(),
      verb: z.enum(["ingest", "route", "access", "assemble", "invoke", "render", "deliver"]),
      agent: z.string().optional(),
      outcome: z.string(),
      rule: z.string(),
      auditRecord: z.number().optional(),
    }),
  ),
  auditRecords: z.array(z.object({ id: z.number(), seal: z.number().nullable() })),
});
