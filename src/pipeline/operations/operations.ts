import { createHash } from "node:crypto";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Operations, SystemStatus } from "../../contracts/operations.ts";
import { type ConversationPath, conversationKey } from "../../envelope/conversation.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { ensureConversation, insertDelivery, stopConversation } from "../../ledger/replay.ts";
import { conversationIdOf, type NewId } from "../../ledger/row-ids.ts";
import { countWork, findDestination, listInstallationIds, listRooms } from "../../ledger/status.ts";
import type { Doorbell } from "../../queue/queue-port.ts";
import { agentMay, grantIn } from "../agent-grant.ts";
import type { Directory } from "../directory.ts";
import type { AgentRegistry } from "./agent-operations.ts";
import { createDeadLetterOperations } from "./dead-letter-operations.ts";
import { explainMessage } from "./explain-message.ts";
import { readTurnAgain } from "./recorded-turn.ts";
import type { ReplyTokens } from "./reply-tokens.ts";
import { createSwitchOperations } from "./switch-operations.ts";
import { takeDeferredReply } from "./take-deferred-reply.ts";

export interface OperationsOptions {
  readonly database: Database;
  readonly doorbell: Doorbell;
  readonly queueBackend: string;
  readonly newId: NewId;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly facts: MemberFacts;
  readonly agents: AgentRegistry;
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly replyTokens: ReplyTokens;
  /** Makes routing and the outbox look now. */
  readonly wake: () => void;
  /** Asks running turns to stop, wherever they run. */
  readonly cancelRunning: (turnIds: readonly string[], request: string) => void;
}

const MAX_ROOMS = 200;

