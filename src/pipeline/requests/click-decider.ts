import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { EnvelopeOf } from "../../envelope/envelope.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import {
  decideRequest,
  endClick,
  isTakenOver,
  readRequest,
  type StoredRequest,
  showDecision,
} from "../../ledger/requests.ts";
import { agentMay } from "../agent-grant.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import type { Directory } from "../directory.ts";
import { type Choice, readChoice } from "./choice.ts";
import { refusedPart, tooLatePart } from "./decided-part.ts";
import { askedPart, endOf, type RequestDisplay } from "./request-display.ts";

/** Somebody's choice on a question, as it waits to be routed. */
export interface RequestClick {
  readonly eventId: string;
  readonly requestId: string;
  /** How long ago it was made, in ms. */
  readonly ageMs: number;
  readonly envelope: EnvelopeOf<"action_submitted">;
}

export interface ClickDeciderPorts {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
  readonly policies: PolicyBook;
  readonly directory: Directory;
  readonly display: RequestDisplay;
  readonly logger: Logger;
  /** Routing has an event to look at again. */
  readonly wake: () => void;
  readonly wakeOutbox: () => void;
}

/** Decides what clicks on questions do, apart from routing: whoever clicked may have to be asked about at the platform. */
export interface ClickDecider {
  /** Decides, or refuses and ends the event; never throws. What could not be done is done again when the event is looked at again. */
  decide(click: RequestClick): void;
  /** Tells who clicked on a question that is not open any more; never throws. */
  tooLate(click: RequestClick): void;
  settle(): Promise<void>;
}

/** Clicks that are looked into at once; others wait in the ledger. */
const MAX_AT_ONCE = 200;
/** So long a choice waits for a platform that cannot say who is in the conversation, in ms. */
const MAX_UNKNOWN_MS = 20_000;

