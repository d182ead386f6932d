import { isWithin } from "../../access/audience.ts";
import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { type AuditEntry, appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { MirroredConversation } from "../../ledger/other-conversations.ts";
import { holdTurn, recordSources, type TurnSource } from "../../ledger/turn-sources.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { askingPerson } from "../route/asking-person.ts";
import type { ReadingRights } from "./reading-rights.ts";

export interface ReaderPorts {
  readonly database: Database;
  readonly owner: string;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
}

/** A message with the conversation it is from. */
export interface ReadItem {
  readonly conversation: MirroredConversation;
  readonly messageId: string;
}

/** Reads other conversations for one turn: decides, records and audits before anything is handed over. */
export interface ConversationReader {
  /** Those of the conversations that agent and asking person may both read now. */
  readable(
    conversations: readonly MirroredConversation[],
    tool: string,
    denials: "audited" | "expected",
  ): Promise<readonly MirroredConversation[]>;
  /**
   * Hands over what the asking person could read on the platform too, once it is recorded; `touched` are conversations of which the answer tells at
   * least that they exist. Throws LEASE_LOST when the turn has ended meanwhile.
   */
  handOver<Item extends ReadItem>(
    items: readonly Item[],
    touched: readonly MirroredConversation[],
    tool: string,
  ): Promise<readonly Item[]>;
  /** Whether all who read the answer may know of this conversation. */
  isOpenHere(conversation: MirroredConversation): Promise<boolean>;
  /** Records what more a turn was given of its own conversation; throws LEASE_LOST as above. */
  noteOwn(messageIds: readonly string[], tool: string): Promise<void>;
  /** Records that something was asked for that does not exist for this turn. */
  refuse(tool: string, rule: string): Promise<void>;
}

/** Creates the reader of one turn. The person is the one who asked: where nobody did, nothing else may be read. */
export function createConversationReader(ports: ReaderPorts, turn: RunnableTurn): ConversationReader {
  const { database, facts, rights, owner } = ports;
  const personId = askingPerson(turn.envelope)?.id;
  const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
  const by = { by: turn.agent.agentId, turn: turn.turnId, ...(personId === undefined ? {} : { asker: personId }) };

  async function deny(entries: readonly AuditEntry[]): Promise<void> {
    await database.transaction((tx) => appendAudit(tx, turn.organizationId, entries));
  }

  async function decide(conversation: MirroredConversation): Promise<{ allowed: boolean; rule: string }> {
    if (personId === undefined) return { allowed: false, rule: "no_asking_person" };
    return await rights.bothMayRead({ agent: turn.agent, personId }, placeOf(turn, conversation), {
      archived: conversation.archived,
      ...(conversation.self_member === null ? {} : { identityInChannel: conversation.self_member }),
    });
  }

  return {
    async readable(conversations, tool, denials) {
      const decided = await Promise.all(
        conversations.map(async (conversation) => ({ conversation, decision: await decide(conversation) })),
      );
      const denied = decided.filter(({ decision }) => !decision.allowed);
      if (denials === "audited" && denied.length > 0)
        await deny(
          denied.map(({ conversation, decision }) => ({
            what: "denied",
            ...by,
            tool,
            action: "read_history",
            rule: decision.rule,
            conversation: conversation.id,
          })),
        );
      return decided.filter(({ decision }) => decision.allowed).map(({ conversation }) => conversation);
    },
    async handOver<Item extends ReadItem>(
      items: readonly Item[],
      touched: readonly MirroredConversation[],
      tool: string,
    ): Promise<readonly Item[]> {
      const byConversation = Map.groupBy(items, ({ conversation }) => conversation);
      const shown = new Set<Item>();
      for (const [conversation, group] of byConversation) {
        const messageIds = group.map(({ messageId }) => messageId);
        const place = placeOf(turn, conversation);
        const { readable } =
          personId === undefined
            ? { readable: new Set<string>() }
            : await facts.couldRead({ ...place, personId, messageIds });
        for (const item of group) if (readable.has(item.messageId)) shown.add(item);
      }
      const given = items.filter((item) => shown.has(item));
      const sources = sourcesOf(given, touched);
      if (sources.length === 0) return [];
      const elsewhere = sources.filter((source) => !isOwn(turn, source));
      // From here on nothing that the agent says is shown before it was weighed against what it has read.
      if (elsewhere.length > 0) {
        await turn.sources.beginReading();
        turn.sources.add(elsewhere);
      }
      const audit = sources.map(
        ({ installationId, channelId, threadId, messageIds }): AuditEntry => ({
          what: "context_read",
          ...by,
          tool,
          rule: "agent_and_asker_are_members",
          source: { installationId, channelId, threadId },
          messages: [...messageIds],
        }),
      );
      const recorded = await recordSources(database, {
        fence,
        organizationId: turn.organizationId,
        sources: elsewhere,
        audit,
      });
      if (!recorded) throw new ParleyError("LEASE_LOST", { detail: "the turn ended while a tool read for it" });
      return given;
    },
    async noteOwn(messageIds, tool) {
      const entry: AuditEntry = {
        what: "context_read",
        ...by,
        tool,
        rule: "own_conversation",
        conversation: turn.replyConversationId,
        messages: [...messageIds],
      };
      const { organizationId } = turn;
      if (!(await recordSources(database, { fence, organizationId, sources: [], audit: [entry] })))
        throw new ParleyError("LEASE_LOST", { detail: "the turn ended while a tool read for it" });
    },
    async isOpenHere(conversation) {
      const { organizationId, installationId, replyPath } = turn;
      const [here, there] = await Promise.all([
        facts.audienceOf({ organizationId, installationId, path: replyPath }),
        facts.audienceOf(placeOf(turn, conversation)),
      ]);
      return isWithin(here, there).within;
    },
    async refuse(tool, rule) {
      await database.transaction(async (tx) => {
        if (!(await holdTurn(tx, fence)))
          throw new ParleyError("LEASE_LOST", { detail: "the turn ended while a tool read for it" });
        await appendAudit(tx, turn.organizationId, [{ what: "denied", ...by, tool, action: "read_history", rule }]);
      });
    },
  };
}

/** The conversation with what the mirror knows of its channel now. */
function placeOf(turn: RunnableTurn, conversation: MirroredConversation): FactPlace {
  return {
    organizationId: turn.organizationId,
    installationId: conversation.installation_id,
    path: pathOf(conversation),
  };
}

function pathOf(conversation: MirroredConversation): ConversationPath {
  const path = conversation.path as ConversationPath; // written from a validated envelope
  const { kind, name, external } = conversation;
  const channel = {
    ...path.channel,
    kind: kind as ConversationPath["channel"]["kind"], // written from a validated envelope
    external,
    ...(name === null ? {} : { name }),
  };
  return { ...path, channel };
}

function sourcesOf(items: readonly ReadItem[], touched: readonly MirroredConversation[]): readonly TurnSource[] {
  const messageIds = new Map<MirroredConversation, string[]>(touched.map((conversation) => [conversation, []]));
  for (const { conversation, messageId } of items) {
    const known = messageIds.get(conversation);
    if (known === undefined) messageIds.set(conversation, [messageId]);
    else known.push(messageId);
  }
  return [...messageIds].map(([conversation, ids]) => ({
    installationId: conversation.installation_id,
    channelId: conversation.channel_id,
    threadId: conversation.thread_id ?? "",
    path: pathOf(conversation),
    messageIds: ids,
  }));
}

/** Where the turn was asked and where it answers: their readers read it anyway. */
function isOwn(turn: RunnableTurn, source: TurnSource): boolean {
  return [turn.envelope.conversation, turn.replyPath].some(
    (path) =>
      source.installationId === turn.installationId &&
      source.channelId === path.channel.id &&
      source.threadId === (path.thread?.id ?? ""),
  );
}
