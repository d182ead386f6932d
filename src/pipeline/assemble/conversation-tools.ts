import { z } from "zod";
import type { JsonValue } from "../../contracts/json.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { readConversation } from "../../ledger/conversation-history.ts";
import {
  findConversations,
  listConversations,
  type MirroredConversation,
  searchMessages,
} from "../../ledger/other-conversations.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import type { ConversationReader, ReadItem } from "./conversation-reader.ts";

/** What PostgreSQL can compare with. */
const PlainText = z.string().regex(/^[^\u0000]*$/u, "must be text");
const HistoryInput = z.strictObject({
  conversation: PlainText.min(1).max(256),
  limit: z.number().int().min(1).max(50).default(20),
  before: PlainText.max(128).optional(),
});
const SearchInput = z.strictObject({
  words: PlainText.trim().min(2).max(200),
  limit: z.number().int().min(1).max(30).default(10),
});
const NoInput = z.strictObject({});

/** Conversations that one search or list looks at: the ones in which something was said last. */
const MAX_SEARCHED = 20;
/** The same answer for what does not exist and for what may not be read, so that it tells nobody which it is. */
const NO_SUCH_CONVERSATION = { error: "there is no such conversation" };
const BINDS = "The answer may then go only to people who may read that conversation too.";

/** A message as it is handed over, always with where it is from. */
interface ToldMessage extends ReadItem {
  readonly at: Date;
  readonly order: string;
  readonly sender: string;
  readonly text: string;
}

/**
 * The tools that read elsewhere: conversations of the same installation that the agent and the person who asked are both members of now.
 *
 * Ids, names and words are looked up in the ledger alone; a permalink is no name of a conversation, and nothing is fetched from a platform.
 */
export function createConversationTools(
  database: Database,
  reader: ConversationReader,
  turn: RunnableTurn,
): readonly TurnTool[] {
  const { organizationId, installationId } = turn;
  return [
    {
      name: "conversations",
      description:
        "Lists other conversations that you and the person who asked can both read, the newest first; by name where everybody here may know of them, else by id.",
      input: NoInput,
      async execute() {
        NoInput.parse({});
        const found = await listConversations(database, {
          organizationId,
          installationId,
          threads: false,
          limit: MAX_SEARCHED,
          notLeftBy: turn.envelope.sender.id,
        });
        const readable = await reader.readable(found, "conversations", "expected");
        return await Promise.all(
          readable.map(
            async (one): Promise<JsonValue> =>
              // A name says something too: where not all who read the answer may know of it, the id will do.
              (await reader.isOpenHere(one)) ? nameOf(one) : { conversation: one.id },
          ),
        );
      },
    },
    {
      name: "conversation_history",
      description: `Reads another conversation, by its id or its channel's name, if you and the person who asked can both read it. ${BINDS}`,
      input: HistoryInput,
      async execute(input) {
        const { conversation: reference, limit, before } = HistoryInput.parse(input);
        const tool = "conversation_history";
        const found = await findConversations(database, { organizationId, installationId, reference });
        const [conversation, ...others] = await reader.readable(found, tool, "audited");
        if (conversation === undefined) {
          if (found.length === 0) await reader.refuse(tool, "no_such_conversation");
          return NO_SUCH_CONVERSATION;
        }
        if (others.length > 0) {
          await reader.handOver([], [conversation, ...others], tool);
          return {
            error: "several conversations have this name: give the id of one",
            conversations: [conversation, ...others].map(nameOf),
          };
        }
        const rows = await readConversation(database, {
          conversationId: conversation.id,
          limit,
          before: before ?? null,
        });
        const messages = rows.map((row): ToldMessage => ({ conversation, ...toldOf(row) }));
        return (await reader.handOver(messages, [conversation], tool)).map(tell);
      },
    },
    {
      name: "conversation_search",
      description: `Finds messages that hold the given words, in conversations that you and the person who asked can both read. ${BINDS}`,
      input: SearchInput,
      async execute(input) {
        const { words, limit } = SearchInput.parse(input);
        const tool = "conversation_search";
        const found = await listConversations(database, {
          organizationId,
          installationId,
          threads: true,
          limit: MAX_SEARCHED,
          notLeftBy: turn.envelope.sender.id,
        });
        const readable = new Map((await reader.readable(found, tool, "expected")).map((one) => [one.id, one]));
        const rows = await searchMessages(database, { conversationIds: [...readable.keys()], words, limit });
        const messages = rows.flatMap((row): ToldMessage[] => {
          const conversation = readable.get(row.conversation_id);
          return conversation === undefined ? [] : [{ conversation, ...toldOf(row) }];
        });
        return (await reader.handOver(messages, [], tool)).map(tell);
      },
    },
  ];
}

function toldOf(row: {
  readonly message_id: string;
  readonly platform_order: string;
  readonly occurred_at: Date;
  readonly sender_name: string;
  readonly text: string;
}): Omit<ToldMessage, "conversation"> {
  return {
    messageId: row.message_id,
    order: row.platform_order,
    at: row.occurred_at,
    sender: row.sender_name,
    text: row.text,
  };
}

function tell(message: ToldMessage): JsonValue {
  const { conversation, messageId, order, at, sender, text } = message;
  const source = {
    installation: conversation.installation_id,
    channel: conversation.channel_id,
    ...(conversation.thread_id === null ? {} : { thread: conversation.thread_id }),
    message: messageId,
  };
  return { source, order, at: at.toISOString(), sender, text };
}

function nameOf(conversation: MirroredConversation): { readonly [key: string]: JsonValue } {
  return {
    conversation: conversation.id,
    channel: conversation.channel_id,
    ...(conversation.name === null ? {} : { name: conversation.name }),
    ...(conversation.thread_id === null ? {} : { thread: conversation.thread_id }),
  };
}
