import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { asUserId } from "./matrix-ids.ts";
import type { Raw } from "./raw.ts";

/** Tells the account's own clients, by `m.direct`, that a room is a conversation with one person. Best effort; puppets have no clients. */
export async function listDirectRoom(account: Account, personId: string, roomId: string): Promise<void> {
  if (account.puppetPrefix !== undefined) return;
  const path = clientPath("user", account.userId, "account_data", "m.direct");
  try {
    const known = await account.call({ method: "GET", label: "account data", path }).catch(() => ({}) as Raw);
    const before = Array.isArray(known[personId]) ? known[personId].filter((id) => typeof id === "string") : [];
    const body = { ...plain(known), [personId]: [...new Set([...before, roomId])] };
    await account.call({ method: "PUT", label: "account data", path, body });
  } catch {
    // The room is known to be direct here in any case.
  }
}

/** Keeps of account data what it is defined to hold: lists of room ids by user id. */
function plain(known: Raw): Record<string, string[]> {
  const kept: Record<string, string[]> = {};
  for (const [userId, list] of Object.entries(known))
    if (asUserId(userId) !== undefined && Array.isArray(list))
      kept[userId] = list.filter((id) => typeof id === "string");
  return kept;
}
