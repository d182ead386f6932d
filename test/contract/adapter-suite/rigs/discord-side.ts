import type { ChatAdapter } from "../../../../src/contracts/adapter.ts";
import type { DiscordStandIn, SmallServer } from "../../../support/discord/index.ts";
import type { RecordingSink } from "../recording-sink.ts";

export const ORGANIZATION = "acme";

/** One stand-in, its guild, and what the harness made there. */
export interface DiscordSide {
  readonly discord: DiscordStandIn;
  readonly server: SmallServer;
  readonly installationId: string;
  readonly asker: string;
  readonly bystander: string;
  readonly sink: RecordingSink;
  /** How often the sink has refused an event. */
  readonly refusals: () => number;
  /** The adapter that runs now. */
  readonly current: () => ChatAdapter;
  /** Starts another adapter in the place of the current one, on a sink. */
  readonly succeed: (sink: RecordingSink) => Promise<ChatAdapter>;
}
