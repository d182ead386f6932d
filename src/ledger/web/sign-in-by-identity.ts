import { createHash } from "node:crypto";
import type { WebSessionRecord } from "../../contracts/web-room-records.ts";
import type { WebAccessStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { appendAudit } from "../audit-log.ts";
import type { SqlRunner } from "../connection/database.ts";
import { publish } from "./notices.ts";
import { openSession } from "./redeem-link.ts";

type Use = Parameters<WebAccessStore["signInByIdentity"]>[0];

/** Names that are taken get a number; beyond that somebody is playing. */
const MAX_NAMESAKES = 200;

/** Opens a session for somebody whom a provider signed in, in the caller's transaction. */
export async function signInByIdentity(tx: SqlRunner, use: Use): Promise<WebSessionRecord | undefined> {
  const { organizationId } = use;
  // Two tabs that sign the same person in for the first time make one person.
  await tx.query({ text: "select pg_advisory_xact_lock(hashtextextended($1, 0))" }, [
    JSON.stringify(["web identity", organizationId, use.issuer, use.subject]),
  ]);
  const [known] = await tx.query<{ id: string; active: boolean }>(
    { text: "select id, active from web_people where organization_id = $1 and oidc_issuer = $2 and oidc_subject = $3" },
    [organizationId, use.issuer, use.subject],
  );
  const rule = use.admitted ? (known?.active === false ? "person_is_active" : undefined) : "identity_is_admitted";
  if (rule !== undefined) {
    const by = known?.id ?? `identity:${digestOf(use)}`;
    await appendAudit(tx, organizationId, [{ what: "denied", by, rule, action: "sign_in", issuer: use.issuer }]);
    return undefined;
  }
  const personId = known?.id ?? (await makePerson(tx, use));
  return await openSession(tx, { ...use, personId });
}

async function makePerson(tx: SqlRunner, use: Use): Promise<string> {
  const { organizationId, newPersonId: personId } = use;
  for (let number = 1; number <= MAX_NAMESAKES; number += 1) {
    const made = await tx.query(
      {
        text: `insert into web_people (id, organization_id, name, role, oidc_issuer, oidc_subject) values ($1, $2, $3, $4, $5, $6)
               on conflict (organization_id, lower(name)) do nothing returning 1`,
      },
      [personId, organizationId, number === 1 ? use.name : `${use.name} ${number}`, use.role, use.issuer, use.subject],
    );
    if (made.length === 0) continue;
    await appendAudit(tx, organizationId, [
      {
        what: "grant_changed",
        by: `identity:${digestOf(use)}`,
        rule: "identity_is_admitted",
        change: "person_added",
        person: personId,
        role: use.role,
      },
    ]);
    await publish(tx, { type: "person", organizationId, personId });
    return personId;
  }
  throw new ParleyError("CONFLICT", { detail: "Too many people here have that name." });
}

/** Names an identity in the log without what the provider calls it, which may be an e-mail address. */
function digestOf({ issuer, subject }: Use): string {
  return createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex")
    .slice(0, 24);
}
