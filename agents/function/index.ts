export {
  type AgentFunction,
  type AgentReturn,
  type AgentYield,
  type Deferral,
  defineAgent,
} from "../shared/agent-function.ts";
export { FunctionConfig } from "./config.ts";
export { createFunctionConnector, type FunctionConnectorOptions } from "./connector.ts";
