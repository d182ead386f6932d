export { createWebAdapter, type WebAdapter } from "./adapter.ts";
export { WEB_COMMANDS } from "./commands.ts";
export type { WebAdapterConfig, WebOidcSettings } from "./config.ts";
export type { RoomInvitations, WebAdapterDependencies, WebRoomAgent } from "./context.ts";
export { issueSignInLink, type SignInLink, type SignInLinkRequest } from "./sign-in.ts";
export { webRenderer } from "./web-renderer.ts";
