import { hashApiToken, isApiTokenText, newApiToken } from "../../access/api-token-text.ts";
import type { ApiPrincipal, ApiScope, ApiTokenOperations, ApiTokenView } from "../../contracts/api-token.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import {
  ensureGuest,
  findTalker,
  findToken,
  insertToken,
  listTokens,
  lockToken,
  rehashToken,
  replaceTokenHash,
  revokeToken,
} from "../../ledger/api-tokens.ts";
import { type AuditEntry, appendAudit } from "../../ledger/audit-log.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";

export interface TokenOperationsOptions {
  /** As the owner of the ledger: whose token is presented is known only once it is found. */
  readonly database: Database;
  /** The ledger as one organization sees it. */
  readonly tenant: (organizationId: string) => Database;
  readonly newId: NewId;
  /** Keys of the hashes; the first one makes new ones, the others are those of before. */
  readonly keys: readonly [Buffer, ...Buffer[]];
}

/** Tokens of the API. Whoever makes or renews one has every scope that it has (security rule R6), on whichever way they came. */
export function createTokenOperations({ database, tenant, newId, keys }: TokenOperationsOptions): ApiTokenOperations {
  const [key] = keys;

  async function refuseMore(principal: ApiPrincipal, wanted: readonly ApiScope[], what: string): Promise<void> {
    const missing = wanted.filter((scope) => !principal.scopes.has(scope));
    if (missing.length === 0) return;
    await appendAudit(tenant(principal.organizationId), principal.organizationId, [
      { what: "denied", by: principal.id, rule: "scopes_are_subset", action: what, scopes: missing },
    ]);
    throw new ParleyError("PERMISSION_DENIED", {
      detail: `a token can pass on only scopes that it has itself; missing: ${missing.join(", ")}`,
    });
  }

  async function guestOf(tx: SqlRunner, organizationId: string, name: string): Promise<string> {
    const personId = await ensureGuest(tx, organizationId, { id: newId("p"), name });
    if (personId !== undefined) return personId;
    throw new ParleyError("CONFLICT", {
      detail: "somebody here has that name already; a guest needs one of their own",
    });
  }

  async function talkerOf(
    organizationId: string,
    scopes: readonly ApiScope[],
    as: string | undefined,
    guest: string | undefined,
  ): Promise<string | undefined> {
    if (as === undefined && guest === undefined) return undefined;
    if (as !== undefined && guest !== undefined)
      throw new ParleyError("REQUEST_INVALID", { detail: "a token stands for one: give as or guest" });
    if (!scopes.includes("talk"))
      throw new ParleyError("REQUEST_INVALID", { detail: "only a token with the scope talk stands for a person" });
    if (as === undefined) return undefined;
    const personId = await findTalker(tenant(organizationId), organizationId, as);
    if (personId === undefined)
      throw new ParleyError("NOT_FOUND", { detail: "nobody of this id or name is in the web rooms" });
    return personId;
  }

  return {
    list: async ({ organizationId }) => await listTokens(tenant(organizationId), organizationId),
    async create(principal, { name, scopes, expiresInDays, as, guest }) {
      const { organizationId, id: createdBy } = principal;
      const wanted = [...new Set(scopes)];
      await refuseMore(principal, wanted, "token_added");
      const talker = await talkerOf(organizationId, wanted, as, guest);
      const secret = newApiToken();
      const id = newId("k");
      const token = await tenant(organizationId).transaction(async (tx) => {
        const personId = guest === undefined ? talker : await guestOf(tx, organizationId, guest);
        await appendAudit(tx, organizationId, [
          entry(principal, "token_added", id, { name, scopes: wanted, personId }),
        ]);
        const hash = hashApiToken(key, secret);
        const made = { id, organizationId, name, hash, scopes: wanted, createdBy, expiresInDays, personId };
        return await insertToken(tx, made);
      });
      return { token: present(token), secret };
    },
    async rotate(principal, id) {
      const { organizationId } = principal;
      const own = tenant(organizationId);
      const [known] = (await listTokens(own, organizationId)).filter((token) => token.id === id);
      if (known === undefined || known.revokedAt !== undefined) throw unknownToken();
      // Its new secret is worth what the token is worth.
      await refuseMore(principal, known.scopes, "token_rotated");
      const secret = newApiToken();
      const token = await own.transaction(async (tx) => {
        if ((await lockToken(tx, organizationId, id)) === undefined) throw unknownToken();
        await appendAudit(tx, organizationId, [entry(principal, "token_rotated", id)]);
        return await replaceTokenHash(tx, organizationId, id, hashApiToken(key, secret));
      });
      return { token: present(token), secret };
    },
    async revoke(principal, id) {
      const { organizationId } = principal;
      await tenant(organizationId).transaction(async (tx) => {
        if (!(await revokeToken(tx, organizationId, id))) throw unknownToken();
        await appendAudit(tx, organizationId, [entry(principal, "token_revoked", id)]);
      });
    },
    async verify(presented) {
      if (!isApiTokenText(presented)) return undefined;
      const hashes = keys.map((one) => hashApiToken(one, presented));
      const found = await findToken(database, hashes);
      if (found === undefined) return undefined;
      const current = hashes[0];
      if (current !== undefined && found.hash !== current) await rehashToken(database, found.id, found.hash, current);
      const { organizationId, personId } = found;
      const principal = { id: `token:${found.id}`, organizationId, scopes: new Set(found.scopes) };
      return personId === undefined ? principal : { ...principal, personId };
    },
  };
}

function entry(
  { id }: ApiPrincipal,
  change: string,
  tokenId: string,
  more: { readonly name?: string; readonly scopes?: ApiScope[]; readonly personId?: string | undefined } = {},
): AuditEntry {
  return { what: "grant_changed", by: id, rule: "scopes_are_subset", change, token: tokenId, ...more };
}

function present(token: ApiTokenView | undefined): ApiTokenView {
  if (token === undefined) throw new ParleyError("INVARIANT_BROKEN", { detail: "a stored token was not returned" });
  return token;
}

function unknownToken(): ParleyError {
  return new ParleyError("NOT_FOUND", { detail: 'there is no such token; "parley tokens list" shows those there are' });
}
