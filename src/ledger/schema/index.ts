export * from "./directory.ts";
export * from "./inbound.ts";
export * from "./outbound.ts";
export * from "./web.ts";
