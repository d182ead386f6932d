import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { NarrowerSourcePolicy } from "../../contracts/access.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { confirmSources, needNoCheck, readReaders, type TurnSource } from "../../ledger/turn-sources.ts";
import { WITHHELD, withholdReply } from "../../ledger/withheld-replies.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { isShadowed } from "../invoke/shadow.ts";
import { type AudienceCheck, checkAudience, sourcePlace } from "./audience-check.ts";
import type { TurnEnd } from "./turn-ends.ts";
import { withheldNotice } from "./withheld-notice.ts";

/** How often an audience is looked at again that changes meanwhile. */
const MAX_TRIES = 2;

export interface SourceGuardPorts {
  readonly database: Database;
  readonly owner: string;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
  readonly policies: PolicyBook;
  readonly adapter: (platform: string) => ChatAdapter;
}

/** Stands before every end of a turn that has read another conversation. */
export interface SourceGuard {
  /** The end as it may be committed: as it is, or with a notice in place of what it says. */
  check(turn: RunnableTurn, end: TurnEnd): Promise<TurnEnd>;
}

/** Creates the guard of the audience rule: what a turn says goes only to people who may read all that it has read. */
export function createSourceGuard(ports: SourceGuardPorts): SourceGuard {
  const { database, facts, rights, policies, owner } = ports;

  return {
    async check(turn, end) {
      const sources = turn.sources.list();
      if (sources.length === 0 || end.parts.length === 0) return end;
      const { organizationId, installationId, replyPath } = turn;
      const place = { organizationId, installationId, path: replyPath };
      const { access, privately } = ports.adapter(turn.platform).features;
      const { turnId, replyConversationId: conversationId } = turn;
      const verdict = await checkSteadily(database, { turnId, conversationId }, () =>
        checkAudience(facts, place, sources, access?.couldRead !== undefined),
      );
      if (verdict.within) return end;
      const given = { context: end.context ?? [], consumed: end.consumed, usage: end.usage };
      // Half an answer of a turn that was stopped: nobody waits for it.
      if (end.outcome !== "answered") {
        await needNoCheck(database, turnId);
        return { ...end, parts: [{ type: "text", markdown: "_Stopped._" }] };
      }
      const policy = await policyFor(turn, sources);
      await withholdReply(database, {
        fence: { turnId, epoch: turn.epoch, owner },
        turnId,
        organizationId,
        agentId: turn.agent.agentId,
        conversationId,
        askerId: askerOf(turn) ?? null,
        policy,
        sources,
        reply: end.parts,
        audit: auditEntry(turn, sources, policy, verdict),
      });
      const notice = withheldNotice(
        { handle: turn.agent.handle, turnId: turn.turnId },
        policy,
        privately !== undefined,
      );
      return { ...given, outcome: "answered", reason: WITHHELD, parts: [notice] };
    },
  };

  /** What the channel wants, as far as it can be done here. */
  async function policyFor(turn: RunnableTurn, sources: readonly TurnSource[]): Promise<NarrowerSourcePolicy> {
    const wanted = policies.of(turn.organizationId).onNarrowerSource(turn.installationId, turn.replyPath.channel.id);
    if (wanted !== "asker") return wanted;
    const askerId = askerOf(turn);
    const canTell = ports.adapter(turn.platform).features.privately !== undefined;
    return canTell && askerId !== undefined && (await mayReadAll(rights, facts, turn.organizationId, askerId, sources))
      ? "asker"
      : "withhold";
  }
}

/** Looks again where people came or went during the check, as the check itself may find out; what holds is noted, so that it may be sent. */
export async function checkSteadily(
  database: Database,
  what: { readonly turnId: string; readonly conversationId: string },
  check: () => Promise<AudienceCheck>,
): Promise<AudienceCheck> {
  for (let tries = 0; ; tries += 1) {
    const begunAtMs = performance.now();
    const readers = await readReaders(database, what.turnId, what.conversationId);
    const verdict = await check();
    // What goes on changing is left unconfirmed: it is checked once more before it is sent.
    if (!verdict.within || tries === MAX_TRIES) return verdict;
    if (await confirmSources(database, { ...what, readers, ageMs: performance.now() - begunAtMs })) return verdict;
  }
}

/** Whether a person may read all that was read, now and message by message. */
export async function mayReadAll(
  rights: ReadingRights,
  facts: MemberFacts,
  organizationId: string,
  personId: string,
  sources: readonly TurnSource[],
): Promise<boolean> {
  for (const source of sources) {
    const place = sourcePlace(organizationId, source);
    if (!(await rights.personMay(personId, "read_history", place)).allowed) return false;
    const { messageIds } = source;
    const { readable } = await facts.couldRead({ ...place, personId, messageIds });
    if (messageIds.some((id) => !readable.has(id))) return false;
  }
  return true;
}

function askerOf(turn: RunnableTurn): string | undefined {
  const { sender } = turn.envelope;
  // Whoever asks an agent in shadow is not spoken to.
  if (isShadowed(turn)) return undefined;
  return sender.kind === "human" || sender.kind === "external_guest" ? sender.id : undefined;
}

function auditEntry(
  turn: RunnableTurn,
  sources: readonly TurnSource[],
  policy: NarrowerSourcePolicy,
  verdict: AudienceCheck,
) {
  return {
    what: "withheld" as const,
    by: turn.agent.agentId,
    turn: turn.turnId,
    conversation: turn.replyConversationId,
    rule: verdict.rule,
    policy,
    strangers: verdict.strangers,
    sources: sources.map(({ installationId, channelId, threadId }) => ({ installationId, channelId, threadId })),
  };
}
