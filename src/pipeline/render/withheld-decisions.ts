import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { TextDigest } from "../../access/text-digest.ts";
import type { AgentIdentity, ChatAdapter, Target } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { Envelope, EnvelopeOf } from "../../envelope/envelope.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import { type AuditEntry, appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import {
  addLaterDeliveries,
  dueWithheld,
  type LaterDelivery,
  moveWithheld,
  readWithheld,
  type WithheldReply,
} from "../../ledger/withheld-replies.ts";
import type { ReadingRights } from "../assemble/reading-rights.ts";
import { type Directory, shownIdentity } from "../directory.ts";
import { type RenderedReply, renderReply } from "../requests/render-reply.ts";
import { mayReadAll } from "./source-guard.ts";
import { decidedNotice, NOT_YOURS_TO_DECIDE, readWithheldChoice, type WithheldChoice } from "./withheld-notice.ts";

export interface WithheldPorts {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly rights: ReadingRights;
  readonly directory: Directory;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly newId: NewId;
  readonly digest: TextDigest;
  readonly logger: Logger;
  readonly wakeOutbox: () => void;
}

/** What becomes of replies that were withheld: told to the asker alone, decided by somebody who may read their sources, or forgotten after a day. */
export interface WithheldDecisions {
  /** Shows it to the person who asked, if it is kept for them; never throws. */
  tellAsker(turnId: string): Promise<void>;
  /** Does what somebody chose on the notice, if they may now; never throws. */
  decide(click: Envelope): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 20_000;
const SHOW_TIMEOUT_MS = 20_000;
/** Ordinals of the reply's own writes lie below. */
const LATER_ORDINAL = 1_000;

export function createWithheldDecisions(ports: WithheldPorts): WithheldDecisions {
  const { database, facts, rights, logger } = ports;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();

  const quietly = async (work: Promise<void>, turnId: string | undefined): Promise<void> =>
    await work.catch((error: unknown) => logger.warn({ err: error, turnId }, "a withheld reply could not be seen to"));

  async function tellAsker(turnId: string): Promise<void> {
    const row = await readWithheld(database, turnId);
    if (row === undefined || row.policy !== "asker" || row.state !== "open" || row.asker_id === null) return;
    if (row.source_deleted) return;
    const { asker_id: personId, organization_id: organizationId } = row;
    if (!(await mayReadAll(rights, facts, organizationId, personId, row.sources)))
      return await settle(row, "open", "discarded", { rule: "asker_may_not_read_the_sources" }, unshown(row));
    if (!(await moveWithheld(database, { turnId, from: "open", to: "sending", by: null }))) return;
    try {
      await show(row, personId, partsOf(row), `${turnId}:asker`);
      await settle(row, "sending", "released", { rule: "asker_alone", to: personId });
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      logger.info({ turnId, code: error.code }, "a withheld reply could not be shown to the person who asked");
      const again = error.delivery === "not_sent" && error.row.retry !== "never";
      // What may have been shown is not shown again.
      if (again) await moveWithheld(database, { turnId, from: "sending", to: "open", by: null });
      else await settle(row, "sending", "discarded", { rule: error.code }, unshown(row));
    }
  }

  async function decide(click: EnvelopeOf<"action_submitted">): Promise<void> {
    const chosen = readWithheldChoice(click.body);
    if (chosen === undefined) return;
    const row = await readWithheld(database, chosen.turnId);
    // The click must be on the notice itself: an agent can put any id on a button of its own.
    if (row === undefined || !isOn(click, row)) return;
    const personId = click.sender.id;
    const rule = click.sender.kind === "human" ? await whyNot(row, personId, click.body.reaction) : "not_a_person";
    if (rule !== undefined) {
      const entry = { by: personId, turn: row.turn_id, action: "approve", rule };
      await database.transaction((tx) => appendAudit(tx, row.organization_id, [{ what: "denied", ...entry }]));
      await show(row, personId, [NOT_YOURS_TO_DECIDE], `${row.turn_id}:refused:${click.dedupeKey}`).catch(
        () => undefined,
      );
      return;
    }
    await act(row, chosen.choice, click);
  }

  async function act(row: WithheldReply, choice: WithheldChoice, click: Envelope): Promise<void> {
    const { sender } = click;
    if (row.is_over || row.source_deleted) return;
    if (choice === "show") {
      if (row.state !== "open") return;
      const entry = { by: sender.id, turn: row.turn_id, outcome: "shown", rule: "reader_of_all_sources" };
      await database.transaction((tx) => appendAudit(tx, row.organization_id, [{ what: "approval", ...entry }]));
      return await show(row, sender.id, partsOf(row), `${row.turn_id}:shown:${click.dedupeKey}`);
    }
    const decision = choice === "release" ? "released" : "discarded";
    const notice = decidedNotice(identityOf(row).handle, decision, sender.name ?? sender.id);
    await settle(
      row,
      "open",
      decision,
      { by: sender.id, rule: "reader_of_all_sources" },
      { notice, parts: decision === "released" ? partsOf(row) : [] },
    );
  }

  /** The rule by which a person may not decide; undefined for one who may approve there and read all sources, by facts of now. */
  async function whyNot(
    row: WithheldReply,
    personId: string,
    reaction: string | undefined,
  ): Promise<string | undefined> {
    const here: FactPlace = {
      organizationId: row.organization_id,
      installationId: row.installation_id,
      path: row.path as ConversationPath, // written from a validated envelope
    };
    // A leave that no event told of is noticed before anything is released.
    const present = await facts.isPresent(here);
    if (present !== true) return present === undefined ? "membership_unknown" : "identity_not_in_channel";
    const react = reaction === undefined ? undefined : await rights.personMay(personId, "react", here);
    if (react?.allowed === false) return react.rule;
    const approve = await rights.personMay(personId, "approve", here);
    if (!approve.allowed) return approve.rule;
    const reads = await mayReadAll(rights, facts, row.organization_id, personId, row.sources);
    return reads ? undefined : "may_not_read_the_sources";
  }

  /** Moves it on once, with its audit entry and what is written about it, in one transaction. */
  async function settle(
    row: WithheldReply,
    from: "open" | "sending",
    to: "released" | "discarded" | "expired",
    audit: { readonly rule: string; readonly by?: string; readonly to?: string },
    told?: { readonly notice: ReplyPart; readonly parts: readonly ReplyPart[] },
  ): Promise<void> {
    const entry: AuditEntry = { what: "approval", turn: row.turn_id, policy: row.policy, outcome: to, ...audit };
    const moved = await database.transaction(async (tx) => {
      const by = audit.by ?? null;
      if (!(await moveWithheld(tx, { turnId: row.turn_id, from, to, by }))) return false;
      if (told !== undefined) {
        const { deliveries, requests } = laterOf(row, told);
        await addLaterDeliveries(tx, row, deliveries, requests);
      }
      await appendAudit(tx, row.organization_id, [entry]);
      return true;
    });
    if (moved && told !== undefined) ports.wakeOutbox();
  }

  function laterOf(
    row: WithheldReply,
    told: { readonly notice: ReplyPart; readonly parts: readonly ReplyPart[] },
  ): { readonly deliveries: readonly LaterDelivery[]; readonly requests: RenderedReply["requests"] } {
    const adapter = ports.adapters.get(row.platform);
    const conversation = row.path as ConversationPath; // written from a validated envelope
    const context = { identity: identityOf(row), conversation, mentionable: [] };
    const notice = row.notice_id === null ? [] : (adapter?.render([told.notice], context) ?? []).slice(0, 1);
    const { newId, digest } = ports;
    const { posts, requests } =
      told.parts.length === 0 || adapter === undefined
        ? { posts: [], requests: [] }
        : renderReply(told.parts, { adapter, context, asks: true, epoch: 0, newId, digest });
    const shown = [...notice.map((post) => ({ ...post, request: null })), ...posts];
    const deliveries = shown.map((post, index) => ({
      id: ports.newId("d"),
      ord: LATER_ORDINAL + index,
      body: post.body,
      fallback: post.fallbackText,
      key: `${row.turn_id}:later:${index}`,
      edits: index < notice.length ? row.notice_id : null,
      request: post.request,
    }));
    return { deliveries, requests };
  }

  async function show(row: WithheldReply, personId: string, parts: readonly ReplyPart[], key: string): Promise<void> {
    const target: Target = {
      organizationId: row.organization_id,
      installationId: row.installation_id,
      conversation: row.path as ConversationPath, // written from a validated envelope
      askerId: personId,
    };
    const signal = AbortSignal.timeout(SHOW_TIMEOUT_MS);
    const query = { target, personId, identity: identityOf(row), parts, idempotencyKey: key, signal };
    await ports.adapters.get(row.platform)?.features.privately?.show(query);
  }

  function unshown(row: WithheldReply): { readonly notice: ReplyPart; readonly parts: readonly ReplyPart[] } {
    return { notice: decidedNotice(identityOf(row).handle, "unshown", ""), parts: [] };
  }

  function identityOf(row: WithheldReply): AgentIdentity {
    return shownIdentity(ports.directory, row.agent_id);
  }

  async function look(): Promise<void> {
    for (const row of await dueWithheld(database, [...ports.adapters.keys()])) await quietly(see(row), row.turn_id);
  }

  async function see(row: WithheldReply): Promise<void> {
    // Nobody knows whether it was shown.
    if (row.state === "sending")
      return await settle(row, "sending", "discarded", { rule: "outcome_unknown" }, unshown(row));
    const said = await readWithheld(database, row.turn_id);
    if (said === undefined) return await settle(row, "open", "discarded", { rule: "its_turn_ended_otherwise" });
    if (row.source_deleted) {
      const gone = decidedNotice(identityOf(row).handle, "deleted", "");
      return await settle(row, "open", "discarded", { rule: "source_deleted" }, { notice: gone, parts: [] });
    }
    if (!row.is_over) return await tellAsker(row.turn_id);
    const notice = decidedNotice(identityOf(row).handle, row.policy === "asker" ? "unshown" : "expired", "");
    await settle(row, "open", "expired", { rule: "not_released_in_time" }, { notice, parts: [] });
  }

  return {
    tellAsker: (turnId) => quietly(tellAsker(turnId), turnId),
    async decide(click) {
      if (click.kind === "action_submitted") await quietly(decide(click), undefined);
    },
    start() {
      timer ??= setInterval(() => {
        looking = looking.then(() => quietly(look(), undefined));
      }, LOOK_EVERY_MS).unref();
    },
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

function partsOf(row: WithheldReply): readonly ReplyPart[] {
  return Array.isArray(row.reply) ? (row.reply as ReplyPart[]) : []; // written from a validated reply
}

function isOn(click: EnvelopeOf<"action_submitted">, row: WithheldReply): boolean {
  return (
    row.notice_id !== null &&
    click.body.messageId === row.notice_id &&
    click.organizationId === row.organization_id &&
    click.installationId === row.installation_id &&
    click.conversation.channel.id === (row.path as ConversationPath).channel.id // written from a validated envelope
  );
}
