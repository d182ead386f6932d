export { SocketConfig } from "./config.ts";
export { createSocketConnector, type SocketConnectorOptions } from "./connector.ts";
export { type AttachedAgent, type ConnectionBook, DialInHub, type DialInHubOptions } from "./hub.ts";
