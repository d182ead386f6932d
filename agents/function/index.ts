export { FunctionConfig } from "./config.ts";
export { createFunctionConnector, type FunctionConnectorOptions } from "./connector.ts";
