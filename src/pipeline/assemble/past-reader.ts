import { setTimeout as sleep } from "node:timers/promises";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { toParleyError } from "../../errors/parley-error.ts";

/** Longest wait for what the platform says of old messages, in ms; what is not known by then is not given. */
const TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

interface PastQuestion {
  readonly organizationId: string;
  readonly platform: string;
  readonly installationId: string;
  readonly path: ConversationPath;
  readonly personId: string;
  readonly messageIds: readonly string[];
}

/** Which of a conversation's messages a person who asks there could read: who joined later may see less. What is not known is not among them. */
export type PastReader = (question: PastQuestion) => Promise<ReadonlySet<string>>;

/** A platform that is not there for a moment, as after a restart, is asked again; undefined when it says no, or nothing in time. */
async function patiently<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer | undefined> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await ask();
    } catch (thrown) {
      if (signal.aborted || toParleyError(thrown).row.retry === "never") return undefined;
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Asks the platform; where it does not tell apart who is in a conversation, all of it is readable. */
export function createPastReader(adapter: (platform: string) => ChatAdapter): PastReader {
  return async ({ organizationId, platform, installationId, path, personId, messageIds }) => {
    const { access } = adapter(platform).features;
    if (access?.couldRead === undefined || messageIds.length === 0) return new Set(messageIds);
    const target = { organizationId, installationId, conversation: path, askerId: personId };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const query = { target, memberIds: [personId], messageIds, signal };
    const readers = await patiently(async () => await access.couldRead?.(query), signal);
    return new Set(messageIds.filter((id) => readers?.get(id)?.has(personId) === true));
  };
}
