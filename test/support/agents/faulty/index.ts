import { faultyA2a } from "./a2a.ts";
import { faultyAcp } from "./acp.ts";
import { faultyAgui } from "./agui.ts";
import type { FaultyKind } from "./fault.ts";
import { faultyFunction } from "./function.ts";
import { faultyModel } from "./model.ts";
import { faultySocket } from "./socket.ts";
import { faultyWebhook } from "./webhook.ts";

/** How the agents of each connector fail. */
export const FAULTY_KINDS: Readonly<Record<string, FaultyKind>> = {
  webhook: faultyWebhook,
  socket: faultySocket,
  acp: faultyAcp,
  a2a: faultyA2a,
  agui: faultyAgui,
  model: faultyModel,
  function: faultyFunction,
};
