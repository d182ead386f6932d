import type { ConversationReach, MemberProfile } from "../../src/contracts/adapter-features.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import type { PersonFacts } from "./inbound-context.ts";
import { asId, asRecord } from "./raw.ts";
import type { Workspace } from "./workspace.ts";

const PAGE_SIZE = 999;
const MAX_PAGES = 30;
/** Up to this many unknown people are looked up one by one; beyond it, lists of a thousand are cheaper. */
const MAX_SINGLE_LOOKUPS = 15;
const USERS_PAGE_SIZE = 1_000;
const MAX_USER_PAGES = 10;

/**
 * Everybody who is in the channel now, each as Slack tells of them now. People whose profile cannot be read are external: unknown
 * is not trusted.
 */
export async function readMembers(
  workspace: Workspace,
  channelId: string,
  signal: AbortSignal,
): Promise<readonly MemberProfile[]> {
  const ids = await memberIds(workspace, channelId, signal);
  const unknown = ids.filter((id) => workspace.directory.confirmedPerson(id) === undefined);
  if (unknown.length > MAX_SINGLE_LOOKUPS) await learnEverybody(workspace, signal);
  else for (const id of unknown) await learnPerson(workspace, id, signal);
  return ids.map((id) => profileOf(id, workspace.directory.confirmedPerson(id), workspace.botUserId));
}

async function memberIds(workspace: Workspace, channelId: string, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  let cursor = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { channel: channelId, limit: PAGE_SIZE, ...(cursor === "" ? {} : { cursor }) };
    const answer = await workspace.read("conversations.members", (web) => web.conversations.members(query), signal);
    for (const member of answer.members ?? []) {
      const id = asId(member);
      if (id !== undefined) ids.push(id);
    }
    cursor = answer.response_metadata?.next_cursor ?? "";
    if (cursor === "") return ids;
  }
  throw new ParleyError("FEATURE_UNSUPPORTED", {
    detail: `the channel has more than ${PAGE_SIZE * MAX_PAGES} members`,
  });
}

/**
 * Who can read the channel beside those who are in it. A public channel is open to every full member; one that is shared with
 * another organization or workspace is open there too, to people whom nobody lists.
 */
export async function readReach(
  workspace: Workspace,
  channelId: string,
  signal: AbortSignal,
): Promise<ConversationReach> {
  const query = { channel: channelId };
  const answer = await workspace.read("conversations.info", (web) => web.conversations.info(query), signal);
  const channel = asRecord(answer.channel);
  const closed = ["is_private", "is_im", "is_mpim", "is_group"].some((flag) => channel?.[flag] === true);
  const shared = ["is_shared", "is_ext_shared", "is_org_shared"].some((flag) => channel?.[flag] === true);
  const isPublic = channel !== undefined && !closed;
  return { openToMembers: isPublic, complete: channel !== undefined && (closed || !shared) };
}

/** Whether the bot is in the channel, as Slack says now. */
export async function isPresent(workspace: Workspace, channelId: string, signal: AbortSignal): Promise<boolean> {
  const query = { channel: channelId };
  try {
    const answer = await workspace.read("conversations.info", (web) => web.conversations.info(query), signal);
    const channel = asRecord(answer.channel);
    return channel?.["is_member"] === true || channel?.["is_im"] === true || channel?.["is_mpim"] === true;
  } catch (error) {
    // Of a private channel that it was put out of, Slack tells a bot nothing.
    if (toParleyError(error).code === "TARGET_NOT_FOUND") return false;
    throw error;
  }
}

async function learnPerson(workspace: Workspace, userId: string, signal: AbortSignal): Promise<void> {
  try {
    const answer = await workspace.read("users.info", (web) => web.users.info({ user: userId }), signal);
    const user = asRecord(answer.user);
    if (user !== undefined) workspace.directory.notePerson(user);
  } catch (error) {
    if (signal.aborted) throw error;
  }
}

async function learnEverybody(workspace: Workspace, signal: AbortSignal): Promise<void> {
  let cursor = "";
  for (let page = 0; page < MAX_USER_PAGES; page++) {
    const query = { limit: USERS_PAGE_SIZE, ...(cursor === "" ? {} : { cursor }) };
    const answer = await workspace.read("users.list", (web) => web.users.list(query), signal);
    for (const member of answer.members ?? []) {
      const user = asRecord(member);
      if (user !== undefined) workspace.directory.notePerson(user);
    }
    cursor = answer.response_metadata?.next_cursor ?? "";
    if (cursor === "") return;
  }
}

function profileOf(id: string, facts: PersonFacts | undefined, botUserId: string): MemberProfile {
  return {
    id,
    name: facts?.name ?? id,
    kind: id === botUserId ? "bot" : (facts?.kind ?? "external_guest"),
    self: id === botUserId,
    memberClass: id === botUserId ? "bot" : (facts?.memberClass ?? "external"),
    ...(facts?.avatarUrl === undefined ? {} : { avatarUrl: facts.avatarUrl }),
  };
}
