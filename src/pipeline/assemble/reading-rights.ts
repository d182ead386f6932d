import { type AccessDecision, decideAccess } from "../../access/decide-access.ts";
import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { PolicyBook } from "../../access/policy-book.ts";
import type { AccessAction } from "../../contracts/access.ts";
import { agentMay, type ChannelState, placesOf } from "../agent-grant.ts";
import type { DirectoryAgent } from "../directory.ts";

/** Oldest fact that may decide anything across conversations, in ms. */
export const MAX_FACT_AGE_MS = 60_000;

const MAX_REMEMBERED = 10_000;

/** What of a person and an agent decides whether one conversation may be read on behalf of another. */
export interface ReadingRights {
  /** Whether a person may do something in a conversation now, by facts at most 60 s old. */
  personMay(personId: string, action: AccessAction, where: FactPlace): Promise<AccessDecision>;
  /** Whether agent and asking person may both read it now; the rule is the agent's, where that denies. */
  bothMayRead(
    who: { readonly agent: DirectoryAgent; readonly personId: string },
    where: FactPlace,
    state: ChannelState,
  ): Promise<AccessDecision>;
}

/** Creates the one way from facts to decisions across conversations. */
export function createReadingRights(facts: MemberFacts, policies: PolicyBook): ReadingRights {
  /** When the identity was last seen in a channel; that it was put out since is an event, which the mirror has. */
  const seen = new Map<string, number>();

  async function personMay(personId: string, action: AccessAction, where: FactPlace): Promise<AccessDecision> {
    const { organizationId, installationId, path } = where;
    const fact = await facts.of({ ...where, personId, maxAgeMs: MAX_FACT_AGE_MS });
    const places = placesOf(installationId, path);
    const book = policies.of(organizationId);
    return decideAccess({
      who: { kind: "person", id: personId, memberClass: fact.memberClass, roles: book.rolesOf(personId, places) },
      action,
      where: places,
      facts: {
        organizationStopped: book.stopped,
        archived: false,
        identityInChannel: undefined,
        membership: fact.membership,
        ageMs: fact.ageMs,
        maxAgeMs: MAX_FACT_AGE_MS,
        agent: undefined,
        rules: book.rules,
      },
    });
  }

  /** The identity that carries the agent must be there too; what the platform does not say is no. */
  async function presenceOf(where: FactPlace, otherwise: AccessDecision): Promise<AccessDecision> {
    const key = JSON.stringify([where.organizationId, where.installationId, where.path.channel.id]);
    const known = seen.get(key);
    if (known !== undefined && performance.now() - known < MAX_FACT_AGE_MS) return otherwise;
    seen.delete(key);
    const present = await facts.isPresent(where);
    if (present !== true)
      return { allowed: false, rule: present === false ? "identity_not_in_channel" : "identity_unknown" };
    if (seen.size >= MAX_REMEMBERED) seen.clear();
    seen.set(key, performance.now());
    return otherwise;
  }

  return {
    personMay,
    async bothMayRead({ agent, personId }, where, state) {
      const { organizationId, installationId, path } = where;
      const own = agentMay(agent, "read_history", { installationId, path }, policies.of(organizationId), state);
      if (!own.allowed) return own;
      const asker = await personMay(personId, "read_history", where);
      return asker.allowed ? await presenceOf(where, asker) : asker;
    },
  };
}
