import { type ContentBlock, contentToText } from "../../../src/envelope/content.ts";
import type { SqlRunner } from "../../../src/ledger/connection/database.ts";
import { AGENT, type ChatDriver } from "./chat-driver.ts";
import type { Told } from "./script.ts";

/** What the ledger holds of the conversation on one platform, without what is the platform's own: ids, times and its way to write a mention. */
export interface LedgerProjection {
  readonly events: readonly ProjectedEvent[];
  readonly messages: readonly ProjectedMessage[];
  readonly deadLetters: number;
  /** Leases, queues and outboxes with something left in them. */
  readonly unfinished: number;
}

export interface ProjectedEvent {
  readonly event: string;
  /** The name of the message it is about. */
  readonly about: string;
  readonly in: string;
  readonly by: string;
  readonly words: string;
  readonly end: string;
  /** One entry for each time it was routed: what was decided for each agent, by which rule. */
  readonly decisions: readonly Readonly<Record<string, string>>[];
  readonly turns: readonly ProjectedTurn[];
}

interface ProjectedTurn {
  readonly agent: string;
  readonly reason: string;
  readonly end: string;
  readonly restarts: number;
  readonly replies: string;
  readonly parts: readonly string[];
  /** How its platform writes ended; how many they were is the platform's limits' business. */
  readonly deliveries: readonly string[];
}

export interface ProjectedMessage {
  readonly message: string;
  readonly in: string;
  readonly by: string;
  readonly text: string;
  readonly deleted: boolean;
}

interface EventRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly thread_id: string | null;
  readonly envelope: {
    readonly sender: { readonly kind: string; readonly self: boolean };
    readonly body: Readonly<Record<string, unknown>>;
  };
  readonly decisions:
    | readonly {
        readonly agents: readonly { readonly agent: string; readonly verdict: string; readonly rule: string }[];
      }[]
    | null;
}

interface TurnRow {
  readonly id: string;
  readonly event_id: string;
  readonly agent_id: string;
  readonly trigger_message_id: string | null;
  readonly reason: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly restarts: number;
  readonly thread_id: string | null;
  readonly reply: { readonly parts?: readonly ReplyPartRow[] } | null;
  readonly deliveries: readonly { readonly state: string; readonly message_id: string | null }[] | null;
}

interface ReplyPartRow {
  readonly type: string;
  readonly markdown?: string;
  readonly prompt?: string;
  readonly name?: string;
}

interface MessageRow {
  readonly message_id: string;
  readonly thread_id: string | null;
  readonly turn_id: string | null;
  readonly agent_id: string | null;
  readonly sender: { readonly kind: string };
  readonly text: string;
  readonly deleted: boolean;
}

/** Reads all rows that the conversation left behind. */
export async function projectLedger(sql: SqlRunner, { driver, said, before }: Told): Promise<LedgerProjection> {
  const place = [driver.platform, driver.channel()];
  const rows = <Row>(text: string): Promise<Row[]> => sql.query<Row>({ text }, place);
  const events = await rows<EventRow>(
    `select e.id, e.kind, e.state, e.state_reason, c.thread_id, e.envelope, e.decisions
       from conversations c join events e on e.conversation_id = c.id where c.platform = $1 and c.channel_id = $2 order by e.received_at, e.id`,
  );
  const turns = await rows<TurnRow>(
    `select t.id, t.event_id, t.agent_id, t.trigger_message_id, t.reason, t.state, t.state_reason, t.restarts, c.thread_id, t.reply,
       (select jsonb_agg(jsonb_build_object('state', d.state, 'message_id', d.message_id) order by d.sequence) from deliveries d where d.turn_id = t.id) as deliveries
       from conversations c join turns t on t.reply_conversation_id = c.id where c.platform = $1 and c.channel_id = $2 order by t.order_no`,
  );
  const messages = await rows<MessageRow>(
    `select m.message_id, c.thread_id, m.turn_id, m.agent_id, m.sender, m.text, m.deleted_at is not null as deleted
       from conversations c join messages m on m.conversation_id = c.id where c.platform = $1 and c.channel_id = $2 order by m.platform_order`,
  );
  const [rest] = await rows<{ dead: number; unfinished: number }>(
    `select (select count(*) from dead_letters)::int as dead,
       (select count(*) from conversations c where c.platform = $1 and c.channel_id = $2 and (c.due_at is not null or c.outbox_due_at is not null))::int as unfinished`,
  );
  const handles = new Map(
    (await sql.query<{ id: string; handle: string }>({ text: "select id, handle from agents" })).map((row) => [
      row.id,
      row.handle,
    ]),
  );
  const names = namesOf(said, turns);
  const order = [...names.values()];
  const nameOf = (id: unknown): string => names.get(String(id)) ?? `unknown ${String(id)}`;
  const placeOf = (threadId: string | null): string =>
    threadId === null ? "channel" : `thread of ${nameOf(threadId)}`;

  return {
    events: events
      .filter(({ id }) => !before.has(id))
      .map(projectEvent)
      .toSorted((one, other) => order.indexOf(one.about) - order.indexOf(other.about)),
    messages: foldPieces(messages.map(projectMessage)).toSorted(
      (one, other) => order.indexOf(one.message) - order.indexOf(other.message),
    ),
    deadLetters: rest?.dead ?? -1,
    unfinished: rest?.unfinished ?? -1,
  };

  function projectEvent(row: EventRow): ProjectedEvent {
    const { body, sender } = row.envelope;
    return {
      event: row.kind,
      about: nameOf(body["messageId"]),
      in: placeOf(row.thread_id),
      by: sender.self ? "Parley" : sender.kind,
      words: wordsOf(body, driver),
      end: ended(row),
      decisions: (row.decisions ?? []).map(({ agents }) =>
        Object.fromEntries(
          agents.map(({ agent, verdict, rule }) => [handles.get(agent) ?? agent, `${verdict}: ${rule}`]),
        ),
      ),
      turns: turns.filter((turn) => turn.event_id === row.id).map(projectTurn),
    };
  }

  function projectTurn(row: TurnRow): ProjectedTurn {
    return {
      agent: handles.get(row.agent_id) ?? row.agent_id,
      reason: row.reason,
      end: ended(row),
      restarts: row.restarts,
      replies: placeOf(row.thread_id),
      parts: (row.reply?.parts ?? []).map(partInWords),
      deliveries: [...new Set((row.deliveries ?? []).map(({ state }) => state))],
    };
  }

  function projectMessage(row: MessageRow): ProjectedMessage {
    return {
      message: nameOf(row.message_id),
      in: placeOf(row.thread_id),
      by: row.agent_id === null ? row.sender.kind : (handles.get(row.agent_id) ?? row.agent_id),
      text: plain(row.text).replace(driver.address, `@${AGENT.handle}`),
      deleted: row.deleted,
    };
  }
}

