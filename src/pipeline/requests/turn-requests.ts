import type { MemberFacts } from "../../access/member-facts.ts";
import type { TextDigest } from "../../access/text-digest.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { RequestOutcome, TurnRequests } from "../../contracts/turn-requests.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import {
  askInTurn,
  earlierQuestions,
  endRequest,
  MAX_REQUESTS_PER_TURN,
  resumeDeadline,
  type StoredRequest,
} from "../../ledger/requests.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { isShadowed } from "../invoke/shadow.ts";
import { checkAudience } from "../render/audience-check.ts";
import type { ShadowGuard } from "../render/shadow-guard.ts";
import {
  type AskedPart,
  actionIdOf,
  boundTo,
  expiryOf,
  kindOf,
  parseAsked,
  showingItsBinding,
} from "./request-part.ts";
import type { RequestWaits } from "./request-waits.ts";

export interface TurnRequestPorts {
  readonly database: Database;
  readonly owner: string;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly digest: TextDigest;
  readonly facts: MemberFacts;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly shadowGuard: ShadowGuard;
  readonly waits: RequestWaits;
  readonly wakeOutbox: () => void;
  /** Called when a turn stopped waiting because it was stopped: its question may have to be called off. */
  readonly onAbandoned: (turnId: string) => void;
}

/** The time of a turn, which stands still while it waits for people. */
export interface WaitingTurn {
  /** Aborts when the turn does, whatever its agent listens to. */
  readonly signal: AbortSignal;
  pause(): () => void;
  remainingMs(): number;
}

/** Makes `io.requests` of running turns. */
export interface TurnRequestSource {
  of(turn: RunnableTurn, clock: WaitingTurn): TurnRequests;
  /** Calls off what earlier turns of the same agent in the same conversation have left open at their end. */
  callOffEarlier(turn: RunnableTurn): Promise<void>;
}

export function createTurnRequests(ports: TurnRequestPorts): TurnRequestSource {
  const { database, owner } = ports;

  async function ask(
    turn: RunnableTurn,
    given: unknown,
    binding: unknown,
    addresseeId: string | null,
  ): Promise<string> {
    const part = showingItsBinding(parseAsked(given), binding);
    const shown = await shownParts(turn, part);
    const posts = ports.adapter(turn.platform).render(shown, {
      identity: turn.agent.identity,
      conversation: turn.replyPath,
      mentionable: turn.envelope.sender.kind === "human" && !isShadowed(turn) ? [turn.envelope.sender.id] : [],
    });
    if (posts.length === 0) throw new ParleyError("REQUEST_INVALID", { detail: "the question shows nothing" });
    const bound = ports.digest(boundTo(part, addresseeId === null ? binding : { addresseeId, binding }));
    const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
    const asked = await database.transaction(async (tx) => {
      const stored = await askInTurn(tx, fence, {
        id: ports.newId("q"),
        actionId: actionIdOf(part),
        kind: kindOf(part),
        part,
        binding: bound,
        addresseeId,
        expiresInMs: expiryOf(part),
        posts: posts.map((post) => ({ id: ports.newId("d"), body: post.body, fallback: post.fallbackText })),
      });
      if (typeof stored === "object" && stored.isNew)
        await appendAudit(tx, turn.organizationId, [
          {
            what: "approval",
            by: turn.agent.agentId,
            outcome: "asked",
            rule: "asked_in_turn",
            turn: turn.turnId,
            request: stored.id,
            action: actionIdOf(part),
            binding: bound,
            conversation: turn.replyConversationId,
          },
        ]);
      return stored;
    });
    if (asked === "lost") throw new ParleyError("TURN_CANCELLED", { detail: "the turn is over: nobody is asked" });
    if (asked === "too_many")
      throw new ParleyError("REQUEST_INVALID", { detail: `a turn asks at most ${MAX_REQUESTS_PER_TURN} questions` });
    if (asked.isNew) ports.wakeOutbox();
    return asked.id;
  }

  /** What the conversation may see of it: nothing of what not all there may read, and of an agent in shadow with the place it would have asked in. */
  async function shownParts(turn: RunnableTurn, part: AskedPart): Promise<readonly ReplyPart[]> {
    const sources = turn.sources.list();
    if (sources.length > 0) {
      const { organizationId, installationId, replyPath } = turn;
      const place = { organizationId, installationId, path: replyPath };
      const { access } = ports.adapter(turn.platform).features;
      const verdict = await checkAudience(ports.facts, place, sources, access?.couldRead !== undefined);
      if (!verdict.within)
        throw new ParleyError("PERMISSION_DENIED", {
          detail: `this turn has read what not everyone here may read (${verdict.rule}); it cannot ask here`,
        });
    }
    if (!isShadowed(turn)) return [part];
    const { parts } = await ports.shadowGuard.check(turn, {
      outcome: "answered",
      reason: null,
      parts: [part],
      usage: undefined,
      consumed: [],
    });
    if (parts.length > 0) return parts;
    throw new ParleyError("PERMISSION_DENIED", {
      detail: "the review room has readers who may not read where it was asked",
    });
  }

  return {
    async callOffEarlier(turn) {
      const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
      for (const request of await earlierQuestions(database, fence)) {
        await database.transaction(async (tx) => {
          const end = { id: request.id, state: "cancelled", reason: "called_off" } as const;
          if (!(await endRequest(tx, end))) return;
          const { id, turn_id, action_id: action, binding } = request;
          const what = { request: id, turn: turn_id, action, binding, conversation: turn.replyConversationId };
          await appendAudit(tx, turn.organizationId, [
            { what: "approval", by: turn.agent.agentId, outcome: end.state, rule: end.reason, ...what },
          ]);
        });
        ports.onAbandoned(turn.turnId);
      }
    },
    of: (turn, clock) => ({
      async ask(part, { binding, addresseeId = null, signal: given }) {
        const signal = AbortSignal.any([given, clock.signal]);
        const resume = clock.pause();
        try {
          signal.throwIfAborted();
          const id = await ask(turn, part, binding, addresseeId);
          return outcomeOf(await ports.waits.wait(id, signal));
        } catch (thrown) {
          if (!signal.aborted) throw thrown;
          ports.onAbandoned(turn.turnId);
          throw thrown instanceof ParleyError && thrown.code === "TURN_CANCELLED"
            ? thrown
            : new ParleyError("TURN_CANCELLED", { cause: thrown, detail: "the turn does not wait any more" });
        } finally {
          resume();
          const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
          await resumeDeadline(database, fence, clock.remainingMs()).catch((error: unknown) =>
            ports.logger.warn({ err: error, turnId: turn.turnId }, "a turn's deadline could not be stored"),
          );
        }
      },
    }),
  };
}

function outcomeOf(row: StoredRequest): RequestOutcome {
  switch (row.state) {
    case "decided":
      return {
        state: "decided",
        ...(row.option_id === null ? {} : { optionId: row.option_id }),
        ...(row.effect === null ? {} : { effect: row.effect }),
        fields: row.fields ?? {},
        by: { id: row.decided_by ?? "", name: row.decided_by_name ?? row.decided_by ?? "" },
      };
    case "expired":
      return { state: "expired" };
    case "open":
    case "cancelled":
      return { state: "cancelled", reason: row.state_reason ?? "called_off" };
  }
}
