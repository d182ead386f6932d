import type { MemberFacts } from "../../access/member-facts.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { createPresenceWatch } from "./presence-watch.ts";
import { createRosterLoader } from "./roster-loader.ts";

/** Keeps the mirror of who is where true to the platforms: loaded when a channel is first seen, asked about while something is under way there. */
export interface MembershipUpkeep {
  /** Takes an event of a channel that this process did not know, or that the installation has joined. */
  readonly see: (envelope: Envelope) => void;
  start(): void;
  stop(): void;
}

export function createMembershipUpkeep(options: {
  readonly database: Database;
  readonly facts: MemberFacts;
  readonly logger: Logger;
  readonly platforms: readonly string[];
  readonly cancel: (turnId: string, request: string) => void;
}): MembershipUpkeep {
  const { cancel, platforms, ...ports } = options;
  const loader = createRosterLoader(ports);
  const watch = createPresenceWatch({
    ...ports,
    // The events of the built-in room are in the ledger with what they tell: none is missed.
    platforms: platforms.filter((platform) => platform !== "web"),
    onEndedAccess: (turns) => {
      for (const { id, reason } of turns) cancel(id, `cancelled:${reason}`);
    },
  });
  return {
    see({ kind, body, organizationId, installationId, conversation }) {
      const { thread: _thread, ...path } = conversation;
      loader.see({ organizationId, installationId, path }, kind === "member_joined" && body.self);
    },
    start: () => watch.start(),
    stop() {
      watch.stop();
      loader.stop();
    },
  };
}
