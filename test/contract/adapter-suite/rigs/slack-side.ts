import type { SlackStandIn, SmallWorkspace } from "../../../support/slack/index.ts";

export const ORGANIZATION = "acme";

/** One stand-in, its workspace and what the harness made there. */
export interface SlackSide {
  readonly slack: SlackStandIn;
  readonly workspace: SmallWorkspace;
  readonly transport: "http" | "socket";
  readonly installationId: string;
  readonly asker: string;
  readonly bystander: string;
}
