export { type RemoteDiscord, spawnDiscordStandIn } from "./control-client.ts";
export type { InteractionOutcome } from "./humans/gestures.ts";
export type { AppCredentials, SmallServer } from "./humans/setup.ts";
export type { StandInOptions } from "./options.ts";
export type { LogEntry } from "./oracle/guild-log.ts";
export type { RequestEntry } from "./oracle/request-log.ts";
export { createDiscordStandIn, type DiscordStandIn } from "./stand-in.ts";
