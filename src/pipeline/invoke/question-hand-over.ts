import type { IngestOutcome } from "../../contracts/adapter-sink.ts";
import type { TurnReason } from "../../contracts/connector.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { EnvelopeInput } from "../../envelope/envelope.ts";
import type { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { agentsPassedOver } from "../../ledger/passed-over.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";
import type { RunnableTurn } from "./runnable-turn.ts";

export interface QuestionHandOverPorts {
  readonly database: SqlRunner;
  readonly directory: Directory;
  readonly logger: Logger;
  readonly ingest: (envelope: EnvelopeInput) => Promise<IngestOutcome>;
}

interface QuestionHandOver {
  /** Who is next to have the question of a turn that has failed for good; undefined where nobody is. Never throws. */
  next(turn: RunnableTurn, failure: { readonly error: ParleyError; readonly wasShown: boolean }): Promise<Next>;
  /** Puts the question to that agent, once for this turn. Never throws. */
  give(turn: RunnableTurn, next: Next): Promise<void>;
}

type Next = DirectoryAgent | undefined;

/** Reasons by which one agent had a question that was put to nobody; see `leaseQuestion`. */
const HAD_BY_LEASE: ReadonlySet<TurnReason> = new Set(["thread_participant", "subscription"]);

/**
 * Creates the part that hands a question that was put to nobody on, when the agent that had it failed before it said anything.
 *
 * The question is routed anew, put to the next agent by name: rights, limits, a pause and a deletion count as they are then, and whoever has it by
 * name hands it on no further. A refusal is an answer. Ends between the failure and the handing over leave the notice of the failure, as ever.
 */
export function createQuestionHandOver(ports: QuestionHandOverPorts): QuestionHandOver {
  const { database, directory, logger } = ports;
  return {
    async next(turn, { error, wasShown }) {
      if (!HAD_BY_LEASE.has(turn.reason) || toQuestion(turn, "") === undefined) return undefined;
      if (wasShown || turn.hasPreview || turn.deferredReply !== undefined) return undefined;
      if (error.row.fault !== "agent" || error.code === "AGENT_REFUSED") return undefined;
      try {
        const passedOver = await agentsPassedOver(database, turn);
        return passedOver
          .map((agentId) => directory.get(agentId))
          .find((agent) => agent?.status === "active" && agent.definition.shadow === undefined);
      } catch (thrown) {
        logger.warn({ err: thrown, turnId: turn.turnId }, "who is next to have a question could not be read");
        return undefined;
      }
    },
    async give(turn, next) {
      const question = next === undefined ? undefined : toQuestion(turn, next.handle);
      if (next === undefined || question === undefined) return;
      try {
        await ports.ingest(question);
        logger.info({ turnId: turn.turnId, from: turn.agent.handle, to: next.handle }, "a question is handed on");
      } catch (thrown) {
        logger.warn({ err: thrown, turnId: turn.turnId }, "a question could not be handed on");
      }
    },
  };
}

/** The message as it came, put to one agent by name; undefined where it is none that a person wrote. */
function toQuestion({ envelope, turnId }: RunnableTurn, handle: string): EnvelopeInput | undefined {
  if (envelope.kind !== "message_created" && envelope.kind !== "message_edited") return undefined;
  if (envelope.sender.kind !== "human") return undefined;
  return {
    ...envelope,
    kind: "message_created",
    dedupeKey: `handover:${turnId}`,
    body: { ...envelope.body, mentions: { ...envelope.body.mentions, agents: [handle] } },
  };
}
