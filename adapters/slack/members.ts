import type { MemberProfile } from "../../src/contracts/adapter-features.ts";
import type { PersonFacts } from "./inbound-context.ts";
import { asId, asRecord } from "./raw.ts";
import type { Workspace } from "./workspace.ts";

const PAGE_SIZE = 999;
const MAX_PAGES = 30;
/** Up to this many unknown people are looked up one by one; beyond it, lists of a thousand are cheaper. */
const MAX_SINGLE_LOOKUPS = 15;
const USERS_PAGE_SIZE = 1_000;
const MAX_USER_PAGES = 10;

/** Everybody who is in the channel now. People whose profile cannot be read are external guests: unknown is not trusted. */
export async function readMembers(
  workspace: Workspace,
  channelId: string,
  signal: AbortSignal,
): Promise<readonly MemberProfile[]> {
  const ids = await memberIds(workspace, channelId, signal);
  const unknown = ids.filter((id) => workspace.directory.knownPerson(id) === undefined);
  if (unknown.length > MAX_SINGLE_LOOKUPS) await learnEverybody(workspace, signal);
  else for (const id of unknown) await learnPerson(workspace, id, signal);
  return ids.map((id) => profileOf(id, workspace.directory.knownPerson(id), workspace.botUserId));
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
    if (cursor === "") break;
  }
  return ids;
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
    ...(facts?.avatarUrl === undefined ? {} : { avatarUrl: facts.avatarUrl }),
  };
}
