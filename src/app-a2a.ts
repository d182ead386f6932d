import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { isPushToken } from "../agents/a2a/index.ts";
import { checkCallableUrl, judgeAddress, type NetworkPolicy } from "../agents/shared/address-policy.ts";
import { GuardedHttp } from "../agents/shared/guarded-http.ts";
import { failedResponseToError } from "../agents/shared/http-errors.ts";
import type { PolicyBook } from "./access/policy-book.ts";
import { toPushRequest } from "./api/a2a/push-body.ts";
import type { A2aRouteContext } from "./api/a2a/routes.ts";
import type { TaskNoticeContext } from "./api/routes/task-notice-routes.ts";
import type { Logger } from "./contracts/logger.ts";
import type { Operations } from "./contracts/operations.ts";
import type { RoomVisitors } from "./contracts/web-visitor.ts";
import { ParleyError } from "./errors/parley-error.ts";
import { appendAudit } from "./ledger/audit-log.ts";
import type { Database } from "./ledger/connection/database.ts";
import type { Tenants } from "./ledger/connection/tenant-database.ts";
import type { NewId } from "./ledger/row-ids.ts";
import type { SecretBox } from "./ledger/secret-box.ts";
import type { Connectors } from "./pipeline/connectors.ts";
import type { Directory } from "./pipeline/directory.ts";
import type { ReplyTokens } from "./pipeline/operations/reply-tokens.ts";
import { createChangeBell } from "./pipeline/outside/change-bell.ts";
import { createOutsideTasks } from "./pipeline/outside/outside-tasks.ts";
import { createPushLoop } from "./pipeline/outside/push-loop.ts";

interface A2aParts {
  readonly database: Database;
  readonly tenant: Tenants;
  readonly visitors: RoomVisitors;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly connectors: Connectors;
  readonly replyTokens: ReplyTokens;
  readonly box: SecretBox;
  readonly newId: NewId;
  readonly logger: Logger;
  /** Where notifications may go that clients from outside asked for; apart from where agents may live. */
  readonly pushNetwork: NetworkPolicy;
  readonly operations: Pick<Operations, "acceptDeferredReply">;
  readonly baseUrl: () => string;
}

const PUSH_TIMEOUT_MS = 10_000;
const COLLECT_TIMEOUT_MS = 30_000;
/** A notice may overtake the commit that puts its turn off. */
const DEFER_WAIT_MS = 3_000;
const LOOK_EVERY_MS = 50;

/** Parley as a server of A2A, and the end of its own turns that an A2A agent said it would answer later. */
export function createA2a(parts: A2aParts): {
  readonly routes: A2aRouteContext;
  readonly notices: TaskNoticeContext;
  start(): void;
  stop(): Promise<void>;
} {
  const { database, tenant, visitors, newId, logger } = parts;
  const bell = createChangeBell((onChange, onGap) => visitors.listen(onChange, onGap));
  const tasks = createOutsideTasks({ ...parts, bell });
  const http = new GuardedHttp({ network: parts.pushNetwork });
  const pushes = createPushLoop({
    database,
    tasks,
    logger,
    async send(task, push, signal) {
      const { url, headers, body } = await toPushRequest(task, push);
      const answer = await http.call(url, {
        method: "POST",
        headers,
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(PUSH_TIMEOUT_MS)]),
        firstByteTimeoutMs: PUSH_TIMEOUT_MS,
      });
      answer.discard();
      const { status } = answer;
      if (status < 200 || status >= 300)
        throw failedResponseToError({ status, retryAfter: undefined, nowMs: Date.now() });
    },
  });

  async function turnOf(turnId: string) {
    const [turn] = await database.query<{ agent_id: string; organization_id: string; state: string }>(
      { text: "select agent_id, organization_id, state from turns where id = $1" },
      [turnId],
    );
    return turn;
  }

  const collect: TaskNoticeContext["collect"] = async ({ token, taskId, presented }) => {
    const turnId = parts.replyTokens.verify(token);
    let turn = turnId === undefined ? undefined : await turnOf(turnId);
    if (turnId === undefined || turn === undefined)
      throw new ParleyError("UNAUTHENTICATED", { detail: "this reply address was not issued here" });
    if (!isPushToken(presented, token, taskId)) {
      await appendAudit(database, turn.organization_id, [
        { what: "denied", by: "reply_address", action: "reply", rule: "notice_token", turn: turnId },
      ]);
      throw new ParleyError("UNAUTHENTICATED", { detail: "the notification does not carry the task's token" });
    }
    const until = performance.now() + DEFER_WAIT_MS;
    while (turn?.state === "running" && performance.now() < until) {
      await sleep(LOOK_EVERY_MS);
      turn = await turnOf(turnId);
    }
    // Notices repeat, and come late: what has its reply needs no other.
    if (turn?.state !== "waiting") return { turnId };
    const reply = await parts.connectors.of(turn.agent_id).collect?.(taskId, AbortSignal.timeout(COLLECT_TIMEOUT_MS));
    if (reply === undefined) return { turnId };
    return await parts.operations.acceptDeferredReply(token, reply).catch((error: unknown) => {
      if (error instanceof ParleyError && error.code === "CONFLICT") return { turnId };
      throw error;
    });
  };

  return {
    routes: {
      tasks,
      baseUrl: parts.baseUrl,
      checkPushUrl: (url) => checkPushUrl(url, parts.pushNetwork),
      newId: () => newId("n"),
      denied: (organizationId, by) =>
        appendAudit(tenant(organizationId), organizationId, [
          { what: "denied", by, action: "talk", rule: "no_person_behind_token" },
        ]),
    },
    notices: { collect },
    start: () => pushes.start(),
    async stop() {
      await pushes.stop();
      await bell.close();
      await http.close();
    },
  };
}

/** Throws REQUEST_INVALID for an address whose notifications could only fail; a name is judged when the connection is made. */
function checkPushUrl(text: string, network: NetworkPolicy): void {
  const refused = (why: string): ParleyError =>
    new ParleyError("REQUEST_INVALID", { detail: `notifications cannot be sent to this address${why}` });
  let url: URL;
  try {
    url = checkCallableUrl(text);
  } catch {
    throw refused("");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) === 0) return;
  const verdict = judgeAddress(host, network);
  if (verdict.kind === "refused")
    throw refused(`: it leads into a ${verdict.range} network, which Parley does not call`);
  if (verdict.kind === "public" && url.protocol === "http:")
    throw refused(": it must begin with https: outside of private networks");
}
