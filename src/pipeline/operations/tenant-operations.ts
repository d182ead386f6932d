import type { Operations } from "../../contracts/operations.ts";

/**
 * The operations with each call carried out on its own organization's view of the ledger: one that would reach beyond finds nothing there.
 *
 * What belongs to no organization, or to whichever a secret turns out to be of, stays with the ledger's owner.
 */
export function createTenantOperations(owner: Operations, make: (organizationId: string) => Operations): Operations {
  const made = new Map<string, Operations>();
  const of = (organizationId: string): Operations => {
    const own = made.get(organizationId) ?? make(organizationId);
    made.set(organizationId, own);
    return own;
  };
  return {
    agents: dispatch(owner.agents, (organizationId) => of(organizationId).agents),
    deadLetters: dispatch(owner.deadLetters, (organizationId) => of(organizationId).deadLetters),
    switches: dispatch(owner.switches, (organizationId) => of(organizationId).switches),
    explain: async (organizationId, ...rest) => await of(organizationId).explain(organizationId, ...rest),
    turnAgain: async (organizationId, ...rest) => await of(organizationId).turnAgain(organizationId, ...rest),
    send: async (request) => await of(request.organizationId).send(request),
    stop: async (request) => await of(request.organizationId).stop(request),
    acceptDeferredReply: async (token, reply) => await owner.acceptDeferredReply(token, reply),
    status: async (organizationId) =>
      await (organizationId === undefined ? owner : of(organizationId)).status(organizationId),
  };
}

type Method = (organizationId: string, ...rest: never[]) => unknown;

/** Methods of operations all take the organization's id first. */
function dispatch<Group extends { readonly [Name in keyof Group]: Method }>(
  shape: Group,
  of: (organizationId: string) => Group,
): Group {
  const entries = Object.keys(shape).map((name) => {
    const method = name as keyof Group; // a key of that very object
    return [name, (organizationId: string, ...rest: never[]) => of(organizationId)[method](organizationId, ...rest)];
  });
  return Object.fromEntries(entries) as Group; // the same names, each with the method's own parameters and result
}
