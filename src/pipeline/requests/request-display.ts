import type { AgentIdentity, ChatAdapter, Target } from "../../contracts/adapter.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import type { DecisionEdit, StoredRequest } from "../../ledger/requests.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { type Directory, shownIdentity } from "../directory.ts";
import { decidedPart, type RequestEnd } from "./decided-part.ts";
import { type AskedPart, parseAsked } from "./request-part.ts";

/** How questions look on their platforms. */
export interface RequestDisplay {
  /** What replaces the messages of a question that ended so; undefined while it is not known which messages those are. */
  edits(row: StoredRequest, end: RequestEnd): readonly DecisionEdit[] | undefined;
  /** Shows something to one person alone where the question was asked, as far as the platform can; rejects when it fails. */
  tell(row: StoredRequest, personId: string, part: ReplyPart, key: string): Promise<void>;
}

const UNSETTLED: ReadonlySet<string> = new Set(["pending", "sending", "open", "unknown"]);
const SHOW_TIMEOUT_MS = 10_000;

export function createRequestDisplay(ports: {
  readonly adapters: ReadonlyMap<string, ChatAdapter>;
  readonly directory: Directory;
  readonly newId: NewId;
}): RequestDisplay {
  function render(row: StoredRequest, part: ReplyPart) {
    return (
      ports.adapters.get(row.platform)?.render([part], {
        identity: identityOf(row),
        conversation: row.path as ConversationPath, // written from a validated envelope
        mentionable: [],
      }) ?? []
    );
  }

  function identityOf(row: StoredRequest): AgentIdentity {
    return shownIdentity(ports.directory, row.agent_id);
  }

  return {
    edits(row, end) {
      const posts = row.posts ?? [];
      if (posts.some((post) => UNSETTLED.has(post.state) && post.messageId === null)) return undefined;
      const standing = posts.filter((post) => post.messageId !== null && !post.deleted);
      // The last one has the buttons; what does not fit into one message stands in those before it.
      const last = standing.at(-1)?.messageId;
      if (last === undefined || last === null) return [];
      const part = askedPart(row);
      const whole = standing.length === 1 ? render(row, decidedPart(part, end)) : [];
      const [shown] = whole.length === 1 ? whole : render(row, decidedPart(part, end, true));
      return shown === undefined
        ? []
        : [{ id: ports.newId("d"), messageId: last, body: shown.body, fallback: shown.fallbackText }];
    },
    async tell(row, personId, part, key) {
      const target: Target = {
        organizationId: row.organization_id,
        installationId: row.installation_id,
        conversation: row.path as ConversationPath, // written from a validated envelope
        askerId: personId,
      };
      await ports.adapters.get(row.platform)?.features.privately?.show({
        target,
        personId,
        identity: identityOf(row),
        parts: [part],
        idempotencyKey: key,
        signal: AbortSignal.timeout(SHOW_TIMEOUT_MS),
      });
    },
  };
}

/** What was asked; undefined once it was purged. */
export function askedPart(row: StoredRequest): AskedPart | undefined {
  try {
    return row.part === null ? undefined : parseAsked(row.part);
  } catch {
    return undefined;
  }
}

/** How a question ended that is not open any more. */
export function endOf(row: StoredRequest): RequestEnd | undefined {
  if (row.state === "open") return undefined;
  return {
    kind: row.kind,
    state: row.state,
    reason: row.state_reason,
    optionId: row.option_id,
    effect: row.effect,
    by: row.decided_by_name ?? row.decided_by,
    at: row.decided_at ?? row.expires_at,
  };
}