export function createClickDecider(ports: ClickDeciderPorts): ClickDecider {
  const { database, facts, rights, display, logger } = ports;
  const inHand = new Map<string, Promise<void>>();

  async function decide(click: RequestClick): Promise<void> {
    const row = await readRequest(database, click.requestId);
    if (row === undefined) return await drop(click, "no_such_request");
    if (row.state !== "open" || row.is_over) return await late(click, row);
    const part = askedPart(row);
    const choice: Choice = part === undefined ? { fault: "no_such_option" } : readChoice(part, click.envelope.body);
    const why = "fault" in choice ? { allowed: false, rule: choice.fault } : await whyNot(click, row);
    // It is looked at again in a moment.
    if (why.rule === "membership_unknown" && click.ageMs < MAX_UNKNOWN_MS) return;
    if ("fault" in choice || !why.allowed) return await refuse(click, row, why.rule);
    const { sender } = click.envelope;
    const by = { id: sender.id, name: sender.name ?? sender.id };
    const end = {
      kind: row.kind,
      state: "decided",
      optionId: choice.optionId,
      effect: choice.effect,
      by: by.name,
      at: new Date(),
    } as const;
    const edits = display.edits(row, end);
    const decided = await database.transaction(async (tx) => {
      if (!(await decideRequest(tx, { id: row.id, ...choice, by, eventId: click.eventId }))) return false;
      if (edits !== undefined) await showDecision(tx, { id: row.id, state: "decided" }, edits);
      await appendAudit(tx, row.organization_id, [
        {
          what: "approval",
          by: sender.id,
          outcome: "decided",
          rule: why.rule,
          request: row.id,
          turn: row.turn_id,
          action: row.action_id,
          binding: row.binding,
          event: click.eventId,
          ...(choice.optionId === null ? {} : { option: choice.optionId }),
          ...(choice.effect === null ? {} : { effect: choice.effect }),
        },
      ]);
      return true;
    });
    if (!decided) {
      const now = await readRequest(database, click.requestId);
      // Another process may have decided it by this very click.
      if (now?.decided_event === click.eventId) return;
      return now === undefined ? await drop(click, "no_such_request") : await late(click, now);
    }
    ports.wake();
    ports.wakeOutbox();
  }

  /** Whether whoever clicked may decide it now, by facts that are at most a minute old; the rule says why or why not. */
  async function whyNot(
    click: RequestClick,
    row: StoredRequest,
  ): Promise<{ readonly allowed: boolean; readonly rule: string }> {
    const no = (rule: string) => ({ allowed: false, rule });
    const { envelope } = click;
    const { sender } = envelope;
    const path = row.path as ConversationPath; // written from a validated envelope
    if (sender.kind !== "human" && sender.kind !== "external_guest") return no("not_a_person");
    if (
      envelope.organizationId !== row.organization_id ||
      envelope.installationId !== row.installation_id ||
      envelope.conversation.channel.id !== path.channel.id
    )
      return no("elsewhere");
    if (row.addressee_id !== null && row.addressee_id !== sender.id) return no("not_the_addressee");
    if (!row.live) {
      const blocked = await whyItCannotGoOn(click, row);
      if (blocked !== undefined) return no(blocked);
    }
    const here: FactPlace = { organizationId: row.organization_id, installationId: row.installation_id, path };
    const present = await facts.isPresent(here);
    if (present !== true) return no(present === undefined ? "membership_unknown" : "identity_not_in_channel");
    // A decision rests on facts of this moment where the platform can be asked; clicks that come together share one question to it.
    await facts.of({ ...here, personId: sender.id, maxAgeMs: 0 });
    if (envelope.body.reaction !== undefined) {
      const react = await rights.personMay(sender.id, "react", here);
      if (!react.allowed) return react;
    }
    return await rights.personMay(sender.id, row.kind === "approval" ? "approve" : "start_agent", here);
  }

  /** Why the agent that asked could do nothing with a decision now. */
  async function whyItCannotGoOn(click: RequestClick, row: StoredRequest): Promise<string | undefined> {
    const agent = ports.directory.get(row.agent_id);
    if (agent === undefined) return "agent_removed";
    if (agent.status !== "active") return `agent_${agent.status}`;
    if (await isTakenOver(database, click.eventId)) return "taken_over";
    const where = { installationId: row.installation_id, path: click.envelope.conversation };
    const may = agentMay(agent, "post", where, ports.policies.of(row.organization_id));
    return may.allowed ? undefined : may.rule;
  }

  async function refuse(click: RequestClick, row: StoredRequest, rule: string): Promise<void> {
    const { envelope, eventId } = click;
    const ended = await database.transaction(async (tx) => {
      if (!(await endClick(tx, eventId, `decision_refused_${rule}`))) return false;
      const { id: request, turn_id: turn, action_id: action, binding } = row;
      const by = envelope.sender.id;
      await appendAudit(tx, row.organization_id, [
        { what: "denied", by, rule, outcome: "refused", request, turn, action, binding, event: eventId },
      ]);
      return true;
    });
    if (ended) await tell(click, row, refusedPart(rule));
  }

  async function late(click: RequestClick, row: StoredRequest): Promise<void> {
    const was = row.state === "open" ? "expired" : row.state;
    const ended = await database.transaction((tx) => endClick(tx, click.eventId, `request_${was}`));
    if (ended) await tellLate(click, row);
  }

  async function tellLate(click: RequestClick, row: StoredRequest): Promise<void> {
    const how = endOf(row) ?? { kind: row.kind, state: "expired" as const, at: row.expires_at };
    await tell(click, row, tooLatePart(askedPart(row), how));
  }

  async function drop(click: RequestClick, reason: string): Promise<void> {
    await database.transaction((tx) => endClick(tx, click.eventId, reason));
  }

  async function tell(click: RequestClick, row: StoredRequest, part: Parameters<RequestDisplay["tell"]>[2]) {
    const { sender, dedupeKey } = click.envelope;
    if (sender.kind !== "human" && sender.kind !== "external_guest") return;
    await display
      .tell(row, sender.id, part, `${row.id}:told:${dedupeKey}`)
      .catch((error: unknown) => logger.info({ err: error, requestId: row.id }, "a choice could not be answered"));
  }

  async function guarded(click: RequestClick, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (thrown) {
      const error = toParleyError(thrown, "INVARIANT_BROKEN");
      logger.warn({ err: thrown, eventId: click.eventId, code: error.code }, "a choice could not be decided");
      // What cannot be done at all must not come again and again.
      if (error.code === "INVARIANT_BROKEN") await drop(click, "decision_failed").catch(() => undefined);
    }
  }

  function take(click: RequestClick, work: () => Promise<void>): void {
    const { eventId } = click;
    const before = inHand.get(eventId) ?? Promise.resolve();
    const done = before
      .then(() => guarded(click, work()))
      .finally(() => {
        if (inHand.get(eventId) === done) inHand.delete(eventId);
      });
    inHand.set(eventId, done);
  }

  return {
    decide(click) {
      // It is looked at again while it waits.
      if (!inHand.has(click.eventId) && inHand.size < MAX_AT_ONCE) take(click, () => decide(click));
    },
    // Routing has ended the event meanwhile, so that nobody else tells.
    tooLate: (click) =>
      take(click, async () => {
        const row = await readRequest(database, click.requestId);
        if (row !== undefined) await tellLate(click, row);
      }),
    async settle() {
      while (inHand.size > 0) await Promise.allSettled(inHand.values());
    },
  };
}
