/** The rules that say that an agent has no business in a place any more, as they stand in requests to stop a turn. */
const ACCESS_ENDED: ReadonlySet<string> = new Set([
  "agent_removed",
  "agent_stopped",
  "organization_stopped",
  "member_left",
  "channel_archived",
  "identity_not_in_channel",
  "membership_changed",
  "installation_removed",
]);

/** The rule of a request (`state:rule`) that ends a turn's access; undefined for other requests. What people saw by then stands as it is. */
export function endedAccess(request: string | undefined): string | undefined {
  const rule = ruleOf(request);
  return rule !== undefined && ACCESS_ENDED.has(rule) ? rule : undefined;
}

/** The rule of a request that calls off what waits to be sent for a turn: its access ended, or whoever asked has left and nobody waits for an answer. */
export function callsOffSends(request: string): string | undefined {
  return ruleOf(request) === "asker_left" ? "asker_left" : endedAccess(request);
}

function ruleOf(request: string | undefined): string | undefined {
  return request?.slice(request.indexOf(":") + 1);
}
