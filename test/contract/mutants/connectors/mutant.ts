import type { createWebhookConnector } from "../../../../agents/webhook/index.ts";
import type { AgentConnector, ConnectorEvent, TurnIo, TurnRequest } from "../../../../src/contracts/connector.ts";

export type CreateWebhook = typeof createWebhookConnector;

/** A webhook connector that breaks obligations on purpose; the suite must fail on exactly these. */
export interface ConnectorMutant {
  readonly name: string;
  readonly breaks: readonly string[];
  readonly create: CreateWebhook;
}

export type Invoke = (real: AgentConnector, request: TurnRequest, io: TurnIo) => AsyncIterable<ConnectorEvent>;

/** The real connector with another `invoke`. */
export function withInvoke(real: AgentConnector, invoke: Invoke): AgentConnector {
  return {
    kind: real.kind,
    features: real.features,
    invoke: (request, io) => invoke(real, request, io),
    check: (signal) => real.check(signal),
    close: () => real.close(),
  };
}
