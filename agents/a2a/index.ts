export { A2aConfig, type A2aConfigInput } from "./config.ts";
export { type A2aConnectorOptions, createA2aConnector } from "./connector.ts";
export { isPushToken } from "./push.ts";