/** The names of people's messages, and of each message that a turn posted: all the pieces of one reply share a name. */
function namesOf(said: ReadonlyMap<string, string>, turns: readonly TurnRow[]): Map<string, string> {
  const names = new Map([...said].map(([name, id]) => [id, name]));
  const all = new Map<string, string>();
  for (const [id, name] of names) {
    all.set(id, name);
    for (const turn of turns.filter((one) => one.trigger_message_id === id))
      nameDeliveries(all, turn, `answer to ${name}`);
  }
  // What was posted because of a choice is about the question, which is an answer itself.
  for (const turn of turns.filter((one) => one.reason === "action"))
    nameDeliveries(all, turn, `answer to the choice on ${all.get(turn.trigger_message_id ?? "") ?? "?"}`);
  return all;
}

function nameDeliveries(names: Map<string, string>, turn: TurnRow, name: string): void {
  for (const { message_id: id } of turn.deliveries ?? []) if (id !== null) names.set(id, name);
}

/** Joins the pieces in which a platform takes a long reply. */
function foldPieces(messages: readonly ProjectedMessage[]): ProjectedMessage[] {
  const folded = new Map<string, ProjectedMessage>();
  for (const message of messages) {
    const earlier = folded.get(message.message);
    folded.set(
      message.message,
      earlier === undefined ? message : { ...earlier, text: `${earlier.text} ${message.text}` },
    );
  }
  return [...folded.values()];
}

function ended(row: { readonly state: string; readonly state_reason: string | null }): string {
  return row.state_reason === null ? row.state : `${row.state}: ${row.state_reason}`;
}

/** A mention and a reaction are written by each platform in its own way; what they stand for is the same. */
function wordsOf(body: Readonly<Record<string, unknown>>, driver: ChatDriver): string {
  if (Array.isArray(body["content"])) {
    const content = body["content"] as ContentBlock[]; // stored after validation
    const media = content.flatMap((block) =>
      block.type === "media" ? [`${block.mediaType} of ${block.sizeBytes} bytes`] : [],
    );
    return [plain(contentToText(content)).replace(driver.address, `@${AGENT.handle}`), ...media].join(", ");
  }
  if ("actionId" in body) return `${String(body["actionId"])}=${String(body["value"])}`;
  if ("reaction" in body) return driver.emojiOf(String(body["reaction"]));
  return "";
}

function partInWords(part: ReplyPartRow): string {
  return `${part.type}: ${plain(part.markdown ?? part.prompt ?? part.name ?? "")}`;
}

/** Markdown may escape what could be taken for markup; white space between words is one; who decided goes by the platform's own name, at a time of its own. */
function plain(text: string): string {
  return text
    .replaceAll(/decided by .+?, \d{4}-\d\d-\d\d \d\d:\d\d UTC/gu, "decided by the person")
    .replaceAll(/\\(?=[\p{P}\p{S}\s])/gu, "")
    .replaceAll(/\s+/gu, " ")
    .trim();
}
