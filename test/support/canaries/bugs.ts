import type { AppPorts } from "../../../src/app.ts";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../../src/contracts/adapter-sink.ts";
import type { Database, SqlRunner, Statement } from "../../../src/ledger/connection/database.ts";

/** Something wrong that is put into a running Parley, and that the canaries must find. */
export interface SeededBug {
  readonly name: string;
  readonly ports: () => AppPorts;
}

export const SEEDED_BUGS: readonly SeededBug[] = [
  inStatement(
    "a transcript is that of the whole organization",
    "transcript_windows",
    "n.conversation_id = i.conv",
    "n.organization_id = (select c.organization_id from conversations c where c.id = i.conv)",
  ),
  inStatement(
    "a transcript is that of everybody",
    "transcript_windows",
    "n.conversation_id = i.conv",
    "i.conv is not null",
  ),
  inStatement(
    "edits and deletions change nothing",
    "intake",
    "where m.deleted_at is null and (excluded.deleted_at is not null or m.revision < excluded.revision)",
    "where false",
  ),
  inStatement(
    "messages are filed under another conversation",
    "intake",
    "select m.inst, m.channel, m.message, m.org, m.conv,",
    "select m.inst, m.channel, m.message, m.org, coalesce((select c.id from conversations c where c.organization_id = m.org order by c.id limit 1), m.conv),",
  ),
  // Two walls stand in its way, and both are taken down.
  inStatements("everybody is taken for a member", [
    [
      "read_mirrored_member",
      'select m.state, m.member_class as "memberClass", m.source, coalesce(',
      "select 'joined' as state, m.member_class as \"memberClass\", m.source, true or coalesce(",
    ],
    ["list_conversations", "and g.state = 'left'", "and g.state = 'never'"],
  ]),
  inStatement(
    "who reads a room is not known and taken for nobody",
    "read_mirrored_roster",
    "and m.state = 'joined'",
    "and false",
  ),
  inStatement(
    "who left a room is taken for one of its readers",
    "read_mirrored_roster",
    "and m.state = 'joined'",
    "and (m.state = 'joined' or m.state = 'left')",
  ),
  inStatement(
    "a leave is stored as a join",
    "upsert_memberships",
    "do update set state = excluded.state",
    "do update set state = 'joined'",
  ),
  inStatement(
    "reading back reads the whole organization",
    "read_conversation",
    "where conversation_id = $1",
    "where organization_id = (select c.organization_id from conversations c where c.id = $1)",
  ),
  inStatement(
    "answers go into another room",
    "commit_replies",
    "p.agent_id, p.reply_conversation_id, p.ord",
    "p.agent_id, (select c.id from conversations c where c.organization_id = p.organization_id and c.thread_id is null order by md5(c.id || p.id) limit 1), p.ord",
  ),
  inAdapter("an answer is posted where the last one was", (adapter) => {
    let last: Parameters<ChatAdapter["send"]>[0]["target"] | undefined;
    return {
      send: async (post) => {
        const target = last ?? post.target;
        last = post.target;
        return await adapter.send(target.organizationId === post.target.organizationId ? { ...post, target } : post);
      },
    };
  }),
  inAdapter("an answer begins with the one before, whoever it was for", (adapter) => {
    let last = "";
    return {
      render: (parts, context) => {
        const [first, ...rest] = parts;
        const markdown = first?.type === "text" ? first.markdown : "";
        const rendered = adapter.render(
          first?.type === "text" ? [{ ...first, markdown: `${last} ${markdown}` }, ...rest] : parts,
          context,
        );
        last = markdown;
        return rendered;
      },
    };
  }),
  inSink("leaves are not heard of", (sink) => ({
    ...sink,
    ingest: (envelope, options) =>
      sink.ingest(
        envelope.kind === "member_left" && envelope.body.self !== true
          ? { ...envelope, kind: "member_joined" }
          : envelope,
        options,
      ),
  })),
  inSink("two rooms are taken for one", (sink) => {
    const first = new Map<string, string>();
    return {
      ...sink,
      ingest: (envelope, options) => {
        const known = first.get(envelope.installationId) ?? envelope.orderingKey;
        first.set(envelope.installationId, known);
        if (envelope.kind !== "message_created" || envelope.conversation.thread !== undefined)
          return sink.ingest(envelope, options);
        return sink.ingest({ ...envelope, orderingKey: known }, options);
      },
    };
  }),
  inSink("words of people are logged", (sink) => ({
    ...sink,
    ingest: (envelope, options) => {
      sink.logger.info({ eventType: envelope.kind }, `taken: ${JSON.stringify(envelope.body)}`);
      return sink.ingest(envelope, options);
    },
  })),
];

/** A piece of one statement of the ledger is replaced; one that is not there any more is an error of this list. */
function inStatement(name: string, statement: string, from: string, to: string): SeededBug {
  return inStatements(name, [[statement, from, to]]);
}

/** Each edit: the name of a statement, what stands in it, and what takes its place. */
function inStatements(
  name: string,
  edits: readonly (readonly [statement: string, from: string, to: string])[],
): SeededBug {
  const broken = (given: Statement): Statement => {
    const edit = edits.find(([statement]) => statement === given.name);
    if (edit === undefined) return given;
    const [statement, from, to] = edit;
    if (!given.text.includes(from)) throw new Error(`${statement} holds no "${from}" any more`);
    return { ...given, text: given.text.replace(from, to) };
  };
  const runner = (sql: SqlRunner): SqlRunner => ({ query: (given, values) => sql.query(broken(given), values) });
  return {
    name,
    ports: () => ({
      database: (opened): Database => ({
        backend: opened.backend,
        pool: opened.pool,
        query: (given, values) => opened.query(broken(given), values),
        transaction: (work) => opened.transaction((tx) => work(runner(tx))),
        listen: (channel, onNotify, onGap) => opened.listen(channel, onNotify, onGap),
        ping: () => opened.ping(),
        close: () => opened.close(),
      }),
    }),
  };
}

function inAdapter(name: string, broken: (adapter: ChatAdapter) => Partial<ChatAdapter>): SeededBug {
  return {
    name,
    ports: () => ({
      adapter: (created) => (created.platform === "slack" ? { ...bound(created), ...broken(created) } : created),
    }),
  };
}

function inSink(name: string, broken: (sink: AdapterSink) => AdapterSink): SeededBug {
  return inAdapter(name, (adapter) => ({ start: (sink, signal) => adapter.start(broken(sink), signal) }));
}

/** Its members as an object of their own, so that some can be replaced. */
function bound(adapter: ChatAdapter): ChatAdapter {
  return {
    platform: adapter.platform,
    limits: adapter.limits,
    features: adapter.features,
    start: (sink, signal) => adapter.start(sink, signal),
    stop: () => adapter.stop(),
    ...(adapter.mount === undefined ? {} : { mount: (server) => adapter.mount?.(server) ?? Promise.resolve() }),
    render: (parts, context) => adapter.render(parts, context),
    losses: (parts, context) => adapter.losses(parts, context),
    send: (post) => adapter.send(post),
    reconcile: (query) => adapter.reconcile(query),
    health: () => adapter.health(),
  };
}
