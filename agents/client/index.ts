/** `parley/agent`: what authors of agents import. */
export {
  type AgentFunction,
  type AgentReturn,
  type AgentYield,
  type Deferral,
  defineAgent,
} from "../shared/agent-function.ts";
export { AgentClientError, type AgentClientErrorCode } from "./client-error.ts";
export { type ConnectedAgent, type ConnectOptions, connectAgent } from "./connect-agent.ts";
export type { AgentTurn, TurnHandler } from "./turn-desk.ts";
export type { ApprovalOutcome, ApprovalToAsk, FileToSend, InputToAsk, TurnReply } from "./turn-reply.ts";
export type { ToolInputs, TurnTools } from "./turn-tools.ts";
