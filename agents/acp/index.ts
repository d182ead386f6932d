export { AcpConfig } from "./config.ts";
export { type AcpConnectorOptions, createAcpConnector } from "./connector.ts";
