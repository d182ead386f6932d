import { z } from "zod";

/** What the commands read of the API's answers; fields that a newer server adds are kept for `--json`. */
export const Agent = z.looseObject({
  handle: z.string(),
  name: z.string(),
  connectorKind: z.string(),
  source: z.string(),
  owner: z.string().optional(),
  status: z.string(),
  statusReason: z.string().optional(),
  statusSince: z.string().optional(),
  failingSince: z.string().optional(),
  channels: z.array(z.string()),
  shadow: z.string().optional(),
  connection: z
    .looseObject({ state: z.string(), since: z.string().optional(), client: z.string().optional() })
    .optional(),
});
export type Agent = z.infer<typeof Agent>;

export const Check = z.looseObject({ ok: z.boolean(), detail: z.string() });

export const DeadLetter = z.looseObject({
  id: z.string(),
  stage: z.string(),
  code: z.string(),
  reason: z.string(),
  state: z.string(),
  eventId: z.string().optional(),
  turnId: z.string().optional(),
  deliveryId: z.string().optional(),
  conversationId: z.string().optional(),
  createdAt: z.string(),
  raw: z.string().optional(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const ReplayVerdict = z.looseObject({
  id: z.string(),
  allowed: z.boolean(),
  rule: z.string(),
  does: z.string(),
  agent: z.string().optional(),
});

export const Explanation = z.looseObject({
  eventId: z.string(),
  kind: z.string(),
  platform: z.string(),
  state: z.string(),
  stateReason: z.string().optional(),
  traceId: z.string(),
  steps: z.array(
    z.looseObject({
      at: z.string(),
      verb: z.string(),
      agent: z.string().optional(),
      outcome: z.string(),
      rule: z.string(),
      detail: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  auditRecords: z
    .array(z.looseObject({ id: z.number(), at: z.string(), seal: z.number().nullable(), what: z.array(z.string()) }))
    .default([]),
});

const Dependency = z.looseObject({
  ok: z.boolean(),
  backend: z.string(),
  latencyMs: z.number(),
  detail: z.string().optional(),
});

export const Status = z.looseObject({
  ledger: Dependency,
  queue: Dependency.extend({ waiting: z.number() }),
  platforms: z.array(
    z.looseObject({
      platform: z.string(),
      name: z.string(),
      state: z.string(),
      detail: z.string().optional(),
      lastEventAt: z.string().optional(),
    }),
  ),
  work: z.looseObject({
    pendingEvents: z.number(),
    runningTurns: z.number(),
    queuedTurns: z.number(),
    pendingDeliveries: z.number(),
    unknownDeliveries: z.number(),
    openDeadLetters: z.number(),
    oldestOpenMs: z.number(),
  }),
  rooms: z.array(
    z.looseObject({ platform: z.string(), name: z.string(), people: z.number(), agents: z.array(z.string()) }),
  ),
});

const Place = z.looseObject({ level: z.string(), label: z.string() });
const Line = { id: z.string(), at: Place, source: z.string() };
export const RuleLine = z.looseObject({
  ...Line,
  subjectKind: z.string(),
  subject: z.string(),
  action: z.string(),
  effect: z.string(),
});
export const RoleLine = z.looseObject({
  ...Line,
  personId: z.string(),
  personName: z.string().optional(),
  role: z.string(),
});
export const InvitationLine = z.looseObject({
  agent: z.string(),
  at: Place,
  inviterId: z.string(),
  inviterName: z.string().optional(),
  since: z.string(),
});
export const AccessLists = z.looseObject({
  rules: z.array(RuleLine),
  roles: z.array(RoleLine),
  invitations: z.array(InvitationLine),
  channels: z.array(z.looseObject({ at: Place, onNarrowerSource: z.string(), source: z.string() })),
});
export const AccessPlanView = z.looseObject({
  fingerprint: z.string(),
  changes: z.array(z.looseObject({ change: z.string(), what: z.string(), text: z.string() })),
  effects: z.array(
    z.looseObject({
      change: z.string(),
      what: z.string(),
      at: Place,
      agent: z.string().optional(),
      people: z.number().optional(),
    }),
  ),
  notes: z.array(z.string()),
});
