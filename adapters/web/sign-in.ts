import type { WebRole } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import { hashSecret, newSecret } from "./ids.ts";

/** How long a sign-in link works. */
export const SIGN_IN_LINK_TTL_MS = 15 * 60_000;
/** How long an invitation works; it has to wait for somebody to read their mail. */
export const INVITE_TTL_MS = 24 * 60 * 60_000;

export interface SignInLinkRequest {
  readonly store: WebRoomStore;
  /** Where the page is reached, such as `http://127.0.0.1:7717`. */
  readonly baseUrl: string;
  readonly organizationId: string;
  readonly personName: string;
  /** Given to a person who is made by this link; somebody of that name keeps the role they have. */
  readonly role: WebRole;
}

export interface SignInLink {
  readonly url: string;
  readonly expiresAt: string;
}

/**
 * Makes a link that signs one browser in, once, within 15 minutes; the person is made when the link is used and nobody has the name.
 *
 * Only for callers who own the machine (`parley start`): it asks for no permission.
 */
export async function issueSignInLink(request: SignInLinkRequest): Promise<SignInLink> {
  const { store, baseUrl, organizationId, personName, role } = request;
  return await issueLink({
    store,
    baseUrl,
    organizationId,
    for: { name: personName, role, reuseName: true },
    ttlMs: SIGN_IN_LINK_TTL_MS,
  });
}

/** Makes any link; the code is in the URL's fragment, which browsers send to no server and servers do not log. */
export async function issueLink(link: {
  store: WebRoomStore;
  baseUrl: string;
  organizationId: string;
  for: { personId: string } | { name: string; role: WebRole; reuseName: boolean };
  ttlMs: number;
}): Promise<SignInLink> {
  const code = newSecret();
  const { expiresAt } = await link.store.access.issueLink({
    organizationId: link.organizationId,
    codeHash: hashSecret(code),
    for: link.for,
    ttlMs: link.ttlMs,
  });
  const url = new URL("/sign-in", link.baseUrl);
  url.hash = `code=${code}`;
  return { url: url.href, expiresAt };
}