/** Everything that operators, agent authors and the guide can ask of a running Parley. */
export function createOperations(options: OperationsOptions): Operations {
  const { database, directory } = options;
  return {
    agents: options.agents,
    deadLetters: createDeadLetterOperations(options),
    switches: createSwitchOperations({
      database,
      directory,
      refreshPolicies: () => options.policies.refresh(),
      wake: options.wake,
      cancelRunning: options.cancelRunning,
    }),
    explain: (organizationId, reference) => explainMessage(database, organizationId, reference),
    turnAgain: (organizationId, turnId, how) => readTurnAgain(options, organizationId, turnId, how),
    async send({ organizationId, agent: handle, to, text, idempotencyKey, by }) {
      const agent = directory.byHandle(organizationId, handle);
      if (agent === undefined) throw new ParleyError("NOT_FOUND", { detail: `there is no agent @${handle}` });
      const place = await findDestination(database, organizationId, to);
      const adapter = place === undefined ? undefined : options.adapters.get(place.platform);
      if (place === undefined || adapter === undefined)
        throw new ParleyError("NOT_FOUND", {
          detail: `no conversation is known as ${to}; write platform:channel, such as web:general`,
        });
      if (agent.definition.shadow !== undefined)
        throw new ParleyError("PERMISSION_DENIED", {
          detail: `@${handle} is in shadow: it speaks in its review room ${agent.definition.shadow.reviewRoom} alone, and only when it is asked (agent_in_shadow)`,
        });
      const path = (place.path ?? {
        space: { id: place.installation_id },
        channel: { id: place.channel_id, name: place.name ?? undefined, kind: place.kind, external: false },
      }) as ConversationPath; // written from a validated envelope, or built from the mirror's row
      const access = agentMay(
        agent,
        "post",
        {
          installationId: place.installation_id,
          path: { ...path, channel: { ...path.channel, id: place.channel_id, name: place.name ?? undefined } },
        },
        options.policies.of(organizationId),
        { archived: place.archived === true, identityInChannel: place.self_member !== false },
      );
      if (!access.allowed) {
        await appendAudit(database, organizationId, [
          { what: "denied", by: by ?? "operator", action: "send", rule: access.rule, agent: agent.agentId, to },
        ]);
        throw new ParleyError("PERMISSION_DENIED", {
          detail: `@${handle} may not post to ${to} (${access.rule})${resumeHint(access.rule, handle)}`,
        });
      }
      const conversationId = conversationIdOf(
        conversationKey(place.installation_id, place.channel_id, place.thread_id ?? undefined),
      );
      await ensureConversation(database, {
        id: conversationId,
        organizationId,
        installationId: place.installation_id,
        platform: place.platform,
        channelId: place.channel_id,
        threadId: place.thread_id,
        path,
      });
      const key =
        idempotencyKey === undefined
          ? options.newId("s")
          : `s_${createHash("sha256")
              .update(JSON.stringify([organizationId, handle, to, idempotencyKey]))
              .digest("hex")
              .slice(0, 32)}`;
      const posts = adapter.render([{ type: "text", markdown: text }], {
        identity: agent.identity,
        conversation: path,
        mentionable: [],
      });
      const deliveryIds = posts.map((_post, ordinal) => `d_${key}_${ordinal}`);
      for (const [ordinal, post] of posts.entries()) {
        const row = {
          id: `d_${key}_${ordinal}`,
          organizationId,
          agentId: agent.agentId,
          conversationId,
          ordinal,
          body: post.body,
          fallbackText: post.fallbackText,
          key: `${key}:${ordinal}`,
        };
        await insertDelivery(database, row);
      }
      options.wake();
      options.doorbell.ringQuietly([conversationId]);
      return { deliveryIds };
    },
    async stop({ organizationId, conversationId, requestedBy }) {
      const known = await database.query(
        { name: "conversation_exists", text: "select 1 from conversations where id = $1 and organization_id = $2" },
        [conversationId, organizationId],
      );
      if (known.length === 0) throw new ParleyError("NOT_FOUND", { detail: "there is no such conversation" });
      const ids = await stopConversation(
        database,
        organizationId,
        conversationId,
        `stopped_by_${requestedBy}`.slice(0, 100),
      );
      options.cancelRunning(ids, `cancelled:stopped_by_${requestedBy}`.slice(0, 120));
      options.wake();
      return { stoppedTurns: ids.length };
    },
    acceptDeferredReply: (token, reply) => takeDeferredReply(options, token, reply),
    async status(organizationId) {
      const [ledger, queue, work, rooms, own] = await Promise.all([
        database.ping().then(
          (ping) => ({ ok: true, latencyMs: ping.latencyMs }),
          (error: unknown) => ({
            ok: false,
            latencyMs: 0,
            detail: error instanceof ParleyError ? error.message : "the ledger does not answer",
          }),
        ),
        options.doorbell.health(),
        countWork(database).catch(() => NO_COUNTS),
        listRooms(database, MAX_ROOMS).catch(() => []),
        organizationId === undefined
          ? undefined
          : listInstallationIds(database, organizationId).catch(() => new Set<string>()),
      ]);
      return {
        ledger: { backend: database.backend, ...ledger },
        queue: {
          ok: queue.ok,
          backend: options.queueBackend,
          waiting: queue.waiting,
          latencyMs: queue.latencyMs,
          ...(queue.detail === undefined ? {} : { detail: queue.detail }),
        },
        platforms: [...options.adapters.values()].flatMap((adapter) =>
          adapter
            .health()
            .filter(({ installationId }) => own === undefined || own.has(installationId))
            .map((health) => ({ ...health, platform: adapter.platform })),
        ),
        work,
        rooms: rooms
          .filter((room) => organizationId === undefined || room.organization_id === organizationId)
          .map((room) => ({
            conversationId: conversationIdOf(conversationKey(room.installation_id, room.channel_id)),
            platform: room.platform,
            name: room.name ?? room.channel_id,
            people: room.people,
            organizationId: room.organization_id,
            kind: room.kind,
            agents: directory
              .list(room.organization_id)
              .filter(
                (agent) =>
                  agent.status === "active" &&
                  grantIn(
                    agent,
                    { installationId: room.installation_id, id: room.channel_id, name: room.name, kind: room.kind },
                    options.policies.of(room.organization_id),
                    { archived: room.archived, identityInChannel: room.self_member !== false },
                  ).member,
              )
              .map((agent) => agent.handle),
          })),
      };
    },
  };
}

/** What to do about a kill switch that is in the way. */
function resumeHint(rule: string, handle: string): string {
  if (rule === "organization_stopped") return "; resume it with: parley organization resume";
  return rule === "agent_stopped" ? `; resume it with: parley agents resume ${handle}` : "";
}

const NO_COUNTS: SystemStatus["work"] = {
  pendingEvents: 0,
  runningTurns: 0,
  queuedTurns: 0,
  pendingDeliveries: 0,
  unknownDeliveries: 0,
  openDeadLetters: 0,
  oldestOpenMs: 0,
};
